from datetime import UTC, datetime, timedelta, timezone

import pytest

from recovery_service.clock import Clock, ManualClock, SystemClock

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_system_clock_is_aware_in_utc_and_moves_forward() -> None:
    clock: Clock = SystemClock()
    first, second = clock(), clock()
    assert first.tzinfo is UTC
    assert timedelta(0) <= second - first < timedelta(minutes=1)


def test_the_monotonic_reading_never_runs_backwards() -> None:
    first = SystemClock.monotonic()
    assert SystemClock.monotonic() >= first


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(NOON)
    assert clock() == clock() == NOON
    assert clock.advance(timedelta(minutes=5)) == clock() == NOON + timedelta(minutes=5)
    clock.advance(timedelta(hours=-1))
    assert clock() == NOON - timedelta(minutes=55)


def test_a_manual_clock_answers_in_utc_whatever_it_was_set_to() -> None:
    clock = ManualClock(NOON)
    clock.set(datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=3))))
    assert clock() == datetime(2026, 1, 1, tzinfo=UTC)
    assert clock().tzinfo is UTC


def test_a_manual_clock_refuses_a_naive_instant() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"):
        ManualClock(naive)
    with pytest.raises(ValueError, match="aware"):
        ManualClock(NOON).set(naive)
