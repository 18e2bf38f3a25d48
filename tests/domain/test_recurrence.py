from datetime import date

from recovery_service.domain.recurrence import (
    Occurrence,
    Place,
    due_occurrences,
    next_after,
    next_local,
    occurrences_from,
    step,
)
from tests.domain.calendar_oracle import DAY
from tests.domain.rules_in_brief import MORNING_EVENING, rule_of, utc

SUNDAY = date(2026, 11, 22)
NIGHT = {"early": "01:15", "late": "01:45", "day": "12:00"}


def test_an_occurrence_says_when_it_is_due_until_when_and_where_it_stands() -> None:
    found = next_after(rule_of(), SUNDAY, "Europe/Istanbul", utc("2026-11-22T00:00"))
    assert found == Occurrence(
        local_date=SUNDAY,
        slot="morning",
        due_at=utc("2026-11-22T06:00"),
        expires_at=utc("2026-11-22T08:00"),
        occ_key="20261122.morning",
        minute=540,
    )
    assert found.place == Place(SUNDAY, 540, utc("2026-11-22T06:00"))


def test_the_core_counts_days_and_slots_on_integers_alone() -> None:
    every_third = rule_of(from_day=1, to_day=7, every_days=3, slots=MORNING_EVENING)
    assert next_local(every_third, -40, 0, 0) == (1, 0)
    assert next_local(every_third, 1, 0, 1) == (1, 1)
    assert next_local(every_third, 1, 0, 2) == (4, 0)
    assert next_local(every_third, 2, 0, 1) == (4, 0)
    assert next_local(every_third, 7, 0, 1) == (7, 1)
    assert next_local(every_third, 7, 0, 2) is None
    mondays = rule_of(weekdays=[1])
    assert next_local(mondays, 0, 7, 0) == (1, 0)
    assert next_local(mondays, 0, 1, 0) == (0, 0)
    assert next_local(mondays, 0, 1, 1) == (7, 0)
    assert next_local(mondays, 5, 6, 0) == (7, 0)


def test_step_goes_on_from_where_a_schedule_stands() -> None:
    rule = rule_of(slots=MORNING_EVENING, to_day=1)
    expected = list(occurrences_from(rule, SUNDAY, "Europe/London", Place(SUNDAY, 0)))
    place, walked = expected[0].place, [expected[0]]
    while following := step(rule, SUNDAY, "Europe/London", place):
        walked.append(following)
        place = following.place
    assert walked == expected
    assert len(walked) == 4


def test_step_does_not_offer_a_slot_that_fell_together_with_the_last() -> None:
    rule = rule_of(slots=NIGHT)
    gap = date(2026, 3, 29)
    following = step(rule, gap, "Europe/London", Place(gap, 75))
    assert following is not None
    assert following.slot == "day"
    across = rule_of(slots={"midnight": "00:00", "late": "23:30"})
    following = step(across, gap - DAY, "America/Nuuk", Place(gap - DAY, 23 * 60 + 30))
    assert following is not None
    assert following.occ_key == "20260329.late"


def test_a_schedule_that_stands_on_a_vanished_slot_goes_on_with_the_next_one() -> None:
    noon_was_here = Place(SUNDAY, 12 * 60)
    rule = rule_of(slots=MORNING_EVENING)
    due, following = due_occurrences(
        rule, SUNDAY, "UTC", noon_was_here, now=utc("2026-11-22T12:00")
    )
    assert due == []
    assert following is not None
    assert following.occ_key == "20261122.evening"


def test_what_fell_due_comes_with_what_comes_next() -> None:
    rule = rule_of(slots=MORNING_EVENING, to_day=1)
    stands = Place(SUNDAY, 540)
    before = due_occurrences(rule, SUNDAY, "UTC", stands, now=utc("2026-11-22T08:59"))
    assert (before[0], before[1] and before[1].slot) == ([], "morning")
    due, following = due_occurrences(rule, SUNDAY, "UTC", stands, now=utc("2026-11-22T09:00"))
    assert [found.slot for found in due] == ["morning"]
    assert following is not None
    assert following.slot == "evening"
    due, following = due_occurrences(rule, SUNDAY, "UTC", stands, now=utc("2026-11-30T00:00"))
    assert len(due) == 4
    assert following is None


def test_what_happens_once_keeps_the_later_moment_at_which_it_stands() -> None:
    rule = rule_of(identity="once", valid_for_minutes=600)
    late = utc("2026-11-22T12:00")
    due, following = due_occurrences(rule, SUNDAY, "UTC", Place(SUNDAY, 540, late), now=late)
    assert [(found.occ_key, found.due_at, found.expires_at) for found in due] == [
        ("once", late, utc("2026-11-22T19:00"))
    ]
    assert following is None
    assert step(rule, SUNDAY, "UTC", Place(SUNDAY, 540, late)) is None


def test_a_recurring_one_is_due_when_the_calendar_says_even_if_it_stood_elsewhere() -> None:
    stale = Place(SUNDAY, 540, utc("2026-11-22T08:00"))
    due, following = due_occurrences(rule_of(), SUNDAY, "UTC", stale, now=utc("2026-11-22T08:30"))
    assert due == []
    assert following is not None
    assert following.due_at == utc("2026-11-22T09:00")
