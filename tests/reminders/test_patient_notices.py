"""When nobody looks in time the patient is told visibly, and staff in the way that they chose.

Defects planted, each seen red: telling without asking whether somebody has acknowledged; the
escalation told again by a second tick; the quiet hours of the patient left out for every tier;
an address that nobody verified written to; a text begun twice.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

from recovery_service.models import StaffDevice
from recovery_service.reminders.channels.protocol import Message, Retired, Retry
from recovery_service.reminders.escalation import escalate
from recovery_service.services import alerts
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome
from tests.reminders.conftest import LEASE, Bench
from tests.reminders.memory_channel import MemoryChannel
from tests.reminders.test_escalation import (  # noqa: F401 - fixtures
    HOUR,
    WATCHING,
    clinic,
    mail,
    patient,
    report,
    tick,
)
from tests.reports import report as stored

Report = Callable[..., None]


def lines(channel: MemoryChannel) -> list[Message]:
    """Return what a channel was asked to show of alerts, oldest first."""
    return [message for _, message in channel.asked if message.kind == "advice"]


def told(bench: Bench) -> list[Any]:
    return bench.rows("SELECT channel, state, reason FROM patient_notice ORDER BY created_at, id")


def lapse(bench: Bench) -> None:
    """Let the first time by which somebody looks go by: an emergency's hour."""
    bench.clock.advance(HOUR)
    tick(bench)


def address(bench: Bench, patient: PatientAtHome, channel: str, *, verified: bool = True) -> None:  # noqa: F811
    bench.change(
        patient.clinic_id,
        "INSERT INTO destination (clinic_id, id, patient_id, channel, address, muted_kinds,"
        " verified_at, created_at) SELECT clinic_id, gen_random_uuid(), id, :channel, 'x',"
        " '{}', CASE WHEN :verified THEN created_at END, created_at FROM patient WHERE id = :id",
        channel=channel,
        verified=verified,
        id=patient.id,
    )


def without_app(bench: Bench, patient: PatientAtHome) -> None:  # noqa: F811
    bench.change(
        patient.clinic_id,
        "UPDATE destination SET retired_at = created_at, retired_reason = 'denied'"
        " WHERE channel = 'webpush'",
    )


def test_the_patient_sees_a_push_that_opens_the_advice_and_says_nothing_of_it(
    bench: Bench, mail: MemoryChannel, report: Report  # noqa: F811
) -> None:  # fmt: skip
    report(saddle_numb=True)
    tick(bench)
    assert lines(bench.phone) == []
    lapse(bench)
    (message,) = lines(bench.phone)
    ((advice_id,),) = bench.rows("SELECT id FROM advice")
    assert message.deep_link == f"/advice/{advice_id}"
    assert (message.silent, message.urgency) == (False, "high")
    words = f"{message.title} {message.line} {message.deep_link}".lower()
    for secret in ("ces", "numb", "emergency", "spine", "nobody", "test patient"):
        assert secret not in words
    assert told(bench) == [("webpush", "sent", None)]


def test_one_escalation_is_told_once_by_however_many_workers(
    bench: Bench, mail: MemoryChannel, report: Report  # noqa: F811
) -> None:  # fmt: skip
    report(saddle_numb=True, calf="left")
    bench.clock.advance(5 * HOUR)
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda _: tick(bench), range(8)))
    assert len(lines(bench.phone)) == 1  # of two alerts that lapsed together, the more pressing


def lapsed_together(bench: Bench, clinic: ClinicWithStaff, many: int) -> None:  # noqa: F811
    """Let two alerts of each of so many patients lapse in the same hour."""
    patients = [bench.patient(clinic) for _ in range(many)]
    with bench.web.app_context():
        for each in patients:
            stored(each, now=bench.clock(), saddle_numb=True, calf="left")
    bench.clock.advance(5 * HOUR)


def heard(bench: Bench) -> set[int]:
    """Return how often patients are told."""
    rows = bench.rows(
        "SELECT count(*) FROM patient_notice n JOIN alert a ON a.id = n.alert_id"
        " GROUP BY a.patient_id"
    )
    return {count for (count,) in rows}


