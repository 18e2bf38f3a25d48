"""Questionnaires in the real loop: spoken of at their time points, once and once more.

Planted, each seen red: `settle_answered` left out of `record_response` (red: answered and nudged
all the same); what was answered ahead not written (red: it speaks on its day); identity by date
instead of `once` (red: a moved operation asks again); `follow_clinic` planning what is on hold
(red: it speaks during the hold); the setting not looked at (red: a clinic that asks for nothing
asks); `nudge_after` of the policy (red: asked again after two hours).
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from recovery_service.domain.actions import NewAction
from recovery_service.extensions import db, parts
from recovery_service.models import (
    Clinic,
    Episode,
    Patient,
    PlanRevision,
    QuestionnaireTime,
    RecoveryPlan,
)
from recovery_service.services.agenda import AgendaEntry, agenda
from recovery_service.services.caseload import Wish, caseload
from recovery_service.services.clinics import change_clinic
from recovery_service.services.episodes import (
    change_episode,
    end_episode,
    hold_episode,
    release_episode,
)
from recovery_service.services.occurrences import act
from recovery_service.services.questionnaire_responses import (
    NewQuestionnaireResponse,
    record_response,
)
from recovery_service.services.questionnaire_times import plan_times
from recovery_service.services.schedules import publish_schedules
from tests.domain.rules_in_brief import utc
from tests.factories import ClinicWithStaff, PatientAtHome
from tests.reminders.conftest import Bench

# Surgery was on 27 February: day 14 is 13 March, day 42 is 10 April (British summer time).
DAY_14, DAY_42 = "2026-03-13T10:00", "2026-04-10T09:00"
ANSWERS = {
    f"{name}_{n}": value for n in (1, 2, 3) for name, value in (("activity", "x"), ("ability", 4))
}
LINE = "Some questions about how you are doing are waiting for you."


class Home:
    """A clinic, and patients whose plan is live and asks for nothing by itself."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.clinic: ClinicWithStaff = bench.clinic()
        self.patient: PatientAtHome = self.another()

    def another(self, **changes: Any) -> PatientAtHome:
        patient = self.bench.patient(self.clinic, **changes)
        now, plan = self.bench.clock(), uuid4()
        stamps: dict[str, Any] = {"created_at": now, "updated_at": now}
        with self.bench.at_the_clinic(self.clinic.id) as session:
            session.add(
                RecoveryPlan(
                    clinic_id=self.clinic.id, id=plan, episode_id=patient.episode_id,
                    template_code="own", template_version=1, template_hash="0" * 64,
                    created_at=now,
                )
            )  # fmt: skip
            session.flush()
            session.add(
                PlanRevision(
                    clinic_id=self.clinic.id, id=uuid4(), plan_id=plan, number=1, state="live",
                    effective_from=date(2026, 3, 1), published_at=now, **stamps,
                )
            )  # fmt: skip
            session.flush()
            episode = session.get_one(Episode, (self.clinic.id, patient.episode_id))
            person = session.get_one(Patient, (self.clinic.id, patient.id))
            plan_times(session, parts().content, [episode], now=now)
            publish_schedules(
                session, episode, person, [], effective_from=date(2026, 3, 1), now=now
            )
        return patient

    def switch(self, *codes: str) -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            change_clinic(
                session, self.clinic.actor("admin"), parts().content,
                {"scheduled_instruments": list(codes)}, now=self.bench.clock(),
            )  # fmt: skip

    def answer(self, **changes: Any) -> Any:
        new: dict[str, Any] = {
            "id": uuid4(), "instrument": "psfs", "authored_at": self.bench.clock(),
            "answers": ANSWERS,
        }  # fmt: skip
        with self.bench.at_the_clinic(self.clinic.id) as session:
            row, _ = record_response(
                session, parts().content, self.patient.actor(), self._episode(session),
                NewQuestionnaireResponse(**new | changes),
                home_zone="Europe/London", now=self.bench.clock(),
            )  # fmt: skip
            return row.id

    def edit(self, what: Any, **values: Any) -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            who, episode = self.clinic.actor(), self._episode(session)
            person = session.get_one(Patient, (self.clinic.id, self.patient.id))
            what(session, who, episode, person, **values, now=self.bench.clock())

    def move(self, **changes: Any) -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            change_episode(
                session, self.clinic.actor(), parts().content, self._episode(session),
                session.get_one(Patient, (self.clinic.id, self.patient.id)), changes,
                now=self.bench.clock(),
            )  # fmt: skip

    def agenda(self, first: date, last: date) -> list[AgendaEntry]:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            return agenda(
                session, self.clinic.id, self.patient.id, first, last,
                now=self.bench.clock(), language="en",
            )  # fmt: skip

    def _episode(self, session: Session) -> Episode:
        return session.get_one(Episode, (self.clinic.id, self.patient.episode_id))


@pytest.fixture
def home(bench: Bench) -> Home:
    return Home(bench)


