"""What a life does to a plan, told by the messages that arrive on the phone.

How the schedules follow is told in `tests/services`; here a worker runs beside it and only
what rings counts. Planted defects are with the tests that they turned red.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from recovery_service.domain.episodes import NewEpisode
from recovery_service.domain.occurrence_ids import decode, encode
from recovery_service.extensions import parts
from recovery_service.models import Patient
from recovery_service.reminders.channels.protocol import Retry
from recovery_service.services import audit, episodes
from tests.reminders.conftest import Bench
from tests.reminders.diary import DAY, Item, minute_of
from tests.reminders.life import Life

MONDAY = date(2026, 3, 2)


def item(kind: str = "physiotherapy", valid_for: int = 240, **slots: str) -> Item:
    times = sorted(slots.items(), key=lambda slot: minute_of(slot[1]))
    return Item(uuid4(), kind, tuple(times), valid_for)


def begin(
    bench: Bench, *items: Item, zone: str = "Europe/London", discharge: date = MONDAY - DAY
) -> Life:
    """Begin a life at 09:00 UTC on Monday with a plan, its budget ample."""
    life = Life.begin(bench, zone=zone, discharge=discharge, surgery=MONDAY - 3 * DAY)
    life.allow('{"budget": [{"pushes": 20}], "nudge_after": 720}')
    life.publish(items, MONDAY)
    return life


def until(life: Life, at: datetime) -> None:
    """Let time pass with a worker that looks whenever something is to be done."""
    life.tick()
    while (coming := life.next_moment()) is not None and coming <= at:
        life.bench.clock.set(coming)
        life.tick()
    life.bench.clock.set(at)
    life.tick()


def heard(life: Life) -> list[str]:
    """Return the keys of what rang, in order, without what is silent."""
    return [decode(each.occurrence_id)[1] for each in life.bench.phone.sent if not each.silent]


def asked(life: Life) -> int:
    """Return how often the provider was asked to let the phone ring."""
    return sum(not message.silent for _, message in life.bench.phone.asked)


def utc(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def at_home(zone: str, month: int, day: int, hour: int) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=ZoneInfo(zone)).astimezone(UTC)


# --- a pause ---------------------------------------------------------------------------------


def test_a_pause_is_silent_and_its_end_brings_no_flood(bench: Bench) -> None:
    """Habits are gone, the lesson of the pause waits for its end, and nothing else comes.

    Planted: the fence lets a pause wait instead of drop; after it all of them ring.
    """
    habit = item(morning="10:00", evening="18:00", valid_for=3 * 24 * 60)
    lesson = Item(uuid4(), "education", (("read", "12:00"),), 5 * 24 * 60, from_day=2)
    life = begin(bench, habit, lesson)
    life.prefer(pause={"from": "2026-03-02", "to": "2026-03-04"})
    until(life, utc(4, 23, 59))
    assert heard(life) == []
    life.prefer(quiet_hours={"from": "22:00", "to": "07:00"})
    until(life, utc(5, 9, 59))
    assert heard(life) == ["once"], "at the end of the night, once"
    until(life, utc(5, 18))
    assert heard(life) == ["once", "20260305.morning", "20260305.evening"]


def test_a_pause_that_ends_early_ends_at_once(bench: Bench) -> None:
    """What waits for the end of a pause does not wait for it any longer than the pause."""
    lesson = Item(uuid4(), "education", (("read", "12:00"),), 5 * 24 * 60, from_day=1)
    life = begin(bench, lesson)
    life.prefer(pause={"from": "2026-03-02", "to": "2026-03-05"})
    until(life, utc(2, 15))
    life.prefer(pause=None)
    until(life, utc(2, 15, 1))
    assert heard(life) == ["once"]


# --- a snooze --------------------------------------------------------------------------------


def test_promise_9_a_snooze_across_midnight_speaks_once_and_stays_yesterdays(bench: Bench) -> None:
    late = item(night="23:40", valid_for=240)
    life = begin(bench, late)
    life.prefer(quiet_hours={"from": "12:00", "to": "13:00"})
    until(life, utc(2, 23, 45))
    said = bench.phone.sent[-1].occurrence_id
    first = life.act(said, "snooze")
    bench.later(seconds=50)
    assert life.act(said, "snooze").next_at == first.next_at, "a double tap is one snooze"
    until(life, utc(3, 0, 14))
    assert heard(life) == ["20260302.night"]
    until(life, utc(3, 0, 16))
    assert heard(life) == ["20260302.night"] * 2
    bench.clock.set(utc(3, 3, 15))
    assert life.act(said, "snooze").result == "too_late"
    until(life, utc(3, 23, 39))
    assert heard(life) == ["20260302.night"] * 2


def test_a_snooze_that_is_refused_ahead_of_its_time_swallows_nothing(bench: Bench) -> None:
    """Planted: write the row that the tap is kept with, and leave it to the loop to speak.

    Found by 400 made-up lives: the loop passes over what is a row already.
    """
    habit = item(midday="12:00", valid_for=30)
    life = begin(bench, habit)
    until(life, utc(2, 9))
    coming = encode(habit.lineage, "20260302.midday")
    for _ in range(2):
        assert life.act(coming, "snooze", minutes=120).result == "too_late"
    until(life, utc(2, 11, 59))
    assert heard(life) == []
    until(life, utc(2, 12, 1))
    assert heard(life) == ["20260302.midday"]


# --- the plan --------------------------------------------------------------------------------


def test_a_slot_that_moves_rings_at_its_new_time_and_not_twice(bench: Bench) -> None:
    habit = item(morning="10:00", evening="18:00")
    life = begin(bench, habit)
    until(life, utc(2, 12))
    moved = Item(habit.lineage, habit.kind, (("morning", "14:00"), ("evening", "17:00")))
    life.publish([moved], MONDAY)
    until(life, utc(2, 17))
    assert heard(life) == ["20260302.morning", "20260302.evening"]
    assert life.bench.clock() == utc(2, 17)
    until(life, utc(3, 14))
    assert heard(life)[2:] == ["20260303.morning"]


def test_slots_come_and_go_with_a_revision(bench: Bench) -> None:
    """Planted: the schedule of an item that is gone is not stopped."""
    habit, other = item(morning="10:00", evening="18:00"), item("walking", noon="13:00")
    life = begin(bench, habit, other)
    until(life, utc(2, 11))
    changed = Item(habit.lineage, habit.kind, (("morning", "10:00"), ("lunch", "12:30")))
    life.publish([changed], MONDAY)
    until(life, utc(3, 20))
    assert heard(life) == [
        "20260302.morning", "20260302.lunch", "20260303.morning", "20260303.lunch"
    ]  # fmt: skip


def test_a_revision_for_tomorrow_leaves_today_as_it_was(bench: Bench) -> None:
    habit = item(morning="10:00", evening="18:00")
    life = begin(bench, habit)
    until(life, utc(2, 11))
    changed = Item(habit.lineage, habit.kind, (("morning", "09:30"), ("evening", "16:00")))
    life.publish([changed], MONDAY + DAY)
    until(life, utc(2, 17, 59))
    assert heard(life) == ["20260302.morning"]
    until(life, utc(2, 18))
    assert heard(life)[1:] == ["20260302.evening"]
    until(life, utc(3, 9, 30))
    assert heard(life)[2:] == ["20260303.morning"]


# --- where one is ----------------------------------------------------------------------------


def test_promise_7_from_auckland_to_honolulu_and_back_no_habit_rings_twice(bench: Bench) -> None:
    """The same date begins again in Honolulu; it was had. Back home a date is skipped.

    Planted: the key of an occurrence has the date of its instant in UTC.
    """
    habit = item(morning="09:00", evening="18:00")
    bench.clock.set(at_home("Pacific/Auckland", 3, 2, 8))
    life = begin(bench, habit, zone="Pacific/Auckland")
    until(life, at_home("Pacific/Auckland", 3, 3, 10))
    seen = ["20260302.morning", "20260302.evening", "20260303.morning"]
    assert heard(life) == seen
    life.travel("Pacific/Honolulu")  # where it is Monday 2 March, eleven in the morning
    until(life, at_home("Pacific/Honolulu", 3, 3, 17))
    assert heard(life) == seen, "Monday's evening and Tuesday's morning were had"
    until(life, at_home("Pacific/Honolulu", 3, 3, 20))
    assert heard(life) == [*seen, "20260303.evening"]
    life.travel("Pacific/Auckland")  # where it is Wednesday evening, seven o'clock
    until(life, at_home("Pacific/Auckland", 3, 5, 9))
    assert heard(life) == [*seen, "20260303.evening", "20260305.morning"]


@pytest.mark.parametrize(
    ("zone", "month", "day", "wall", "rings_at"),
    [
        # 02:30 does not exist: the first instant after the gap. 01:30 twice: the first.
        ("America/New_York", 3, 8, "02:30", datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        ("America/New_York", 11, 1, "01:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("Europe/London", 3, 29, "01:30", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("Europe/London", 10, 25, "01:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", 10, 4, "02:15", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", 4, 5, "01:45", datetime(2026, 4, 4, 14, 45, tzinfo=UTC)),
    ],
)
def test_promise_5_in_the_night_of_changing_clocks_it_rings_once_at_the_first_such_time(
    bench: Bench, zone: str, month: int, day: int, wall: str, rings_at: datetime
) -> None:
    """Planted: the second time of a fold; half an hour after the end of a gap."""
    its_day = date(2026, month, day)
    bench.clock.set(rings_at - timedelta(hours=8))
    habit = Item(uuid4(), "walking", (("night", wall),), 300, quiet="ignore")
    life = Life.begin(bench, zone=zone, discharge=its_day - DAY, surgery=its_day - 3 * DAY)
    life.publish([habit], its_day - DAY)
    until(life, rings_at - timedelta(seconds=1))
    assert f"{its_day:%Y%m%d}.night" not in heard(life)
    until(life, rings_at)
    assert heard(life)[-1:] == [f"{its_day:%Y%m%d}.night"]
    life.act(life.bench.phone.sent[-1].occurrence_id, "complete")
    count = len(heard(life))
    until(life, rings_at + timedelta(hours=6))
    assert len(heard(life)) == count, "the second time the clocks show it is silent"


# --- discharge -------------------------------------------------------------------------------


def test_discharged_at_half_past_eleven_at_night_the_first_reminder_is_tomorrows(
    bench: Bench,
) -> None:
    bench.clock.set(utc(2, 23, 30))
    habit = item(morning="09:00", evening="18:00")
    life = begin(bench, habit, discharge=MONDAY)
    until(life, utc(3, 8, 59))
    assert heard(life) == []
    until(life, utc(3, 9))
    assert heard(life) == ["20260303.morning"]


def test_a_discharge_that_is_delayed_twice_is_silent_until_it_comes(bench: Bench) -> None:
    habit = item(morning="10:00")
    life = begin(bench, habit, discharge=MONDAY + DAY)
    until(life, utc(3, 9, 59))
    life.move_discharge(date(2026, 3, 5))
    until(life, utc(5, 9, 59))
    life.move_discharge(date(2026, 3, 6))
    until(life, utc(6, 9, 59))
    assert heard(life) == []
    until(life, utc(6, 10))
    assert heard(life) == ["20260306.morning"]


def test_a_moved_date_moves_what_is_ahead_and_repeats_nothing(bench: Bench) -> None:
    lesson = Item(uuid4(), "education", (("read", "12:00"),), 3 * 24 * 60, from_day=1)
    later = Item(uuid4(), "education", (("read", "15:00"),), 3 * 24 * 60, from_day=3)
    life = begin(bench, lesson, later)
    until(life, utc(2, 12))
    assert heard(life) == ["once"]
    life.move_discharge(date(2026, 3, 2))  # a day later: day 1 is tomorrow, day 3 the 5th
    until(life, utc(5, 14, 59))
    assert heard(life) == ["once"]
    until(life, utc(5, 15))
    assert heard(life) == ["once", "once"]


# --- held, ended -----------------------------------------------------------------------------


def test_readmitted_and_released_the_plan_goes_on_from_there(bench: Bench) -> None:
    """Planted: a plan that begins anew looks back beyond its gate."""
    habit = item(morning="10:00", evening="18:00", valid_for=3 * 24 * 60)
    life = begin(bench, habit)
    until(life, utc(2, 12))
    life.hold()
    until(life, utc(4, 11))
    assert heard(life) == ["20260302.morning"]
    life.release()
    until(life, utc(4, 17, 59))
    assert heard(life) == ["20260302.morning"], "nothing is owed for the time of the hold"
    until(life, utc(4, 18))
    assert heard(life) == ["20260302.morning", "20260304.evening"]


@pytest.mark.parametrize("reason", ["completed", "deceased"])
def test_after_the_end_nothing_rings_that_was_on_its_way(bench: Bench, reason: str) -> None:
    """Neither what a provider is to be asked again for, nor a snooze, nor a nudge, nor tomorrow."""
    habit, other = item(morning="10:00"), item("walking", noon="12:00", valid_for=600)
    life = begin(bench, habit, other)
    until(life, utc(2, 10))
    life.act(life.bench.phone.sent[-1].occurrence_id, "snooze", minutes=150)
    bench.phone.answer = lambda _message: Retry(timedelta(minutes=40), "throttled")
    until(life, utc(2, 12, 1))
    count = asked(life)
    life.end(reason)
    until(life, utc(5, 12))
    assert asked(life) == count
    assert life.waiting() == []
    states = {row[0] for row in life.rows().values()}
    assert states == {"cancelled"}


def test_a_re_operation_silences_the_plan_before_it(bench: Bench) -> None:
    """Planted: the episode that gives way ends, and its schedules go on."""
    habit = item(morning="10:00", evening="18:00")
    life = begin(bench, habit)
    until(life, utc(2, 10))
    operated_again = NewEpisode(
        procedure="lumbar_microdiscectomy",
        surgery_date=MONDAY,
        discharge_date=MONDAY + 2 * DAY,
        supersedes=life.patient.episode_id,
    )
    with bench.at_the_clinic(life.clinic.id) as session:
        patient = session.get_one(Patient, (life.clinic.id, life.patient.id))
        actor, content = life.clinic.actor(), parts().content
        episodes.open_episode(session, actor, content, patient, operated_again, now=bench.clock())
    until(life, utc(6, 12))
    assert heard(life) == ["20260302.morning"]
    assert life.waiting() == []


def test_death_and_silence_are_one_transaction(bench: Bench) -> None:
    """A fault after the end is written leaves the patient alive, with reminders; never half."""
    life = begin(bench, item(morning="10:00"))
    bench.phone.answer = lambda _message: Retry(timedelta(minutes=5), "throttled")
    until(life, utc(2, 10))
    assert len(life.waiting()) == 1
    with pytest.MonkeyPatch.context() as patch:

        def broken(*_: Any, **__: Any) -> None:
            raise ConnectionError

        patch.setattr(audit, "record", broken)
        with pytest.raises(ConnectionError):
            life.end("deceased")
    assert len(life.waiting()) == 1
    life.end("deceased")
    assert life.waiting() == []
    assert bench.rows("SELECT count(*) FROM destination WHERE retired_at IS NULL") == [(0,)]
    assert bench.rows("SELECT count(*) FROM schedule WHERE next_due_at IS NOT NULL") == [(0,)]
