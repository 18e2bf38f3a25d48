from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from recovery_service.domain.recovery_day import RecoveryDay, days_since, week_of
from tests.domain.rules_in_brief import utc

LONDON, ISTANBUL = ZoneInfo("Europe/London"), ZoneInfo("Europe/Istanbul")
AUCKLAND, HONOLULU = ZoneInfo("Pacific/Auckland"), ZoneInfo("Pacific/Honolulu")


# Planted defects these see: days counted in UTC; the day part of a difference of months;
# blocks of 24 hours instead of calendar days.
@pytest.mark.parametrize(
    ("anchor", "now", "zone", "expected"),
    [
        (date(2026, 7, 1), "2026-07-01T22:30", LONDON, 0),  # 23:30 there
        (date(2026, 7, 1), "2026-07-01T23:00", LONDON, 1),  # midnight there
        (date(2026, 7, 1), "2026-07-01T20:59", ISTANBUL, 0),
        (date(2026, 7, 1), "2026-07-01T21:00", ISTANBUL, 1),
        (date(2026, 11, 22), "2026-11-21T11:00", AUCKLAND, 0),
        (date(2026, 11, 22), "2026-11-22T09:59", HONOLULU, -1),
        (date(2026, 10, 24), "2026-10-25T23:59", LONDON, 1),  # a day of 25 hours
        (date(2026, 1, 31), "2026-03-02T12:00", LONDON, 30),  # past a month
        (date(2026, 11, 22), "2026-11-19T12:00", LONDON, -3),
    ],
)
def test_days_are_the_patients_calendar_days(
    anchor: date, now: str, zone: ZoneInfo, expected: int
) -> None:
    assert days_since(anchor, now=utc(now), zone=zone) == expected


@pytest.mark.parametrize(
    ("day", "week"), [(-8, 0), (-7, 0), (-1, 0), (0, 1), (6, 1), (7, 2), (41, 6), (42, 7)]
)
def test_the_first_week_is_days_nought_to_six(day: int, week: int) -> None:
    assert week_of(day) == week


def test_an_episode_counts_from_both_its_anchors() -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    day = RecoveryDay.of(
        surgery=date(2026, 11, 12), discharge=date(2026, 11, 14), now=noon, zone=LONDON
    )
    assert (day.days_since_surgery, day.days_since_discharge, day.week) == (10, 8, 2)


def test_a_date_that_is_not_known_counts_nothing() -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    day = RecoveryDay.of(surgery=None, discharge=date(2026, 11, 22), now=noon, zone=LONDON)
    assert (day.days_since_surgery, day.days_since_discharge, day.week) == (None, 0, 1)
    unknown = RecoveryDay.of(surgery=None, discharge=None, now=noon, zone=LONDON)
    assert unknown.week is None


def test_the_day_of_the_operation_is_day_nought_not_an_unknown_one() -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    day = RecoveryDay.of(
        surgery=date(2026, 11, 22), discharge=date(2026, 11, 1), now=noon, zone=LONDON
    )
    assert (day.days_since_surgery, day.week) == (0, 1)
