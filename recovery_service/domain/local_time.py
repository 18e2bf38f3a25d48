"""Where local wall time becomes an instant: the only such place in the service.

The zone data are those of the pinned `tzdata` wheel, never the machine's own,
so that every process agrees on when a reminder is due.
"""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

zoneinfo.reset_tzpath(())
ZoneInfo.clear_cache()  # whatever was loaded earlier came from the machine

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)

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
    tz = zone(zone_name)
    midnight = datetime.fromordinal(date_ordinal)
    wall = midnight + timedelta(minutes=minute)
    due = wall.replace(tzinfo=tz).astimezone(UTC)
    if due.astimezone(tz).replace(tzinfo=None) == wall:
        return due
    end = _end_of_gap(tz, wall, due)
    skipped = _shown(tz, end - _SECOND) < midnight and _shown(tz, end) >= midnight + _DAY
    return None if skipped else end


def _end_of_gap(tz: ZoneInfo, wall: datetime, after: datetime) -> datetime:
    """Bisect to the second at which the wall clock has jumped over `wall`.

    With `fold=1` Python reads a missing time in the offset after the gap and so lands
    before it; with `fold=0`, which gave `after`, it lands behind.
    """
    before = wall.replace(tzinfo=tz, fold=1).astimezone(UTC)
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _shown(tz, middle) < wall:
            before = middle
        else:
            after = middle
    return after


def _shown(tz: ZoneInfo, at: datetime) -> datetime:
    """Return what the wall clock shows at an instant, naive."""
    return at.astimezone(tz).replace(tzinfo=None)