def test_what_lapses_together_is_told_once_whatever_is_taken_at_a_time(
    bench: Bench, mail: MemoryChannel, clinic: ClinicWithStaff  # noqa: F811
) -> None:  # fmt: skip
    """Planted: the batch counted in alerts, which tells a patient of each."""
    lapsed_together(bench, clinic, 2)
    for _ in range(4):
        escalate(bench.transaction, WATCHING.policy, now=bench.clock(), batch=1)
    assert bench.rows("SELECT count(*) FROM alert WHERE escalation = 0") == [(0,)]
    assert heard(bench) == {1}


def test_of_many_patients_each_is_told_once_by_workers_that_meet(
    bench: Bench, mail: MemoryChannel, clinic: ClinicWithStaff  # noqa: F811
) -> None:  # fmt: skip
    """Planted: patients taken without a lock, so that two workers take an alert of one each."""
    lapsed_together(bench, clinic, 40)
    start = Barrier(8)

    def work(_: int) -> None:
        start.wait(30)
        escalate(bench.transaction, WATCHING.policy, now=bench.clock(), batch=100)

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(8)))
    assert heard(bench) == {1}


def test_an_emergency_is_told_at_two_lapses_and_then_no_more(
    bench: Bench, mail: MemoryChannel, report: Report  # noqa: F811
) -> None:  # fmt: skip
    report(saddle_numb=True)
    for _ in range(8):
        lapse(bench)
    assert bench.rows("SELECT escalation FROM alert") == [(4,)]
    assert len(lines(bench.phone)) == 2


def test_who_is_looked_at_meanwhile_is_not_told(
    bench: Bench, mail: MemoryChannel, clinic: ClinicWithStaff, report: Report  # noqa: F811
) -> None:  # fmt: skip
    report(saddle_numb=True)
    bench.phone.answer = lambda _: Retry(None, "unreachable")
    lapse(bench)
    assert told(bench) == [("webpush", "ready", "unreachable")]
    with bench.at_the_clinic(clinic.id) as session:
        ((alert_id,),) = bench.rows("SELECT id FROM alert")
        alerts.acknowledge(session, clinic.actor(), UUID(str(alert_id)), None, now=bench.clock())
    bench.phone.asked.clear()
    bench.clock.advance(HOUR)
    tick(bench)
    assert lines(bench.phone) == []
    assert told(bench) == [("webpush", "dropped", "seen")]


@pytest.mark.parametrize(
    ("tier", "in_the_night"), [("emergency", 1), ("same_day", 1), ("next_business_day", 0)]
)
def test_quiet_hours_hold_by_tier(
    bench: Bench, mail: MemoryChannel, clinic: ClinicWithStaff, report: Report,  # noqa: F811
    tier: str, in_the_night: int,
) -> None:  # fmt: skip
    """The patient's quiet hours are those of the whole working day: 08:00 to 20:00."""
    quiet = ' \'{"quiet_hours": {"from": "08:00", "to": "20:00"}}\''
    bench.change(clinic.id, f"UPDATE patient SET preferences = {quiet}")
    report(saddle_numb=True)
    bench.change(clinic.id, "UPDATE alert SET tier = :tier, respond_by = found_at", tier=tier)
    tick(bench)
    tick(bench)
    assert len(lines(bench.phone)) == in_the_night
    if in_the_night == 0:
        assert told(bench) == [("webpush", "ready", "quiet_hours")]
        bench.clock.set(datetime(2026, 3, 2, 20, 0, tzinfo=UTC))
        tick(bench)
    assert len(lines(bench.phone)) == 1


@pytest.mark.parametrize(
    ("channels", "expected"),
    [(["email", "sms"], "sms"), (["email"], "email"), ([], None)],
)
def test_who_has_no_push_gets_a_text_else_a_mail_at_an_address_that_is_theirs(
    bench: Bench, mail: MemoryChannel, patient: PatientAtHome, report: Report,  # noqa: F811
    channels: list[str], expected: str | None,
) -> None:  # fmt: skip
    bench.channels["sms"] = MemoryChannel("sms")
    without_app(bench, patient)
    for channel in channels:
        address(bench, patient, channel)
    report(saddle_numb=True)
    lapse(bench)
    tick(bench)
    assert told(bench) == ([(expected, "sent", None)] if expected else [])


