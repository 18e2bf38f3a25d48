"""Appointments in the real loop: booked, moved to and fro, cancelled while it is being sent.

Planted: `follow` not called by a change (red: the old time speaks); `_close` left out, or without
`cancel_unsent` (red: what waits stays open); no notice, or one whose key is made of the start
(red: the same move twice is told once).
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from recovery_service.extensions import parts
from recovery_service.models import Episode, Patient
from recovery_service.reminders.channels.protocol import Retry
from recovery_service.services import booking
from recovery_service.services.booking import NewAppointment
from recovery_service.services.episodes import end_episode, hold_episode, release_episode
from recovery_service.services.profile import ProfileChange, change_profile
from recovery_service.services.schedules import replan_episode
from tests.domain.rules_in_brief import utc
from tests.factories import ClinicWithStaff, PatientAtHome
from tests.reminders.conftest import Bench

START = utc("2026-03-12T11:00")  # ten days ahead, a Thursday
LATER = utc("2026-03-20T11:00")
LOUD = {"quiet_hours": {"from": "00:00", "to": "00:01"}}


class Desk:
    """The clinic's desk, and the patient it books for."""

    def __init__(self, bench: Bench, **patient: Any) -> None:
        self.bench = bench
        self.clinic: ClinicWithStaff = bench.clinic()
        self.patient: PatientAtHome = bench.patient(self.clinic, **patient)

    def add(self, starts_at: datetime | None = None, **values: Any) -> UUID:
        new = NewAppointment(kind="visit", starts_at=starts_at, **values)
        with self.bench.at_the_clinic(self.clinic.id) as session:
            row = booking.add_appointment(
                session, self.clinic.actor(), parts().content, self._episode(session), new,
                now=self.bench.clock(),
            )  # fmt: skip
            return row.id

    def change(self, appointment_id: UUID, **changes: Any) -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            row, episode = booking.appointment_in_scope(
                session, self.clinic.actor(), appointment_id
            )
            booking.change_appointment(
                session, self.clinic.actor(), row, episode, changes, now=self.bench.clock()
            )

    def prefer(self, **preferences: Any) -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            change = ProfileChange(preferences=preferences)
            change_profile(
                session, self.patient.actor(), self.patient.id, change, now=self.bench.clock()
            )

    def episode(self, edit: Any, **values: Any) -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            edit(
                session, self.clinic.actor(), self._episode(session), self._patient(session),
                **values, now=self.bench.clock(),
            )  # fmt: skip

    def replan(self) -> None:
        with self.bench.at_the_clinic(self.clinic.id) as session:
            replan_episode(
                session, self._episode(session), self._patient(session), now=self.bench.clock()
            )

    def _episode(self, session: Session) -> Episode:
        return session.get_one(Episode, (self.clinic.id, self.patient.episode_id))

    def _patient(self, session: Session) -> Patient:
        return session.get_one(Patient, (self.clinic.id, self.patient.id))


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


def at(bench: Bench, text: str) -> int:
    """Let it be that moment, give the loop two passes, and return what was pushed by now."""
    bench.clock.set(utc(text))
    bench.tick()
    bench.tick()
    return len(bench.phone.sent)


def test_a_booked_appointment_speaks_a_week_a_day_and_two_hours_before(
    bench: Bench, desk: Desk
) -> None:
    visit = desk.add(START)
    seen = [at(bench, when) for when in (
        "2026-03-05T10:59", "2026-03-05T11:00", "2026-03-11T10:59", "2026-03-11T11:00",
        "2026-03-12T08:59", "2026-03-12T09:00", "2026-03-12T11:00", "2026-03-12T12:00",
    )]  # fmt: skip
    assert seen == [0, 1, 1, 2, 2, 3, 3, 3]
    assert {(each.kind, each.ttl) for each in bench.phone.sent} == {
        ("appointment", 7 * 86400), ("appointment", 86400), ("appointment", 7200),
    }  # fmt: skip
    assert {each.deep_link for each in bench.phone.sent} == {f"/appointments/{visit}"}
    assert len(bench.channels["inbox"].sent) == 3
    assert [row[0] for row in bench.occurrences(visit)] == [
        f"20260312T1100Z-{offset}" for offset in (10080, 1440, 120)
    ]


