"""Dates and moments as people write them, in their language."""

from datetime import date, datetime

from recovery_service.domain.content import Content
from recovery_service.domain.local_time import zone


def short_date(content: Content, day: date, language: str) -> str:
    """Return a date as people write it, such as 4 Mar 2026."""
    months = content.text("date.months", language).split()
    return f"{day.day} {months[day.month - 1]} {day.year}"


def moment(content: Content, at: datetime, *, now: datetime, time_zone: str, language: str) -> str:
    """Return a moment on the clock of a zone, such as 16:00 today, or 09:00, Mon 9 Mar."""
    there = at.astimezone(zone(time_zone))
    days = (there.date() - now.astimezone(zone(time_zone)).date()).days
    named = {0: "date.today", 1: "date.tomorrow", -1: "date.yesterday"}
    clock = f"{there:%H:%M}"
    if days in named:
        return content.text(named[days], language, clock=clock)
    weekday = content.text("date.weekdays", language).split()[there.weekday()]
    month = content.text("date.months", language).split()[there.month - 1]
    return content.text(
        "date.other", language, clock=clock, weekday=weekday, day=there.day, month=month
    )
