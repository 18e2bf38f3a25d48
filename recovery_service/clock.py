"""The only place that reads a clock; everything else is told what time it is."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Whatever tells the time: called without arguments, answers an aware instant in UTC."""

    def __call__(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def __call__(self) -> datetime:
        """Return the machine's present instant, aware and in UTC."""
        return datetime.now(UTC)

    @staticmethod
    def monotonic() -> float:
        """Return seconds that never run backwards; only differences mean something."""
        return time.monotonic()


def uptime() -> float:
    """Return seconds since the machine started, asleep or awake, whatever the wall clock says."""
    asleep_too = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(asleep_too)


class ManualClock:
    """A clock that stands still until it is told to move, for tests and the demo's past."""

    def __init__(self, at: datetime) -> None:
        self._now = _in_utc(at)

    def __call__(self) -> datetime:
        """Return the instant that was set, aware and in UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move by a duration, backwards too (real clocks do), and return the new instant."""
        self._now += by
        return self._now

    def set(self, at: datetime) -> None:
        """Jump to an aware instant; raises ValueError for a naive one."""
        self._now = _in_utc(at)


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a clock needs an aware instant")
    return at.astimezone(UTC)