def at(bench: Bench, text: str) -> int:
    """Let it be that moment, give the loop three passes, and return what was pushed by now."""
    bench.clock.set(utc(text))
    for _ in range(3):
        bench.tick()
    return len(bench.phone.sent)


def states(home: Home) -> list[tuple[str, str | None]]:
    return [(state, reason) for _, state, reason in home.bench.occurrences()]


def test_it_speaks_at_its_time_point_and_once_more(home: Home, bench: Bench) -> None:
    home.switch("psfs")
    assert at(bench, "2026-03-13T09:59") == 0
    assert at(bench, DAY_14) == 1
    assert bench.phone.sent[0].line == LINE
    assert str(bench.phone.sent[0].deep_link).startswith("/occurrences/")
    assert at(bench, "2026-03-16T09:00") == 1
    assert at(bench, "2026-03-16T10:05") == 2
    for day in range(17, 31):
        assert at(bench, f"2026-03-{day}T10:05") == 2
    assert states(home) == [("missed", "not_answered")]
    assert at(bench, DAY_42) == 3  # and goes on after a miss


def test_a_clinic_that_schedules_nothing_asks_for_nothing(home: Home, bench: Bench) -> None:
    assert at(bench, DAY_14) == 0
    assert at(bench, DAY_42) == 0


def test_answering_closes_it(home: Home, bench: Bench) -> None:
    home.switch("psfs")
    at(bench, DAY_14)
    bench.clock.set(utc("2026-03-13T12:00"))
    home.answer()
    assert states(home) == [("done", "questionnaire_answered")]
    assert at(bench, "2026-03-16T10:05") == 1
    assert bench.follow_ups() == [("nudge", "webpush", "dropped", "done")]


def test_what_was_answered_before_it_fell_due_is_not_asked_for(home: Home, bench: Bench) -> None:
    home.switch("psfs")
    bench.clock.set(utc("2026-03-30T12:00"))  # day 31: the window is open since day 28
    at(bench, "2026-03-30T12:00")
    home.answer()
    sent = len(bench.phone.sent)
    assert at(bench, DAY_42) == sent
    assert ("done", "questionnaire_answered") in states(home)


def test_a_late_answer_counts_and_a_correction_to_another_time_opens_it_again(
    home: Home, bench: Bench
) -> None:
    home.switch("psfs")
    at(bench, DAY_14)
    first = home.answer()
    bench.later(minutes=1)
    home.answer(supersedes=first, time_point="prom_day_42")
    bench.tick()
    assert [(day, state) for day, state in _days(home)] == [
        (date(2026, 3, 13), "due"), (date(2026, 4, 10), "done"),
    ]  # fmt: skip
    at(bench, "2026-03-25T10:00")
    assert states(home)[0] == ("missed", "not_answered")
    home.answer(time_point="prom_day_14")
    assert states(home)[0] == ("done", "questionnaire_answered")


def _days(home: Home) -> list[tuple[date, str]]:
    found = home.agenda(date(2026, 3, 12), date(2026, 4, 11))
    return [(each.local_date, each.state) for each in found]


@pytest.mark.parametrize("by", [-3, 2, 5])
def test_a_moved_operation_repeats_nothing(home: Home, bench: Bench, by: int) -> None:
    home.switch("psfs")
    at(bench, DAY_14)
    home.move(surgery_date=date(2026, 2, 27) + timedelta(days=by) if by < 2 else date(2026, 3, 1))
    assert at(bench, "2026-03-13T10:30") == 1
    assert at(bench, "2026-03-15T11:00") == 1


def test_a_moved_operation_moves_what_is_ahead(home: Home, bench: Bench) -> None:
    home.switch("psfs")
    home.move(surgery_date=date(2026, 2, 24))
    assert at(bench, "2026-03-10T09:59") == 0
    assert at(bench, "2026-03-10T10:00") == 1
    assert at(bench, DAY_14) == 2  # the nudge of it, three days later, and not the old day


def test_a_hold_silences_it_and_a_release_asks_while_the_window_is_open(
    home: Home, bench: Bench
) -> None:
    home.edit(hold_episode, reason="readmission", held_from=None)
    home.switch("psfs")
    assert at(bench, DAY_14) == 0
    bench.clock.set(utc("2026-03-14T12:00"))
    home.edit(release_episode, on=None)
    assert at(bench, "2026-03-14T12:01") == 1


def test_what_was_asked_falls_silent_with_the_hold(home: Home, bench: Bench) -> None:
    home.switch("psfs")
    at(bench, DAY_14)
    home.edit(hold_episode, reason="readmission", held_from=None)
    assert states(home) == [("cancelled", "on_hold")]
    assert at(bench, "2026-03-16T10:05") == 1


@pytest.mark.parametrize("reason", ["completed", "deceased"])
def test_the_end_silences_it(home: Home, bench: Bench, reason: str) -> None:
    home.switch("psfs")
    home.edit(end_episode, reason=reason, on=None)
    assert at(bench, DAY_14) == 0