def test_an_address_that_nobody_verified_gets_nothing(
    bench: Bench, mail: MemoryChannel, patient: PatientAtHome, report: Report  # noqa: F811
) -> None:  # fmt: skip
    without_app(bench, patient)
    address(bench, patient, "email", verified=False)
    report(saddle_numb=True)
    lapse(bench)
    assert told(bench) == []


def test_where_the_phone_turns_out_to_be_gone_an_address_is_used(
    bench: Bench, mail: MemoryChannel, patient: PatientAtHome, report: Report  # noqa: F811
) -> None:  # fmt: skip
    """Planted: leave it at the push."""
    address(bench, patient, "email")
    bench.phone.answer = lambda _: Retired("gone")
    report(saddle_numb=True)
    lapse(bench)
    tick(bench)
    assert sorted(told(bench)) == [("email", "sent", None), ("webpush", "dead", "gone")]
    rows = bench.rows("SELECT retired_reason FROM destination WHERE channel = 'webpush'")
    assert rows == [("gone",)]


def test_a_text_that_was_begun_by_a_sender_who_died_is_not_sent_again(
    bench: Bench, mail: MemoryChannel, patient: PatientAtHome, report: Report  # noqa: F811
) -> None:  # fmt: skip
    text = bench.channels["sms"] = MemoryChannel("sms")
    text.resends = False
    without_app(bench, patient)
    address(bench, patient, "sms")

    def dies() -> None:
        raise KeyboardInterrupt

    text.before = dies
    report(saddle_numb=True)
    bench.clock.advance(HOUR)
    with pytest.raises(KeyboardInterrupt):
        tick(bench)
    text.before = lambda: None
    bench.clock.advance(LEASE)
    tick(bench)
    assert told(bench) == [("sms", "dead", "uncertain")]


# --- staff, by push --------------------------------------------------------------------------


@pytest.fixture
def browser(bench: Bench, clinic: ClinicWithStaff) -> UUID:  # noqa: F811
    """Let the physiotherapist be told of emergencies in a browser, and of nothing by mail."""
    device_id = uuid4()
    with bench.at_the_clinic(clinic.id) as session:
        session.add(
            StaffDevice(
                clinic_id=clinic.id,
                id=device_id,
                staff_id=clinic.staff["physiotherapist"],
                subscription={"endpoint": "https://push.example/1"},
                created_at=MONDAY,
            )
        )
    bench.change(
        clinic.id,
        "UPDATE staff_member SET alert_push = 'emergency', alert_mail = 'none' WHERE id = :id",
        id=clinic.staff["physiotherapist"],
    )
    return device_id


def pushed(bench: Bench) -> list[Message]:
    return [message for _, message in bench.phone.asked if message.kind == "alert"]


def test_staff_are_pushed_to_and_the_push_says_nothing_of_whom_or_of_what(
    bench: Bench, mail: MemoryChannel, browser: UUID, report: Report  # noqa: F811
) -> None:  # fmt: skip
    """Planted: the patient's name in the line."""
    report(saddle_numb=True)
    tick(bench)
    tick(bench)
    (message,) = pushed(bench)
    words = f"{message.title} {message.line} {message.deep_link}".lower()
    for secret in ("test patient", "ces", "numb", "emergency", "spine"):
        assert secret not in words
    assert mail.asked == []


def test_who_wants_pushes_of_emergencies_alone_is_replaced_for_the_rest(
    bench: Bench, mail: MemoryChannel, clinic: ClinicWithStaff, browser: UUID, report: Report  # noqa: F811
) -> None:  # fmt: skip
    report(calf="left")
    tick(bench)
    assert pushed(bench) == []
    assert [to.address for to, _ in mail.asked] == [clinic.emails["coordinator"]]


def test_a_browser_that_is_gone_is_retired_and_its_owner_then_passed_over(
    bench: Bench, mail: MemoryChannel, browser: UUID, report: Report  # noqa: F811
) -> None:  # fmt: skip
    """Planted: leave the device; then the next alert waits for a push that reaches nobody."""
    bench.phone.answer = lambda _: Retired("gone")
    report(saddle_numb=True)
    tick(bench)
    assert bench.rows("SELECT state, reason FROM staff_notice") == [("dead", "gone")]
    assert bench.rows("SELECT retired_reason FROM staff_device") == [("gone",)]
    bench.clock.advance(timedelta(minutes=1))
    report(calf="left", chest_pain=True)
    tick(bench)
    assert len(mail.asked) == 1
