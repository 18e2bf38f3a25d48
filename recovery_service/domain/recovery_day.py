"""How far a patient is: whole local calendar days, never 24-hour blocks."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Self
from zoneinfo import ZoneInfo

_DAYS_A_WEEK = 7


def days_since(anchor: date, *, now: datetime, zone: ZoneInfo) -> int:
    """Return how many calendar days the patient is past the anchor date.

    Counted in the patient's own zone: at 23:30 in London it is already
    tomorrow in UTC for half the year, but not for the patient.
    Negative while the anchor is still ahead.
    """
    return (now.astimezone(zone).date() - anchor).days


def week_of(day: int) -> int:
    """Return the week a recovery day belongs to: days 0-6 are week 1, those before it week 0."""
    return max(day // _DAYS_A_WEEK + 1, 0)


@dataclass(frozen=True, kw_only=True)
class RecoveryDay:
    """Where an episode stands on the patient's calendar; a date not yet known counts nothing."""

    days_since_surgery: int | None
    days_since_discharge: int | None

    @classmethod
    def of(
        cls, *, surgery: date | None, discharge: date | None, now: datetime, zone: ZoneInfo
    ) -> Self:
        """Count both anchors at an instant, in the patient's zone."""

        def count(anchor: date | None) -> int | None:
            return None if anchor is None else days_since(anchor, now=now, zone=zone)

        return cls(days_since_surgery=count(surgery), days_since_discharge=count(discharge))

    @property
    def week(self) -> int | None:
        """The week since surgery, or since discharge where the surgery date is unknown."""
        day = self.days_since_surgery
        if day is None:
            day = self.days_since_discharge
        return None if day is None else week_of(day)