def test_it_goes_on_when_nobody_watches_any_more(home: Home, bench: Bench) -> None:
    bench.change(home.clinic.id, "UPDATE episode SET monitored_until = '2026-03-05'")
    home.switch("psfs")
    assert at(bench, DAY_42) == 1  # after the downtime until now, this alone
    assert states(home) == [("missed", "expired_during_downtime"), ("due", None)]


def test_what_is_switched_off_falls_silent_and_comes_back(home: Home, bench: Bench) -> None:
    home.switch("psfs")
    at(bench, DAY_14)
    home.switch()
    assert states(home) == [("cancelled", "item_removed")]
    assert at(bench, "2026-03-16T10:05") == 1
    home.switch("psfs")
    assert at(bench, "2026-03-16T10:10") == 1  # day 14 was said
    assert at(bench, DAY_42) == 2


def test_what_was_answered_is_not_asked_for_when_it_is_switched_on(
    home: Home, bench: Bench
) -> None:
    bench.clock.set(utc("2026-03-14T12:00"))
    home.answer()
    home.switch("psfs")
    assert at(bench, "2026-03-14T12:05") == 0
    assert states(home)[0] == ("done", "questionnaire_answered")


def test_switching_it_on_asks_nobody_at_night_and_only_what_has_a_form(
    home: Home, bench: Bench
) -> None:
    bench.clock.set(utc("2026-03-14T23:00"))
    home.switch("psfs", "odi")  # of the ODI there is no form: nobody could answer it
    assert at(bench, "2026-03-14T23:01") == 0
    with bench.at_the_clinic(home.clinic.id) as session:
        found = session.scalars(select(QuestionnaireTime.instrument).distinct()).all()
    assert found == ["psfs"]
    assert at(bench, "2026-03-15T08:00") == 1


def test_switching_on_takes_as_many_statements_for_many_as_for_few(
    home: Home, bench: Bench
) -> None:
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    def cost() -> int:
        statements.clear()
        home.switch("psfs")
        found = len(statements)
        home.switch()
        bench.change(home.clinic.id, "DELETE FROM schedule WHERE kind = 'questionnaire'")
        bench.change(home.clinic.id, "DELETE FROM questionnaire_time")
        return found

    with bench.web.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        few = cost()
        for _ in range(12):
            home.another()
        assert 0 < cost() == few
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_agenda_shows_it_with_its_name_and_its_address(home: Home, bench: Bench) -> None:
    home.switch("psfs")
    (entry,) = home.agenda(date(2026, 3, 10), date(2026, 3, 20))
    assert (entry.kind, entry.title) == ("questionnaire", "Patient-Specific Functional Scale")
    assert (entry.state, entry.local_date) == ("upcoming", date(2026, 3, 13))
    assert entry.expires_at == datetime.fromisoformat("2026-03-20T23:00:00+00:00")
    assert entry.deep_link == f"/questionnaires/{entry.id}"


def test_who_has_the_clinics_setting_sees_it(home: Home, bench: Bench) -> None:
    home.switch("psfs")
    with bench.at_the_clinic(home.clinic.id) as session:
        assert session.get_one(Clinic, home.clinic.id).scheduled_instruments == ["psfs"]


def reasons(home: Home) -> list[str]:
    with home.bench.at_the_clinic(home.clinic.id) as session:
        (entry,) = caseload(
            session, home.clinic.id, parts().content, Wish(as_of=home.bench.clock())
        )
        assert entry.exercise.due == 0  # a questionnaire is no exercise, missed or not
        return [reason.code for reason in entry.reasons]


def test_what_stays_unanswered_is_the_clinics_to_see_for_a_while(home: Home, bench: Bench) -> None:
    home.switch("psfs")
    told = {}
    for text in (DAY_14, "2026-03-16T10:05", "2026-03-17T10:05", "2026-03-30T10:00"):
        at(bench, text)
        told[text] = "questionnaire_unanswered" in reasons(home)
    at(bench, "2026-04-09T10:00")
    assert list(told.values()) == [False, False, True, True]
    assert "questionnaire_unanswered" not in reasons(home)


def test_what_was_answered_is_nobodys_to_see(home: Home, bench: Bench) -> None:
    home.switch("psfs")
    at(bench, DAY_14)
    home.answer()
    at(bench, "2026-03-18T10:00")
    assert "questionnaire_unanswered" not in reasons(home)


def test_a_patient_may_put_it_off_or_leave_it(home: Home, bench: Bench) -> None:
    home.switch("psfs")
    at(bench, DAY_14)
    (entry,) = home.agenda(date(2026, 3, 13), date(2026, 3, 13))
    with bench.at_the_clinic(home.clinic.id) as session:
        new = NewAction(id=uuid4(), action="skip", at=bench.clock())
        taken = act(session, home.patient.actor(), entry.id, new, now=bench.clock(), language="en")
        assert (taken.occurrence.state, taken.retired) == ("skipped", False)
    assert at(bench, "2026-03-16T10:05") == 1
