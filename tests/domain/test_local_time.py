import zoneinfo
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery_service.domain.local_time import (
    ZONE_NAMES,
    UnknownZone,
    instant,
    is_zone,
    local_date,
    start_of_day,
    zone,
)
from tests.domain.calendar_oracle import MINUTE, Transition, first_reading, transitions

FIVE_YEARS = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))


def at(zone_name: str, day: date, hhmm: str) -> str | None:
    """Say in UTC when a local time is, as the tables below write it."""
    hours, minutes = hhmm.split(":")
    due = instant(zone_name, day.toordinal(), int(hours) * 60 + int(minutes))
    return None if due is None else f"{due:%Y-%m-%d %H:%M}"


# Planted defects these see: the second reading of a fold; a gap shifted by its own
# length (zoneinfo's reading); a skipped date given its successor's midnight.
@pytest.mark.parametrize(
    ("zone_name", "day", "hhmm", "expected"),
    [
        ("Europe/London", date(2026, 3, 29), "00:59", "2026-03-29 00:59"),
        ("Europe/London", date(2026, 3, 29), "01:00", "2026-03-29 01:00"),
        ("Europe/London", date(2026, 3, 29), "01:30", "2026-03-29 01:00"),
        ("Europe/London", date(2026, 3, 29), "02:00", "2026-03-29 01:00"),
        ("Europe/London", date(2026, 10, 25), "01:30", "2026-10-25 00:30"),
        ("Europe/London", date(2026, 10, 25), "02:00", "2026-10-25 02:00"),
        ("America/New_York", date(2026, 3, 8), "02:30", "2026-03-08 07:00"),
        ("America/New_York", date(2026, 11, 1), "01:30", "2026-11-01 05:30"),
        # Lord Howe moves by half an hour.
        ("Australia/Lord_Howe", date(2026, 10, 4), "02:15", "2026-10-03 15:30"),
        ("Australia/Lord_Howe", date(2026, 10, 4), "02:30", "2026-10-03 15:30"),
        ("Australia/Lord_Howe", date(2026, 4, 5), "01:45", "2026-04-04 14:45"),
        ("Australia/Lord_Howe", date(2026, 4, 5), "02:00", "2026-04-04 15:30"),
        # Samoa went without 30 December 2011; Kwajalein without 21 August 1993.
        ("Pacific/Apia", date(2011, 12, 29), "23:59", "2011-12-30 09:59"),
        ("Pacific/Apia", date(2011, 12, 30), "00:00", None),
        ("Pacific/Apia", date(2011, 12, 30), "09:00", None),
        ("Pacific/Apia", date(2011, 12, 30), "23:59", None),
        ("Pacific/Apia", date(2011, 12, 31), "00:00", "2011-12-30 10:00"),
        ("Pacific/Kwajalein", date(1993, 8, 20), "09:00", "1993-08-20 21:00"),
        ("Pacific/Kwajalein", date(1993, 8, 21), "09:00", None),
        ("Pacific/Kwajalein", date(1993, 8, 22), "09:00", "1993-08-21 21:00"),
        # Morocco leaves summer time for Ramadan and returns after it.
        ("Africa/Casablanca", date(2026, 2, 15), "02:30", "2026-02-15 01:30"),
        ("Africa/Casablanca", date(2026, 2, 16), "09:00", "2026-02-16 09:00"),
        ("Africa/Casablanca", date(2026, 3, 22), "02:30", "2026-03-22 02:00"),
        ("Africa/Casablanca", date(2026, 3, 23), "09:00", "2026-03-23 08:00"),
        # Turkey did not leave summer time in 2016, and never since.
        ("Europe/Istanbul", date(2016, 3, 27), "03:30", "2016-03-27 01:00"),
        ("Europe/Istanbul", date(2016, 11, 6), "09:00", "2016-11-06 06:00"),
        ("Europe/Istanbul", date(2026, 12, 1), "09:00", "2026-12-01 06:00"),
        # Greenland's gap ends at midnight: the late slot is due on the next date.
        ("America/Nuuk", date(2026, 3, 28), "23:30", "2026-03-29 01:00"),
        ("America/Nuuk", date(2026, 3, 29), "00:00", "2026-03-29 01:00"),
        # Across the date line one local time is 23 hours apart.
        ("Pacific/Auckland", date(2026, 11, 22), "09:00", "2026-11-21 20:00"),
        ("Pacific/Honolulu", date(2026, 11, 22), "09:00", "2026-11-22 19:00"),
    ],
)
def test_a_local_time_becomes_the_instant_worked_out_by_hand(
    zone_name: str, day: date, hhmm: str, expected: str | None
) -> None:
    assert at(zone_name, day, hhmm) == expected