def test_quiet_hours_move_it_earlier(bench: Bench, desk: Desk) -> None:
    desk.add(utc("2026-03-12T09:00"))  # two hours before is seven in the morning
    assert at(bench, "2026-03-11T20:44") == 1
    assert at(bench, "2026-03-11T20:45") == 2
    assert at(bench, "2026-03-12T12:00") == 2


def test_a_change_of_the_quiet_hours_moves_it_again(bench: Bench, desk: Desk) -> None:
    desk.add(utc("2026-03-12T09:00"))
    assert at(bench, "2026-03-11T20:44") == 1
    desk.prefer(quiet_hours={"from": "22:00", "to": "06:30"})
    assert at(bench, "2026-03-12T06:59") == 1  # seven is no longer quiet
    assert at(bench, "2026-03-12T07:00") == 2


def test_what_new_quiet_hours_have_overtaken_is_said_when_they_are_over(
    bench: Bench, desk: Desk
) -> None:
    desk.prefer(**LOUD)
    desk.add(utc("2026-03-12T11:00"))
    assert at(bench, "2026-03-12T08:30") == 1
    desk.prefer(quiet_hours={"from": "08:00", "to": "10:00"})
    assert at(bench, "2026-03-12T09:59") == 1
    assert at(bench, "2026-03-12T10:00") == 2


def test_booked_late_it_says_only_what_is_ahead(bench: Bench, desk: Desk) -> None:
    desk.add(utc("2026-03-03T11:00"))
    assert at(bench, "2026-03-02T12:00") == 1  # a day before is 11:00 today
    assert at(bench, "2026-03-03T09:00") == 2
    assert at(bench, "2026-03-03T11:00") == 2
    soon = desk.add(bench.clock() + timedelta(minutes=90))
    assert at(bench, "2026-03-03T12:00") == 2
    assert bench.occurrences(soon) == []


def test_moved_after_a_reminder_was_sent_and_moved_back_repeats_nothing(
    bench: Bench, desk: Desk
) -> None:
    visit = desk.add(START)
    assert at(bench, "2026-03-05T11:00") == 1
    desk.change(visit, starts_at=LATER)
    assert at(bench, "2026-03-05T11:01") == 2  # the notice
    assert at(bench, "2026-03-11T12:00") == 2  # nothing of the old time
    desk.change(visit, starts_at=START)
    assert at(bench, "2026-03-11T12:01") == 3  # a notice, and not the week before again
    assert at(bench, "2026-03-12T09:00") == 4
    assert at(bench, "2026-03-20T12:00") == 4
    keys = [row[0] for row in bench.occurrences(visit)]
    assert keys == [
        "20260312T1100Z-10080", "20260305T1100Z-0", "20260311T1200Z-0", "20260312T1100Z-120",
    ]  # fmt: skip


def test_several_moves_before_it_was_told_are_one_notice(bench: Bench, desk: Desk) -> None:
    visit = desk.add(START)
    bench.clock.set(utc("2026-03-03T22:00"))  # in the quiet hours
    desk.change(visit, starts_at=LATER)
    desk.change(visit, starts_at=LATER + timedelta(days=1))
    desk.change(visit, location="Room 7")
    assert at(bench, "2026-03-04T07:59") == 0
    assert at(bench, "2026-03-04T08:00") == 1
    assert at(bench, "2026-03-12T12:00") == 1


def test_the_same_move_twice_is_told_twice(bench: Bench, desk: Desk) -> None:
    visit = desk.add(START)
    for number, start in enumerate((LATER, START, LATER), 1):
        desk.change(visit, starts_at=start)
        assert at(bench, f"2026-03-03T1{number}:00") == number


def test_cancelled_it_is_told_once_and_falls_silent(bench: Bench, desk: Desk) -> None:
    visit = desk.add(START)
    assert at(bench, "2026-03-05T11:00") == 1
    desk.change(visit, state="cancelled")
    assert at(bench, "2026-03-05T11:30") == 2
    assert at(bench, "2026-03-12T12:00") == 2
    assert bench.occurrences(visit)[0] == (
        "20260312T1100Z-10080", "cancelled", "appointment_cancelled",
    )  # fmt: skip


