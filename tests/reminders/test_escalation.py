"""An alert that nobody looks at goes to the next people, and the patient is told.

Defects planted, each seen red: an absent lead written to all the same; the lapse counted on
the wall while the site was closed; a mail sent although a colleague had looked meanwhile; a
second worker passing on the same alert; the mail naming the rule.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from config.content import read_content
from recovery_service.database import few_trips, transaction, within
from recovery_service.domain.check_ins import NewCheckIn
from recovery_service.domain.content import Content
from recovery_service.extensions import parts
from recovery_service.models import CareTeamMember, StaffAbsence
from recovery_service.reminders.channels.protocol import Dead, Retry
from recovery_service.reminders.loop import tick_once
from recovery_service.reminders.not_done import Watching
from recovery_service.services import alerts
from recovery_service.services.check_ins import Reporter, record_check_in
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome
from tests.reminders.conftest import Bench
from tests.reminders.memory_channel import MemoryChannel

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CONTENT = Content.parse(read_content())
WATCHING = Watching(rules=CONTENT.red_flags, policy=CONTENT.alert_policy)


@pytest.fixture
def mail(bench: Bench) -> MemoryChannel:
    box = bench.channels["email"] = MemoryChannel("email")
    return box


@pytest.fixture
def clinic(bench: Bench) -> ClinicWithStaff:
    return bench.clinic()


@pytest.fixture
def patient(bench: Bench, clinic: ClinicWithStaff) -> PatientAtHome:
    """Return a patient whom the physiotherapist leads, with the coordinator in the team."""
    made = bench.patient(clinic)
    with bench.at_the_clinic(clinic.id) as session:
        session.add_all(
            CareTeamMember(
                clinic_id=clinic.id,
                id=uuid4(),
                patient_id=made.id,
                staff_id=clinic.staff[role],
                lead=role == "physiotherapist",
                from_date=MONDAY.date(),
            )
            for role in ("physiotherapist", "coordinator")
        )
    return made


@pytest.fixture
def report(bench: Bench, patient: PatientAtHome) -> Callable[..., None]:
    def sent(**answers: Any) -> None:
        now = bench.clock()
        new = NewCheckIn(
            id=uuid4(),
            date=now.date(),
            recorded_at=now,
            time_zone="Europe/London",
            form_version="1",
            answers=answers,
        )
        whose = Reporter(
            clinic_id=patient.clinic_id, patient_id=patient.id, home_zone="Europe/London"
        )
        with bench.web.app_context(), within(patient.clinic_id):
            record_check_in(few_trips, transaction, parts().content, whose, new, now=now)

    return sent


def tick(bench: Bench) -> Any:
    return tick_once(bench.sender(watching=WATCHING), batch=bench.batch)


def mailed(bench: Bench, mail: MemoryChannel, clinic: ClinicWithStaff) -> list[str]:
    """Return the roles that were written to since, in their order."""
    roles = {email: role for role, email in clinic.emails.items()}
    found = [roles[address.address or ""] for address, _ in mail.asked]
    mail.asked.clear()
    return found


def away(bench: Bench, clinic: ClinicWithStaff, role: str, cover: str | None = None) -> None:
    with bench.at_the_clinic(clinic.id) as session:
        session.add(
            StaffAbsence(
                clinic_id=clinic.id,
                id=uuid4(),
                staff_id=clinic.staff[role],
                from_date=MONDAY.date(),
                to_date=MONDAY.date() + 7 * DAY,
                cover_id=clinic.staff[cover] if cover else None,
                created_at=MONDAY,
            )
        )


def standing(bench: Bench) -> list[Any]:
    return bench.rows("SELECT state, escalation, respond_by FROM alert ORDER BY raised_at")


def test_it_goes_from_the_lead_to_the_team_to_every_clinician(
    bench: Bench, mail: MemoryChannel, clinic: ClinicWithStaff, report: Callable[..., None]
) -> None:
    report(saddle_numb=True)
    tick(bench)
    assert mailed(bench, mail, clinic) == ["physiotherapist"]
    bench.clock.advance(HOUR - timedelta(seconds=1))
    tick(bench)
    assert mailed(bench, mail, clinic) == []
    bench.clock.advance(timedelta(seconds=1))
    tick(bench)
    assert sorted(mailed(bench, mail, clinic)) == ["coordinator", "physiotherapist"]
    assert standing(bench) == [("open", 1, bench.clock() + HOUR / 2)]
    bench.clock.advance(HOUR / 2)
    tick(bench)
    assert sorted(mailed(bench, mail, clinic)) == ["physiotherapist", "surgeon"]
    assert [message.kind for message in bench.phone.synced] != []  # the app is woken, silently


def test_it_is_passed_on_so_often_and_then_stays_overdue(
    bench: Bench, mail: MemoryChannel, report: Callable[..., None]
) -> None:
    report(saddle_numb=True)
    for _ in range(8):
        bench.clock.advance(HOUR)
        tick(bench)
    ((state, escalation, respond_by),) = standing(bench)
    assert (state, escalation) == ("open", 4)
    assert respond_by < bench.clock()


def test_who_is_away_is_passed_over_for_who_stands_in(
    bench: Bench, mail: MemoryChannel, clinic: ClinicWithStaff, report: Callable[..., None]
) -> None:
    away(bench, clinic, "physiotherapist", cover="surgeon")
    report(saddle_numb=True)
    tick(bench)
    assert mailed(bench, mail, clinic) == ["surgeon"]


def test_where_the_lead_is_away_and_nobody_stands_in_the_team_is_asked_at_once(
    bench: Bench, mail: MemoryChannel, clinic: ClinicWithStaff, report: Callable[..., None]
) -> None:
    away(bench, clinic, "physiotherapist")
    report(saddle_numb=True)
    tick(bench)
    assert mailed(bench, mail, clinic) == ["coordinator"]


def test_nothing_lapses_while_the_site_is_closed(
    bench: Bench, mail: MemoryChannel, clinic: ClinicWithStaff, report: Callable[..., None]
) -> None:
    bench.clock.set(datetime(2026, 3, 6, 16, 30, tzinfo=UTC))  # Friday, half an hour to go
    report(saddle_numb=True)
    tick(bench)
    mail.asked.clear()
    bench.clock.set(datetime(2026, 3, 9, 8, 29, tzinfo=UTC))
    tick(bench)
    assert mailed(bench, mail, clinic) == []
    bench.clock.advance(timedelta(minutes=1))
    tick(bench)
    assert mailed(bench, mail, clinic) != []


def test_who_has_looked_is_not_written_to_again(
    bench: Bench,
    mail: MemoryChannel,
    clinic: ClinicWithStaff,
    patient: PatientAtHome,
    report: Callable[..., None],
) -> None:
    report(saddle_numb=True)
    (alert_id,) = bench.rows("SELECT id FROM alert")[0]
    with bench.at_the_clinic(clinic.id) as session:
        alerts.acknowledge(session, clinic.actor(), UUID(str(alert_id)), None, now=bench.clock())
    tick(bench)
    assert mailed(bench, mail, clinic) == []
    assert bench.rows("SELECT state, reason FROM staff_notice") == [("dropped", "seen")]
    bench.clock.advance(DAY)
    tick(bench)
    assert standing(bench)[0][:2] == ("acknowledged", 0)


def test_two_workers_pass_it_on_once(
    bench: Bench, mail: MemoryChannel, report: Callable[..., None]
) -> None:
    for _ in range(2):
        report(saddle_numb=True, calf="left")
    bench.clock.advance(5 * HOUR)
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda _: tick(bench), range(4)))
    assert {row[1] for row in standing(bench)} == {1}
    events = bench.rows("SELECT count(*) FROM staff_notice WHERE cause = 'escalated'")
    assert events == [(2,)]  # the team of two, on the emergency alone


def test_the_mail_says_nothing_of_whom_or_of_what(
    bench: Bench, mail: MemoryChannel, report: Callable[..., None]
) -> None:
    report(saddle_numb=True)
    tick(bench)
    ((_, message),) = mail.asked
    words = f"{message.title} {message.line} {message.deep_link}".lower()
    for secret in ("test patient", "ces", "numb", "emergency", "spine"):
        assert secret not in words


def test_a_mail_that_cannot_go_out_is_tried_again_and_then_given_up(
    bench: Bench, mail: MemoryChannel, report: Callable[..., None]
) -> None:
    mail.answer = lambda _: Retry(None, "unreachable")
    report(saddle_numb=True)
    tick(bench)
    assert bench.rows("SELECT state, reason, attempts FROM staff_notice") == [
        ("ready", "unreachable", 1)
    ]
    mail.answer = lambda _: Dead("provider_rejected")
    bench.clock.advance(timedelta(minutes=1))
    tick(bench)
    assert bench.rows("SELECT state, reason, attempts FROM staff_notice") == [
        ("dead", "provider_rejected", 2)
    ]


def test_where_no_mail_is_set_up_it_says_so(bench: Bench, report: Callable[..., None]) -> None:
    del bench.channels["email"]
    report(saddle_numb=True)
    tick(bench)
    assert bench.rows("SELECT state, reason FROM staff_notice") == [("dead", "no_channel")]


@pytest.mark.parametrize(("wanted", "count"), [("emergency", 0), ("same_day", 1), ("none", 0)])
def test_nobody_is_mailed_of_a_tier_they_do_not_want(
    bench: Bench,
    mail: MemoryChannel,
    clinic: ClinicWithStaff,
    report: Callable[..., None],
    wanted: str,
    count: int,
) -> None:
    bench.change(clinic.id, "UPDATE staff_member SET alert_mail = :wanted", wanted=wanted)
    report(calf="left")
    tick(bench)
    assert len(mail.asked) == count


def test_an_episode_that_ends_takes_its_alerts_with_it(
    bench: Bench, mail: MemoryChannel, clinic: ClinicWithStaff, patient: PatientAtHome,
    report: Callable[..., None],
) -> None:  # fmt: skip
    report(saddle_numb=True)
    with bench.at_the_clinic(clinic.id) as session:
        alerts.end_alerts(session, clinic.actor(), patient.episode_id, now=bench.clock())
    tick(bench)
    assert mailed(bench, mail, clinic) == []
    assert bench.rows("SELECT state, resolution FROM alert") == [("resolved", "episode_ended")]