def expected_at(changes: tuple[Transition, ...], wall: datetime) -> datetime:
    """Read a wall time in each stretch of constant offset; the first that has it wins."""
    starts = [datetime.min.replace(tzinfo=UTC), *(change.at for change in changes)]
    ends = [*(change.at for change in changes), datetime.max.replace(tzinfo=UTC)]
    offsets = [changes[0].before, *(change.after for change in changes)]
    for start, end, offset in zip(starts, ends, offsets, strict=True):
        if start <= wall - offset < end:
            return wall - offset
    return next(c.at for c in changes if c.at + c.before <= wall < c.at + c.after)


def test_every_change_of_offset_in_every_zone_for_five_years() -> None:
    seen = 0
    for name in sorted(ZONE_NAMES):
        changes = transitions(name, *FIVE_YEARS)
        for change in changes:
            edges = sorted((change.at + change.before, change.at + change.after))
            wall = (edges[0] - 120 * MINUTE).replace(second=0)
            while wall <= edges[1] + 120 * MINUTE:
                due = instant(name, wall.toordinal(), wall.hour * 60 + wall.minute)
                assert due == expected_at(changes, wall), (name, wall)
                wall += 15 * MINUTE
            seen += 1
    assert len(ZONE_NAMES) > 550
    assert seen > 1500


@settings(max_examples=150, deadline=None, database=None)
@given(
    st.sampled_from(sorted(ZONE_NAMES)),
    st.dates(date(2025, 1, 1), date(2029, 12, 31)),
    st.integers(0, 1439),
)
def test_any_local_time_agrees_with_the_oracle(name: str, day: date, minute: int) -> None:
    due = instant(name, day.toordinal(), minute)
    assert due == first_reading(name, day, minute)
    assert due is None or due.tzinfo is UTC


def test_a_later_wall_time_is_never_earlier_in_the_named_windows() -> None:
    for name, day in [
        ("Pacific/Apia", date(2011, 12, 29)),
        ("America/Nuuk", date(2026, 3, 28)),
        ("Australia/Lord_Howe", date(2026, 4, 4)),
        ("Africa/Casablanca", date(2026, 2, 14)),
    ]:
        found = [
            instant(name, day.toordinal() + minute // 1440, minute % 1440) for minute in range(4320)
        ]
        known = [due for due in found if due is not None]
        assert known == sorted(known)


def test_the_zone_data_are_the_pinned_wheels_not_the_machines() -> None:
    assert zoneinfo.TZPATH == ()
    packed = resources.files("tzdata").joinpath("zones").read_text().split()
    assert set(packed) - {"Factory"} == ZONE_NAMES


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "europe/london",
        "../etc/passwd",
        "/etc/localtime",
        "Europe",
        "Factory",
        "Europe/London\0",
        "Europe/../Europe/London",
        "tzdata",
        "posixrules",
        "x" * 5000,
    ],
)
def test_what_is_no_zone_is_refused_by_name(name: str) -> None:
    assert not is_zone(name)
    with pytest.raises(UnknownZone):
        zone(name)


def test_a_zone_is_known_by_its_iana_name() -> None:
    assert is_zone("Europe/Istanbul")
    assert zone("Europe/Istanbul") is zone("Europe/Istanbul")
    assert isinstance(zone("America/Argentina/Ushuaia"), ZoneInfo)


def test_the_local_date_is_the_patients_not_the_servers() -> None:
    late = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    assert local_date("Europe/Istanbul", late) == date(2026, 11, 23)
    assert local_date("Pacific/Honolulu", late) == date(2026, 11, 22)


def test_a_day_starts_at_its_first_instant_even_without_midnight() -> None:
    assert start_of_day("Europe/Istanbul", date(2026, 1, 1)) == datetime(
        2025, 12, 31, 21, tzinfo=UTC
    )
    skipped, successor = date(2011, 12, 30), date(2011, 12, 31)
    assert start_of_day("Pacific/Apia", skipped) == start_of_day("Pacific/Apia", successor)
    # Havana's clocks jump from midnight to one o'clock.
    havana = start_of_day("America/Havana", date(2026, 3, 8))
    assert havana == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert local_date("America/Havana", havana - timedelta(seconds=1)) == date(2026, 3, 7)