@pytest.mark.parametrize("what", ["cancelled", "moved"])
def test_what_changes_between_claim_and_send_is_not_sent(
    bench: Bench, desk: Desk, what: str
) -> None:
    visit = desk.add(START)
    bench.clock.set(utc("2026-03-05T11:00"))

    def change(*_: object) -> None:
        bench.phone.before = lambda: None
        if what == "moved":
            desk.change(visit, starts_at=LATER)
        else:
            desk.change(visit, state="cancelled")

    bench.phone.before = change
    bench.tick()  # in the sender's hands when it changes: that one is out of ours
    reason = f"appointment_{what}"
    first = bench.occurrences(visit)[0]
    assert first == ("20260312T1100Z-10080", "cancelled", reason)
    assert bench.deliveries()[0][:2] == ("dropped", reason)
    assert at(bench, "2026-03-05T11:01") == 2
    assert [each.occurrence_id for each in bench.phone.sent][1] != bench.phone.sent[0].occurrence_id


def test_what_waits_for_a_second_try_is_cancelled_with_the_appointment(
    bench: Bench, desk: Desk
) -> None:
    visit = desk.add(START)
    bench.phone.answer = lambda _: Retry(None, "busy")
    assert at(bench, "2026-03-05T11:00") == 0
    assert bench.deliveries()[0][0] == "ready"
    desk.change(visit, state="cancelled")
    assert bench.deliveries()[0][:2] == ("dropped", "appointment_cancelled")


def test_attended_is_the_end_of_it(bench: Bench, desk: Desk) -> None:
    visit = desk.add(START)
    assert at(bench, "2026-03-12T08:00") == 1  # two fell due while nobody looked: the later one
    desk.change(visit, state="attended")
    assert at(bench, "2026-03-12T10:00") == 1


def test_it_goes_on_through_a_hold_a_pause_and_the_end_of_the_episode(
    bench: Bench, desk: Desk
) -> None:
    desk.add(START)
    desk.episode(hold_episode, reason="fever", held_from=None)
    desk.prefer(pause={"from": "2026-03-02", "to": "2026-03-31"})
    assert at(bench, "2026-03-05T11:00") == 1
    desk.episode(release_episode, on=None)
    desk.replan()
    desk.episode(end_episode, reason="completed", on=None)
    assert at(bench, "2026-03-11T11:00") == 2


@pytest.mark.parametrize("reason", ["withdrew", "deceased", "entered_in_error"])
def test_who_left_hears_nothing_more(bench: Bench, desk: Desk, reason: str) -> None:
    visit = desk.add(START)
    desk.episode(end_episode, reason=reason, on=None)
    assert at(bench, "2026-03-12T11:00") == 0
    assert bench.occurrences(visit) == []


def test_a_window_nudges_until_it_is_booked(bench: Bench, desk: Desk) -> None:
    visit = desk.add(window=(date(2026, 3, 9), date(2026, 3, 19)))
    seen = [at(bench, when) for when in (
        "2026-03-09T09:59", "2026-03-09T10:00", "2026-03-14T10:00",
    )]  # fmt: skip
    assert seen == [0, 1, 2]
    assert {each.kind for each in bench.phone.sent} == {"follow_up"}
    desk.change(visit, starts_at=LATER)
    assert at(bench, "2026-03-16T10:00") == 2  # no last call, and a week before is past
    assert at(bench, "2026-03-19T11:00") == 3


def test_a_nudge_waits_for_the_end_of_a_hold(bench: Bench, desk: Desk) -> None:
    desk.add(window=(date(2026, 3, 9), date(2026, 3, 19)))
    desk.episode(hold_episode, reason="fever", held_from=None)
    assert at(bench, "2026-03-10T10:00") == 0
    desk.episode(release_episode, on=None)
    assert at(bench, "2026-03-14T09:59") == 0
    assert at(bench, "2026-03-14T10:00") == 1


def test_a_window_that_is_open_already_nudges_once_at_once(bench: Bench, desk: Desk) -> None:
    desk.add(window=(date(2026, 2, 20), date(2026, 3, 16)))  # half of it is on 4 March
    assert at(bench, "2026-03-02T09:01") == 1
    assert at(bench, "2026-03-04T09:59") == 1
    assert at(bench, "2026-03-04T10:00") == 2


def test_a_nudge_that_is_near_stands_for_one_that_was_missed(bench: Bench, desk: Desk) -> None:
    desk.add(window=(date(2026, 2, 20), date(2026, 3, 12)))  # half of it is today
    assert at(bench, "2026-03-02T09:59") == 0
    assert at(bench, "2026-03-02T10:00") == 1
