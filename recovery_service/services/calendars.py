"""Appointments as an iCalendar (RFC 5545): what a calendar keeps, and how it learns of changes.

An event's UID is the appointment's id and never changes; its SEQUENCE is the appointment's
version, which every change counts up, so a calendar takes the newest; one that was cancelled is
told as such and not left out, because a calendar keeps what it was not told to drop. Times are
on the clock of the site, with its zone's rules beside them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from icalendar import Calendar, Event, Timezone, vText

from recovery_service.domain.local_time import zone

#: How long a calendar may keep what it has before it asks again.
REFRESH = timedelta(hours=4)
_PRODUCT = "-//Recovery Service//Appointments//EN"
_DOMAIN = "recovery-service.invalid"
_USUAL_MINUTES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """One event; `title` and what follows are as they may be shown. `minutes` None: an hour."""

    id: UUID
    version: int
    changed_at: datetime
    cancelled: bool
    starts_at: datetime
    minutes: int | None
    time_zone: str
    title: str
    place: str | None = None
    description: str | None = None


def calendar_text(entries: Sequence[CalendarEntry], *, name: str) -> bytes:
    """Return the calendar in UTF-8, in lines of at most 75 octets that end in CRLF.

    The same entries give the same bytes: nothing in it is of the moment of asking.
    """
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar["X-WR-CALNAME"] = vText(name)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar["X-PUBLISHED-TTL"] = vText(f"PT{int(REFRESH.total_seconds()) // 3600}H")
    for rules in _zones(entries):
        calendar.add_component(rules)
    for entry in entries:
        calendar.add_component(_event(entry))
    written: bytes = calendar.to_ical(sorted=False)
    return written


def _event(entry: CalendarEntry) -> Event:
    where = zone(entry.time_zone)
    event = Event()
    event.add("uid", f"{entry.id}@{_DOMAIN}")
    event.add("sequence", entry.version)
    event.add("dtstamp", entry.changed_at)
    event.add("last-modified", entry.changed_at)
    event.add("dtstart", entry.starts_at.astimezone(where))
    event.add("duration", timedelta(minutes=entry.minutes or _USUAL_MINUTES))
    event.add("summary", entry.title)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    event.add("class", "PRIVATE")
    if entry.place:
        event.add("location", entry.place)
    if entry.description:
        event.add("description", entry.description)
    return event


def _zones(entries: Iterable[CalendarEntry]) -> list[Timezone]:
    """Return the rules of each zone, for the years of its appointments and one on either side."""
    years: dict[str, tuple[int, int]] = {}
    for entry in entries:
        if entry.time_zone == "UTC":
            continue  # times in UTC are written as such and refer to no zone
        year = entry.starts_at.year
        first, last = years.get(entry.time_zone, (year, year))
        years[entry.time_zone] = min(first, year), max(last, year)
    return [_rules(name, first, last) for name, (first, last) in sorted(years.items())]


@lru_cache(maxsize=64)
def _rules(name: str, first: int, last: int) -> Timezone:
    return Timezone.from_tzinfo(
        zone(name), tzid=name, first_date=date(first - 1, 1, 1), last_date=date(last + 2, 1, 1)
    )
