"""Series of what a patient reported: one value a date, and the median that calms them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from typing import Any
from uuid import UUID

MOST_ENTRIES = 3
DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A report, as far as the figures need it."""

    id: UUID
    local_date: date
    recorded_at: datetime
    received_at: datetime
    supersedes: UUID | None
    issues: Sequence[Mapping[str, Any]]
    answers: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A value on a date; `median` is that of the last 3 entries within 7 days, it included."""

    date: date
    value: float
    median: float


def points(values: Mapping[date, float]) -> tuple[Point, ...]:
    """Return the points of one item in order of their dates."""
    dates = sorted(values)
    return tuple(
        Point(date=day, value=values[day], median=_median_at(values, dates[: place + 1]))
        for place, day in enumerate(dates)
    )


def _median_at(values: Mapping[date, float], dates: Sequence[date]) -> float:
    recent = (day for day in dates[-MOST_ENTRIES:] if (dates[-1] - day).days < DAYS)
    return float(median(values[day] for day in recent))


def values_of(item: str, counting: Mapping[date, Told]) -> dict[date, float]:
    """Return an item's numbers by date, of the reports that count.

    What was not answered has no point; neither has true or false.
    """
    answers: dict[date, Any] = {day: report.answers.get(item) for day, report in counting.items()}
    return {day: value for day, value in answers.items() if type(value) in (int, float)}
