"""What a device reminds of by itself: how much, when, and what it leaves out."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from recovery_service.domain.device_plan import (
    MOST_ENTRIES,
    Candidate,
    DevicePlan,
    Manner,
    device_plan,
)
from recovery_service.domain.quiet_hours import QuietHours

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HORIZON = datetime(2026, 3, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
TODAY = MONDAY.date()
WALK = uuid4()


def one(at: datetime, *, lineage: UUID = WALK, **changes: Any) -> Candidate:
    values: dict[str, Any] = {
        "occurrence_id": f"{lineage}-{at:%d%H%M}",
        "lineage_id": lineage,
        "kind": "walking",
        "rest": False,
        "local_date": at.date(),
        "due_at": at,
        "expires_at": at + HOUR,
        "state": "upcoming",
        "next_at": None,
        "quiet": "drop",
    }
    return Candidate(**values | changes)


def plan(candidates: list[Candidate], *, now: datetime = MONDAY, **changes: Any) -> DevicePlan:
    values: dict[str, Any] = {
        "time_zone": "Europe/London",
        "quiet_hours": QuietHours(21 * 60, 8 * 60),
        "breaks": 6,
    }
    return device_plan(candidates, Manner(**values | changes), now=now, horizon=HORIZON)


def moments(made: DevicePlan) -> list[datetime]:
    return [each.at for each in made.planned]


def test_only_what_is_still_to_come_is_planned_soonest_first() -> None:
    """Planted: keep what is shown already, and what is closed."""
    hours = [MONDAY + hour * HOUR for hour in (3, -1, 0, 1, 4)]
    states = ["upcoming", "missed", "due", "upcoming", "done"]
    made = plan([one(at, state=state) for at, state in zip(hours, states, strict=True)])
    assert moments(made) == [MONDAY + HOUR, MONDAY + 3 * HOUR]
    assert made.until == HORIZON


@pytest.mark.parametrize(
    ("quiet", "shown"),
    [
        ("drop", None),
        ("ignore", datetime(2026, 3, 2, 22, tzinfo=UTC)),
        ("shift", datetime(2026, 3, 3, 8, tzinfo=UTC)),
    ],
)
def test_quiet_hours_drop_shift_or_pass_over(quiet: str, shown: datetime | None) -> None:
    """Planted: treat every item as one that quiet hours drop."""
    late = datetime(2026, 3, 2, 22, tzinfo=UTC)
    made = plan([one(late, quiet=quiet, expires_at=late + 11 * HOUR)])
    assert moments(made) == ([] if shown is None else [shown])


def test_what_waits_for_the_end_of_the_quiet_hours_is_not_lost_by_asking_again() -> None:
    """Planted: plan only what is not due yet."""
    early = datetime(2026, 3, 3, 6, tzinfo=UTC)
    seven = one(early, quiet="shift", expires_at=early + 4 * HOUR, state="due")
    asked = datetime(2026, 3, 3, 7, tzinfo=UTC)
    assert moments(plan([seven], now=asked)) == [asked + HOUR]


def test_what_falls_due_beyond_the_plan_is_left_to_the_service_wherever_it_is_moved() -> None:
    """Planted: cut by the moment of showing; then the service thinks that the device has it."""
    hours = [MONDAY + (number + 1) * HOUR for number in range(MOST_ENTRIES)]
    late = one(hours[-1] - HOUR / 2, lineage=uuid4(), expires_at=HORIZON, quiet="shift")
    made = plan([late, *(one(at, quiet="ignore") for at in hours)])
    assert made.until == hours[-1]
    assert all(each.due_at < made.until for each in made.planned)


def test_what_is_over_before_the_quiet_hours_are_is_left_out() -> None:
    """Planted: shift without looking at the expiry."""
    late = datetime(2026, 3, 2, 22, tzinfo=UTC)
    assert moments(plan([one(late, quiet="shift", expires_at=late + 10 * HOUR)])) == []


def test_of_an_item_that_quiet_hours_gather_at_one_moment_the_last_is_shown() -> None:
    night = [datetime(2026, 3, 3, hour, tzinfo=UTC) for hour in (1, 2, 3)]
    made = plan([one(at, quiet="shift", expires_at=at + 9 * HOUR) for at in night])
    assert [each.candidate.due_at for each in made.planned] == [night[-1]]


def test_a_snooze_overrules_quiet_hours_and_the_cap_but_not_a_pause() -> None:
    """Planted: ask the quiet hours about a snooze as well."""
    night = datetime(2026, 3, 2, 21, 30, tzinfo=UTC)
    tired = one(MONDAY, rest=True, state="snoozed", next_at=night, expires_at=night + HOUR)
    assert moments(plan([tired], breaks=0)) == [night]
    assert moments(plan([tired], pause={"from": "2026-03-01", "to": "2026-03-02"})) == []


@pytest.mark.parametrize(
    ("pause", "left"),
    [
        ({"from": "2026-03-03", "to": "2026-03-04"}, [2, 5]),
        ({"from": "2026-03-04"}, [2, 3]),
        ({"to": "2026-03-04"}, [5]),
    ],
)
def test_a_pause_holds_on_local_dates_both_ends_included(
    pause: dict[str, str], left: list[int]
) -> None:
    """Planted: compare with `<` at the last day."""
    days = [MONDAY + HOUR + timedelta(days=count) for count in range(4)]
    assert [at.day for at in moments(plan([one(at) for at in days], pause=pause))] == left


def breaks(day: date = TODAY, **changes: Any) -> list[Candidate]:
    """Return the sitting breaks of a day, every half hour from nine to five."""
    first = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    return [one(first + count * HOUR / 2, rest=True, **changes) for count in range(17)]


def test_sitting_breaks_are_so_many_a_local_day_spread_over_it() -> None:
    """Planted: take the first six of the day."""
    made = plan(breaks() + breaks(date(2026, 3, 3)), now=MONDAY - HOUR)
    first, second = moments(made)[:6], moments(made)[6:]
    assert [at + timedelta(days=1) for at in first] == second
    assert first[0].hour < 11
    assert first[-1].hour >= 15


def test_breaks_that_are_over_count_and_those_that_are_done_change_no_other() -> None:
    """Planted: cap only what is still ahead; then each look gives six more."""
    whole = moments(plan(breaks(), now=MONDAY - HOUR))
    noon = MONDAY + 3 * HOUR
    assert moments(plan(breaks(), now=noon)) == [at for at in whole if at > noon]
    done = [
        one(each.due_at, rest=True, state="done" if each.due_at == whole[2] else "upcoming")
        for each in breaks()
    ]
    assert moments(plan(done, now=MONDAY - HOUR)) == [*whole[:2], *whole[3:]]


@pytest.mark.parametrize(
    ("count", "most", "left"), [(17, 0, 0), (6, 6, 6), (3, 6, 3), (17, 16, 16)]
)
def test_the_cap_is_kept_exactly(count: int, most: int, left: int) -> None:
    assert len(plan(breaks()[:count], now=MONDAY - HOUR, breaks=most).planned) == left


@pytest.mark.parametrize("count", [MOST_ENTRIES, MOST_ENTRIES + 1, 200])
def test_a_device_gets_fewer_than_sixty_and_is_told_how_far_they_reach(count: int) -> None:
    """Planted: cut the list and leave `until` at the horizon."""
    hours = [MONDAY + (number + 1) * HOUR for number in range(count)]
    made = plan([one(at, quiet="ignore") for at in hours])
    assert moments(made) == hours[:MOST_ENTRIES]
    assert made.until == (HORIZON if count == MOST_ENTRIES else hours[MOST_ENTRIES])


def test_what_falls_on_the_cut_is_left_out_whole() -> None:
    """Planted: take the first 59 of the list; then one of two at that instant is lost."""
    hours = [MONDAY + (number + 1) * HOUR for number in range(MOST_ENTRIES)]
    both = [one(at, quiet="ignore") for at in hours]
    both.append(one(hours[-1], lineage=uuid4(), quiet="ignore"))
    made = plan(both)
    assert moments(made) == hours[:-1]
    assert made.until == hours[-1]
