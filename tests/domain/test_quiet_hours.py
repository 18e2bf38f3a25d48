"""Quiet hours: inside, outside, across midnight, and in the nights when clocks change."""

from datetime import UTC, datetime

import pytest

from recovery_service.domain.quiet_hours import QuietHours, quiet_since, quiet_until

NIGHT = QuietHours(21 * 60, 8 * 60)
NOON = QuietHours(12 * 60, 14 * 60)
LONDON = "Europe/London"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "minute", "quiet"),
    [
        (NIGHT, 21 * 60, True),
        (NIGHT, 21 * 60 - 1, False),
        (NIGHT, 0, True),
        (NIGHT, 8 * 60 - 1, True),
        (NIGHT, 8 * 60, False),
        (NOON, 12 * 60, True),
        (NOON, 14 * 60, False),
        (NOON, 3 * 60, False),
        (QuietHours(60, 60), 60, False),
    ],
)
def test_the_beginning_is_quiet_and_the_end_is_not(
    window: QuietHours, minute: int, quiet: bool
) -> None:
    assert window.holds(minute) is quiet


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        (LONDON, "2026-01-15T22:01", "2026-01-16T08:00"),
        (LONDON, "2026-01-16T07:59", "2026-01-16T08:00"),
        (LONDON, "2026-01-16T08:00", None),
        (LONDON, "2026-03-28T23:00", "2026-03-29T07:00"),  # the clocks go forward
        (LONDON, "2026-10-24T22:00", "2026-10-25T08:00"),  # and back
        ("Pacific/Auckland", "2026-01-15T09:00", "2026-01-15T19:00"),
        # Apia had no 30 December 2011: the night of the 29th ends on the 31st.
        ("Pacific/Apia", "2011-12-30T08:00", "2011-12-30T18:00"),
    ],
)
def test_they_end_at_their_local_time(zone: str, now: str, until: str | None) -> None:
    """Planted: the end of today's date also before midnight; UTC instead of the zone."""
    assert quiet_until(NIGHT, zone, at(now)) == (at(until) if until else None)


def test_an_hour_that_comes_twice_does_not_end_in_the_past() -> None:
    early = QuietHours(21 * 60, 60 + 30)  # until 01:30, which London shows twice
    second = at("2026-10-25T01:15")
    assert second.astimezone().tzinfo is not None
    until = quiet_until(early, LONDON, second)
    assert until is not None
    assert until > second


@pytest.mark.parametrize(
    ("at_", "since"),
    [
        ("2026-01-16T07:00", "2026-01-15T21:00"),
        ("2026-01-15T23:00", "2026-01-15T21:00"),
        ("2026-03-29T06:30", "2026-03-28T21:00"),
        ("2026-01-16T12:00", None),
    ],
)
def test_what_must_come_earlier_comes_when_they_begin(at_: str, since: str | None) -> None:
    assert quiet_since(NIGHT, LONDON, at(at_)) == (at(since) if since else None)
