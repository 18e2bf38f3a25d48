"""Appointments in the caseload: what is booked, what is to be booked, what is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from recovery_service.domain.local_time import local_date
from recovery_service.domain.situations import FollowUp, Visit
from recovery_service.services.caseload_rows import CaseloadRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """The next appointment that stands."""

    starts_at: datetime
    title: Mapping[str, str]


def follow_up(row: Sequence[Any]) -> FollowUp:
    """Read what is to be booked."""
    title, window_from, window_to = row
    return FollowUp(
        title=title,
        window_from=date.fromisoformat(window_from),
        window_to=date.fromisoformat(window_to),
    )


def visit(row: Sequence[Any], time_zone: str) -> Visit:
    """Read an appointment that is over, on the patient's calendar."""
    code, title, at = row
    return Visit(code=code, title=title, on=local_date(time_zone, datetime.fromisoformat(at)))


def booked(row: CaseloadRow) -> Booked | None:
    """Read the next appointment, if there is one."""
    if row.booked_at is None:
        return None
    return Booked(starts_at=row.booked_at.astimezone(UTC), title=row.booked_title or {})
