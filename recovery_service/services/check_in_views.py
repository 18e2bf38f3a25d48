"""Stored check-ins as they are shown, and as the phone had sent them."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from uuid import UUID

import orjson

from recovery_service.domain.check_ins import NewCheckIn, given_date, given_zone
from recovery_service.models import CheckIn
from recovery_service.services.check_in_statement import Outcome


def said(row: CheckIn) -> NewCheckIn:
    """Return a stored report as the phone had sent it."""
    return NewCheckIn(
        id=row.id,
        date=given_date(row),
        recorded_at=row.recorded_at,
        time_zone=given_zone(row, row.time_zone),
        form_version=row.form_version,
        answers=row.answers,
        note=row.note,
        supersedes=row.supersedes,
        source=row.source,
        reported_by=row.reported_by,
        verdict=row.device_verdict,
    )


def shown(outcome: Outcome, entered_by: UUID | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report that `RECORD` has just stored as the API shows it."""
    return {
        "id": values["id"],
        "episode_id": outcome.episode_id,
        "date": values["date"],
        "recorded_at": values["recorded_at"].astimezone(UTC),
        "received_at": values["received_at"],
        "time_zone": values["time_zone"],
        "form_version": values["form_version"],
        "answers": orjson.Fragment(values["answers"]),
        "note": values["note"],
        "supersedes": values["supersedes"],
        "issues": outcome.issues,
        "source": values["source"],
        "reported_by": values["reported_by"],
        "entered_by": entered_by,
    }


def as_json(row: CheckIn) -> dict[str, Any]:
    """Return a stored report as the API shows it."""
    return {
        "id": row.id,
        "episode_id": row.episode_id,
        "date": row.local_date,
        "recorded_at": row.recorded_at,
        "received_at": row.received_at,
        "time_zone": row.time_zone,
        "form_version": row.form_version,
        "answers": row.answers,
        "note": row.note,
        "supersedes": row.supersedes,
        "issues": row.issues,
        "source": row.source,
        "reported_by": row.reported_by,
        "entered_by": row.entered_by,
    }
