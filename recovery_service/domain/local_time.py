"""Where local wall time becomes an instant: the only such place in the service.

The zone data are those of the pinned `tzdata` wheel, never the machine's own,
so that every process agrees on when a reminder is due.
"""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

zoneinfo.reset_tzpath(())
ZoneInfo.clear_cache()  # whatever was loaded earlier came from the machine

_SECOND = timedelta(seconds=1)

# `Factory` says "not set yet"; nobody lives there.
ZONE_NAMES = frozenset(zoneinfo.available_timezones()) - {"Factory"}


class UnknownZone(ValueError):
    """Not the name of an IANA time zone."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name[:64]!r} is not an IANA time zone")
        self.name = name


def is_zone(name: str) -> bool:
    """Say whether `name` is an IANA zone, exactly as IANA spells it."""
    return name in ZONE_NAMES


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone of that name; raises `UnknownZone`.

    The list of names is asked before the data, so a path never reaches the file system.
    """
    if not is_zone(name):
        raise UnknownZone(name)
    return ZoneInfo(name)


def local_date(zone_name: str, now: datetime) -> date:
    """Return the calendar date that people in the zone read at an instant."""
    return now.astimezone(zone(zone_name)).date()


def start_of_day(zone_name: str, day: date) -> datetime:
    """Return the first instant of a local date in UTC; of a skipped one, its successor's."""
    ordinal = day.toordinal()
    return instant(zone_name, ordinal, 0) or start_of_day(zone_name, date.fromordinal(ordinal + 1))


# A tick asks for a handful of (zone, date, minute) a thousand times over; the bound is
# about 10 MB and holds a month of agenda for dozens of zones.
@lru_cache(maxsize=32_768)
def instant(zone_name: str, date_ordinal: int, minute: int) -> datetime | None:
    """Return when the wall clock of a zone first shows a minute of a local date, in UTC.

    `date_ordinal` is `date.toordinal()`, `minute` counts from midnight (0-1439).
    A time inside a gap is the first instant after it; one that exists twice is the
    first; a date that the zone skips has none.
    """
    tz, day, (hour, past) = zone(zone_name), date.fromordinal(date_ordinal), divmod(minute, 60)
    wall = datetime.combine(day, time(hour, past))
    first = _offset(tz, wall)
    second = _offset(tz, datetime.combine(day, time(hour, past, fold=1)))
    due = datetime.combine(day, time(hour, past), UTC) - first
    if first >= second:  # an ordinary time, or one that exists twice
        return due
    end = _end_of_gap(tz, wall, due, due - (second - first))
    last_shown, next_shown = _shown(tz, end - _SECOND).date(), _shown(tz, end).date()
    return None if last_shown < day < next_shown else end


def _end_of_gap(tz: ZoneInfo, wall: datetime, after: datetime, before: datetime) -> datetime:
    """Bisect to the second at which the wall clock jumps over `wall`.

    A missing time read in the offset before the gap is an instant behind it, and the
    other way round; the jump is in between.
    """
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _shown(tz, middle) < wall:
            before = middle
        else:
            after = middle
    return after


def _offset(tz: ZoneInfo, wall: datetime) -> timedelta:
    return tz.utcoffset(wall) or timedelta(0)


def _shown(tz: ZoneInfo, at: datetime) -> datetime:
    """Return what the wall clock shows at an instant, naive."""
    return at.astimezone(tz).replace(tzinfo=None)
