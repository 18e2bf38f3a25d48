"""Episodes: what staff say of an operation, and what must be true of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from recovery_service.domain.procedures import PROCEDURES

SIDES = ("left", "right", "both")
BASELINE = ("nrs_back", "nrs_leg", "nrs_neck", "nrs_arm", "psfs")
END_REASONS = ("completed", "transferred", "withdrew", "deceased", "entered_in_error")
SILENCING = frozenset({"deceased", "entered_in_error"})
"""Ends after which no message may reach anybody, and access is over at once."""

LEVEL = re.compile(r"(occiput|[CTLS]\d{1,2})([-/]([CTLS]?\d{1,2}))?\Z", re.IGNORECASE)
_AHEAD = timedelta(days=90)
_BACK = timedelta(days=2 * 365)


class ImpossibleDateError(ValueError):
    """A date of an episode that cannot be; ``field`` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEpisode:
    """An operation as staff enter it; ``supersedes`` ends the open episode for a re-operation."""

    procedure: str
    discharge_date: date
    surgery_date: date | None = None
    levels: Sequence[str] = ()
    side: str | None = None
    diagnosis: str | None = None
    baseline: Mapping[str, float] | None = None
    pre_existing_deficit: str | None = None
    site: UUID | None = None
    plan_template: str | None = None
    supersedes: UUID | None = None


def check_dates(surgery: date | None, discharge: date, *, today: date) -> None:
    """Raise ImpossibleDateError for dates that contradict each other or lie years away.

    Discharge may be an expected date some weeks ahead; a recovery that began
    more than two years ago is over.
    """
    if surgery is not None and discharge < surgery:
        raise ImpossibleDateError("discharge_date", "Must not be before the surgery.")
    for field, day in (("surgery_date", surgery), ("discharge_date", discharge)):
        if day is not None and day > today + _AHEAD:
            raise ImpossibleDateError(field, f"Must be within {_AHEAD.days} days from today.")
        if day is not None and day < today - _BACK:
            raise ImpossibleDateError(field, "Must not be more than two years ago.")


def plan_state(episode_state: str, *, published: bool) -> str:
    """Return ``awaiting_clinician, active, paused`` or ``ended``."""
    if episode_state == "ended":
        return "ended"
    if not published:
        return "awaiting_clinician"
    return "paused" if episode_state == "on_hold" else "active"


def is_procedure(name: str) -> bool:
    """Say whether the service knows the procedure."""
    return name in PROCEDURES
