"""Quiet hours: the part of a patient's day in which nothing rings."""

from datetime import datetime, timedelta
from typing import NamedTuple

from recovery_service.domain.local_time import instant
from recovery_service.domain.local_time import zone as zone_of

_DAY = 1


class QuietHours(NamedTuple):
    """A window of the local day in minutes since midnight (0-1439).

    The beginning is quiet, the end is not. One that ends before it begins goes across
    midnight; two equal ends are no window at all.
    """

    begins: int
    ends: int

    def holds(self, minute: int) -> bool:
        """Say whether a minute of the local day is quiet."""
        if self.begins <= self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends


def quiet_until(window: QuietHours, zone: str, now: datetime) -> datetime | None:
    """Return when the quiet hours that hold now are over, in UTC; None when none hold."""
    local = now.astimezone(zone_of(zone))
    minute = local.hour * 60 + local.minute
    if not window.holds(minute):
        return None
    day = local.toordinal() + (_DAY if minute >= window.ends else 0)
    end = instant(zone, day, window.ends) or instant(zone, day + _DAY, window.ends)
    # In the night that the clocks go back, an hour that was over comes a second time.
    return end if end is not None and end > now else now + timedelta(minutes=1)


def quiet_since(window: QuietHours, zone: str, at: datetime) -> datetime | None:
    """Return when the quiet hours that hold at an instant begin, in UTC; None when none do."""
    local = at.astimezone(zone_of(zone))
    minute = local.hour * 60 + local.minute
    if not window.holds(minute):
        return None
    day = local.toordinal() - (_DAY if minute < window.begins else 0)
    begin = instant(zone, day, window.begins) or instant(zone, day - _DAY, window.begins)
    return begin if begin is not None and begin <= at else at - timedelta(minutes=1)
