"""A slow second opinion on local time and recurrence, sharing no code with the service.

It only ever asks a zone the unambiguous question, what its clocks show at an instant.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from recovery_service.domain.recurrence_rules import Rule

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Transition(NamedTuple):
    """The clocks of a zone change their offset at an instant in UTC."""

    at: datetime
    before: timedelta
    after: timedelta


def offset_at(tz: ZoneInfo, at: datetime) -> timedelta:
    offset = at.astimezone(tz).utcoffset()
    assert offset is not None
    return offset


@cache
def transitions(zone: str, start: datetime, end: datetime) -> tuple[Transition, ...]:
    """Return every change of offset between two instants, to the second."""
    tz, found = ZoneInfo(zone), []
    at, offset = start, offset_at(ZoneInfo(zone), start)
    while at < end:
        later = at + 2 * DAY
        new = offset_at(tz, later)
        if new != offset:
            low, high = at, later
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if offset_at(tz, middle) == offset else (low, middle)
            found.append(Transition(high, offset, new))
        at, offset = later, new
    return tuple(found)


def first_reading(zone: str, day: date, minute: int) -> datetime | None:
    """Return when the clocks first show a minute of a date, or jump over it."""
    tz = ZoneInfo(zone)
    wall = datetime(day.year, day.month, day.day, tzinfo=UTC) + minute * MINUTE
    around = range(-44, 45)
    offsets = {offset_at(tz, wall + timedelta(hours=h)) for h in around}
    readings = [wall - offset for offset in offsets if offset_at(tz, wall - offset) == offset]
    if readings:
        return min(readings)
    quarters = (wall + timedelta(minutes=15 * q) for q in range(-180, 181))
    if not any(at.astimezone(tz).date() == day for at in quarters):
        return None
    at = wall - max(offsets) - MINUTE
    while (at + offset_at(tz, at)) < wall:
        at += MINUTE
    return at


def brute_force(
    rule: Rule, anchor: date, zone: str, after: datetime, until: datetime
) -> Iterator[tuple[date, str, datetime]]:
    """Yield (local date, slot, due) by trying every day that could matter."""
    taken: set[datetime] = set()
    for number in range((until.date() - anchor).days + 3):
        day = anchor + number * DAY
        if number < rule.from_day or (rule.to_day is not None and number > rule.to_day):
            continue
        if rule.every is not None and (number - rule.from_day) % rule.every:
            continue
        if rule.every is None and day.isoweekday() not in rule.weekdays:
            continue
        for slot, minute in rule.slots:
            due = first_reading(zone, day, minute)
            if due is None or due in taken:
                continue
            taken.add(due)
            if after < due <= until:
                yield day, slot, due
