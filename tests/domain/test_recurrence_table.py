"""Rules laid on a calendar by hand."""

from datetime import date
from typing import Any

import pytest

from recovery_service.domain.recurrence import occurrences
from tests.domain.rules_in_brief import MORNING_EVENING, brief, rule_of, utc

SUNDAY = date(2026, 11, 22)
NIGHT = {"early": "01:15", "late": "01:45", "day": "12:00"}
HOURLY = {"every_minutes": 60, "from": "09:00", "to": "11:00"}


# Planted defects these see: an exclusive `to_day`; weekdays counted from 0; the phase of
# every-N taken from the anchor; an inclusive `after`; collapsing slots of a gap left out.
@pytest.mark.parametrize(
    ("rule", "anchor", "zone", "after", "until", "expected"),
    [
        # daily, in Istanbul (UTC+3 all year)
        (
            {},
            SUNDAY,
            "Europe/Istanbul",
            "2026-11-22T00:00",
            "2026-11-24T23:00",
            (
                "20261122.morning 11-22T06:00, 20261123.morning 11-23T06:00, "
                "20261124.morning 11-24T06:00"
            ),
        ),
        # `after` is open, `until` is closed
        (
            {},
            SUNDAY,
            "Europe/Istanbul",
            "2026-11-22T06:00",
            "2026-11-23T06:00",
            "20261123.morning 11-23T06:00",
        ),
        ({}, SUNDAY, "Europe/Istanbul", "2026-11-22T06:00", "2026-11-23T05:59", ""),
        # nothing before from_day, nothing after to_day, which counts
        (
            {"from_day": 2, "to_day": 3},
            SUNDAY,
            "UTC",
            "2026-01-01T00:00",
            "2027-12-31T00:00",
            "20261124.morning 11-24T09:00, 20261125.morning 11-25T09:00",
        ),
        # a single day
        (
            {"from_day": 14, "to_day": 14},
            SUNDAY,
            "UTC",
            "2026-01-01T00:00",
            "2027-12-31T00:00",
            "20261206.morning 12-06T09:00",
        ),
        # two slots, named in any order, come in order of time
        (
            {"to_day": 1, "slots": {"evening": "18:00", "morning": "09:00"}},
            SUNDAY,
            "UTC",
            "2026-11-22T10:00",
            "2026-11-30T00:00",
            (
                "20261122.evening 11-22T18:00, 20261123.morning 11-23T09:00, "
                "20261123.evening 11-23T18:00"
            ),
        ),
        # every three days counts from from_day, not from the anchor
        (
            {"from_day": 1, "to_day": 8, "every_days": 3},
            SUNDAY,
            "UTC",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            (
                "20261123.morning 11-23T09:00, 20261126.morning 11-26T09:00, "
                "20261129.morning 11-29T09:00"
            ),
        ),
        # every other day, asked on a day between
        (
            {"every_days": 2},
            SUNDAY,
            "UTC",
            "2026-11-23T00:00",
            "2026-11-25T00:00",
            "20261124.morning 11-24T09:00",
        ),
        # weekdays: Monday, Wednesday, Friday; anchored on a Sunday
        (
            {"weekdays": [1, 3, 5], "to_day": 7},
            SUNDAY,
            "UTC",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            (
                "20261123.morning 11-23T09:00, 20261125.morning 11-25T09:00, "
                "20261127.morning 11-27T09:00"
            ),
        ),
        # Sundays only; the anchor itself is one
        (
            {"weekdays": [7], "to_day": 13},
            SUNDAY,
            "UTC",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20261122.morning 11-22T09:00, 20261129.morning 11-29T09:00",
        ),
        # weekdays from a later day on: the first Monday from day 3
        (
            {"weekdays": [1], "from_day": 3, "to_day": 12},
            SUNDAY,
            "UTC",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20261130.morning 11-30T09:00",
        ),
        # sitting breaks, every hour from nine to eleven
        (
            {**HOURLY, "to_day": 0},
            SUNDAY,
            "UTC",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20261122.s0900 11-22T09:00, 20261122.s1000 11-22T10:00, 20261122.s1100 11-22T11:00",
        ),
        # once
        (
            {"identity": "once", "from_day": 14},
            SUNDAY,
            "Europe/Istanbul",
            "2026-01-01T00:00",
            "2027-12-31T00:00",
            "once 12-06T06:00",
        ),
        # London, spring: two slots inside the gap are one, the first of them
        (
            {"slots": NIGHT, "to_day": 0},
            date(2026, 3, 29),
            "Europe/London",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20260329.early 03-29T01:00, 20260329.day 03-29T11:00",
        ),
        # a slot on the gap's end lands there too
        (
            {"slots": {"gone": "01:30", "two": "02:00"}, "to_day": 0},
            date(2026, 3, 29),
            "Europe/London",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20260329.gone 03-29T01:00",
        ),
        # London, autumn: the first of two readings, once
        (
            {"slots": NIGHT, "to_day": 0},
            date(2026, 10, 25),
            "Europe/London",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20261025.early 10-25T00:15, 20261025.late 10-25T00:45, 20261025.day 10-25T12:00",
        ),
        # asked between the two readings, the second is not offered
        (
            {"slots": NIGHT, "to_day": 0},
            date(2026, 10, 25),
            "Europe/London",
            "2026-10-25T00:50",
            "2027-01-01T00:00",
            "20261025.day 10-25T12:00",
        ),
        # the wall time stays when the offset changes
        (
            {"to_day": 1},
            date(2026, 3, 28),
            "Europe/London",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20260328.morning 03-28T09:00, 20260329.morning 03-29T08:00",
        ),
        # Lord Howe: half an hour
        (
            {"slots": {"a": "02:00", "b": "02:20", "c": "02:40"}, "to_day": 0},
            date(2026, 10, 4),
            "Australia/Lord_Howe",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20261004.a 10-03T15:30, 20261004.c 10-03T15:40",
        ),
        # Apia: the date that was skipped has none
        (
            {"to_day": 2},
            date(2011, 12, 29),
            "Pacific/Apia",
            "2011-01-01T00:00",
            "2012-12-31T00:00",
            "20111229.morning 12-29T19:00, 20111231.morning 12-30T19:00",
        ),
        # ... but an every-other-day rule keeps counting calendar dates
        (
            {"to_day": 4, "every_days": 2},
            date(2011, 12, 28),
            "Pacific/Apia",
            "2011-01-01T00:00",
            "2012-12-31T00:00",
            "20111228.morning 12-28T19:00, 20120101.morning 12-31T19:00",
        ),
        # Casablanca: out of summer time for Ramadan
        (
            {"to_day": 1},
            date(2026, 2, 14),
            "Africa/Casablanca",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20260214.morning 02-14T08:00, 20260215.morning 02-15T09:00",
        ),
        # Istanbul 2016: summer time never ended
        (
            {"to_day": 1},
            date(2016, 11, 5),
            "Europe/Istanbul",
            "2016-01-01T00:00",
            "2017-01-01T00:00",
            "20161105.morning 11-05T06:00, 20161106.morning 11-06T06:00",
        ),
        # Nuuk: a late slot lands on the next midnight, and takes that slot's place
        (
            {"slots": {"midnight": "00:00", "late": "23:30"}, "to_day": 1},
            date(2026, 3, 28),
            "America/Nuuk",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20260328.midnight 03-28T02:00, 20260328.late 03-29T01:00, 20260329.late 03-30T00:30",
        ),
        # Auckland is a day ahead of UTC's date in the morning
        (
            {"to_day": 0, "slots": MORNING_EVENING},
            SUNDAY,
            "Pacific/Auckland",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20261122.morning 11-21T20:00, 20261122.evening 11-22T05:00",
        ),
        # Honolulu's evening is tomorrow in UTC
        (
            {"to_day": 0, "slots": MORNING_EVENING},
            SUNDAY,
            "Pacific/Honolulu",
            "2026-01-01T00:00",
            "2027-01-01T00:00",
            "20261122.morning 11-22T19:00, 20261122.evening 11-23T04:00",
        ),
        # 29 February is a day like any other
        (
            {"from_day": 1, "to_day": 2},
            date(2028, 2, 28),
            "UTC",
            "2028-01-01T00:00",
            "2029-01-01T00:00",
            "20280229.morning 02-29T09:00, 20280301.morning 03-01T09:00",
        ),
    ],
)
def test_a_rule_gives_what_was_worked_out_by_hand(
    rule: dict[str, Any], anchor: date, zone: str, after: str, until: str, expected: str
) -> None:
    found = occurrences(rule_of(**rule), anchor, zone, utc(after), utc(until))
    assert ", ".join(map(brief, found)) == expected
