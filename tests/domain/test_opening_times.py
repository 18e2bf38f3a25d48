"""When somebody answers, as instants: closing, holidays, lunch, and the hour that is changed.

Defects planted, each seen red: a holiday counted as open; minutes counted through the night;
the end of the day taken from the span instead of the day (a lunch break ended it).
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery_service.domain.opening_times import OpeningTimes

HOURS = {str(day): [["08:00", "12:00"], ["13:00", "17:00"]] for day in range(1, 6)}


def london(hours: Any = None, *holidays: date) -> OpeningTimes:
    return OpeningTimes(
        time_zone="Europe/London",
        hours=HOURS if hours is None else hours,
        holidays=frozenset(holidays),
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


MONDAY = at("2026-03-02T09:00")


@pytest.mark.parametrize(
    ("now", "is_open", "opens"),
    [
        ("2026-03-02T07:59", False, "2026-03-02T08:00"),
        ("2026-03-02T08:00", True, "2026-03-02T08:00"),
        ("2026-03-02T12:00", False, "2026-03-02T13:00"),
        ("2026-03-02T16:59", True, "2026-03-02T16:59"),
        ("2026-03-02T17:00", False, "2026-03-03T08:00"),
        ("2026-03-06T18:00", False, "2026-03-09T08:00"),
        ("2026-03-28T10:00", False, "2026-03-30T07:00"),  # the clocks go forward that weekend
    ],
)
def test_it_is_open_between_its_times(now: str, is_open: bool, opens: str) -> None:
    assert london().is_open(at(now)) == is_open
    assert london().next_open(at(now)) == at(opens)


@pytest.mark.parametrize(
    ("now", "minutes", "then"),
    [
        ("2026-03-02T09:00", 60, "2026-03-02T10:00"),
        ("2026-03-02T11:30", 60, "2026-03-02T13:30"),
        ("2026-03-02T16:30", 60, "2026-03-03T08:30"),
        ("2026-03-06T16:30", 60, "2026-03-09T08:30"),
        ("2026-03-07T10:00", 480, "2026-03-09T17:00"),
        ("2026-03-02T09:00", 0, "2026-03-02T09:00"),
    ],
)
def test_minutes_count_only_while_it_is_open(now: str, minutes: int, then: str) -> None:
    assert london().after(at(now), minutes) == at(then)


def test_a_day_closes_at_its_last_time_and_not_for_lunch() -> None:
    assert london().closes(MONDAY) == at("2026-03-02T17:00")
    assert london().closes(at("2026-03-02T12:30")) is None


def test_open_days_are_counted_past_holidays_and_weekends() -> None:
    times = london(None, date(2026, 3, 9))
    assert times.end_of_open_day(at("2026-03-06T10:00"), 1) == at("2026-03-10T17:00")
    assert times.end_of_open_day(at("2026-03-06T10:00"), 2) == at("2026-03-11T17:00")
    assert times.next_open(at("2026-03-09T10:00")) == at("2026-03-10T08:00")


def test_what_never_opens_promises_nothing() -> None:
    closed: list[dict[str, Any]] = [{}, {"1": []}]
    for hours in closed:
        times = london(hours)
        assert not times.known
        assert times.next_open(MONDAY) is times.after(MONDAY, 1) is None
        assert times.end_of_open_day(MONDAY, 1) is None


def test_it_can_be_open_until_midnight_and_all_day() -> None:
    always = london({str(day): [["00:00", "24:00"]] for day in range(1, 8)})
    assert always.is_open(at("2026-03-02T23:59"))
    assert always.after(at("2026-03-02T23:30"), 60) == at("2026-03-03T00:30")


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),  # noqa: DTZ001
    minutes=st.integers(1, 3000),
    more=st.integers(1, 600),
)
def test_more_minutes_are_never_earlier_and_end_while_it_is_open(
    now: datetime, minutes: int, more: int
) -> None:
    times, begun = london(), now.replace(tzinfo=UTC)
    first, second = times.after(begun, minutes), times.after(begun, minutes + more)
    assert first is not None
    assert second is not None
    assert begun + timedelta(minutes=minutes) <= first < second
    assert times.is_open(first - timedelta(seconds=1))
