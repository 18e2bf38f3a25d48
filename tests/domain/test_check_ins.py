"""Which date a report is about, and which of several reports counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery_service.domain.check_ins import (
    CLOCK_SUSPECT,
    NewCheckIn,
    clock_is_suspect,
    counted_at,
    newest_by_date,
    place_report,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = date(2026, 3, 2)


@dataclass(frozen=True)
class Told:
    id: UUID
    local_date: date
    recorded_at: datetime
    received_at: datetime
    supersedes: UUID | None = None
    issues: Sequence[dict[str, Any]] = ()


def told(number: int, *, day: date = DAY, hour: float = 0, **more: Any) -> Told:
    at = NOW + hour * HOUR
    values: dict[str, Any] = {"recorded_at": at, "received_at": at} | more
    return Told(id=UUID(int=number), local_date=day, **values)


def new(day: date, recorded_at: datetime, zone: str = "Europe/London") -> NewCheckIn:
    return NewCheckIn(
        id=uuid4(), date=day, recorded_at=recorded_at, time_zone=zone, form_version="1", answers={}
    )


@pytest.mark.parametrize(
    ("ahead", "suspect"),
    [
        (timedelta(0), False),
        (24 * HOUR, False),
        (24 * HOUR + timedelta(seconds=1), True),
        (timedelta(days=-365), False),
        (timedelta(days=-365, seconds=-1), True),
        (timedelta(days=-56 * 365), True),
    ],
)
def test_a_clock_is_suspect_a_day_ahead_or_a_year_behind(ahead: timedelta, suspect: bool) -> None:
    assert clock_is_suspect(NOW + ahead, received_at=NOW) is suspect


@pytest.mark.parametrize("off", range(-3, 4))
def test_the_phones_date_stands_within_a_day_of_its_clock(off: int) -> None:
    placed = place_report(new(DAY + timedelta(days=off), NOW), received_at=NOW, home_zone="UTC")
    stands = abs(off) <= 1
    assert placed.local_date == (DAY + timedelta(days=off) if stands else DAY)
    assert [issue["code"] for issue in placed.issues] == ([] if stands else ["date_out_of_range"])


def test_the_date_is_read_in_the_zone_of_the_report() -> None:
    """At 10:30 UTC it is tomorrow on Kiritimati, so the day after tomorrow is within a day."""
    late = NOW + 1.5 * HOUR
    there = new(date(2026, 3, 4), late, "Pacific/Kiritimati")
    assert place_report(there, received_at=late, home_zone="UTC").local_date == date(2026, 3, 4)
    here = new(date(2026, 3, 4), late, "Pacific/Honolulu")
    assert place_report(here, received_at=late, home_zone="UTC").local_date == DAY


def test_the_newest_counts() -> None:
    early, late = told(1), told(2, hour=1)
    assert newest_by_date([late, early]) == {DAY: late}


def test_a_suspect_clock_is_ranked_by_ours() -> None:
    future = told(1, recorded_at=NOW + timedelta(days=900), issues=[{"code": CLOCK_SUSPECT}])
    later = told(2, hour=1)
    assert counted_at(future) == NOW
    assert newest_by_date([future, later]) == {DAY: later}


def test_what_was_corrected_does_not_count_on_any_date() -> None:
    wrong = told(1, day=DAY - timedelta(days=1))
    right = told(2, hour=1, supersedes=wrong.id)
    assert newest_by_date([wrong, right]) == {DAY: right}


def test_two_that_correct_each_other_do_not_vanish() -> None:
    one = told(1, supersedes=UUID(int=2))
    two = told(2, hour=1, supersedes=UUID(int=1))
    assert newest_by_date([one, two]) == {DAY: two}


REPORTS = st.lists(
    st.builds(
        told,
        st.integers(1, 12),
        day=st.dates(DAY, DAY + timedelta(days=3)),
        hour=st.integers(-50, 50),
        received_at=st.integers(-50, 50).map(lambda hours: NOW + hours * HOUR),
        supersedes=st.none() | st.integers(1, 12).map(lambda number: UUID(int=number)),
        issues=st.sampled_from([(), ({"code": CLOCK_SUSPECT},)]),
    ),
    unique_by=lambda report: report.id,
)


@given(REPORTS, st.randoms())
def test_counting_depends_on_the_reports_alone(reports: list[Told], chance: Any) -> None:
    """Whatever order they arrive in; the newest of all always counts; nothing is invented."""
    counting = newest_by_date(reports)
    shuffled = list(reports)
    chance.shuffle(shuffled)
    assert newest_by_date(shuffled) == counting
    assert list(counting) == sorted(counting)
    for day, report in counting.items():
        assert report in reports
        assert report.local_date == day
    if reports:
        last = max(reports, key=lambda each: (counted_at(each), each.received_at, each.id))
        assert counting[last.local_date] == last
    corrected = {report.supersedes for report in reports}
    for day in {report.local_date for report in reports if report.id not in corrected}:
        rivals = [each for each in reports if each.local_date == day and each.id not in corrected]
        assert counted_at(counting[day]) >= max(map(counted_at, rivals))
