"""A sandbox's time: ahead of the real one, and never behind it."""

from datetime import datetime, timedelta

KIND = "sandbox"
#: What one call may move on: three weeks are what an app is shown with.
FURTHEST = timedelta(days=35)


def time_in(sandbox_now: datetime | None, *, now: datetime) -> datetime:
    """Return what time it is in a clinic that was moved on to `sandbox_now`, if it was.

    It stands still there until the real time has caught up: what happens is then in
    nobody's hands but the caller's. Because it is never behind, what a worker finds due by
    the real time has been dealt with already.
    """
    return now if sandbox_now is None else max(sandbox_now, now)
