"""Reading the audit trail: who saw or changed what, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.identifiers import lowest_id
from recovery_service.models import AuditEvent, StaffMember
from recovery_service.services import audit

_RESOLUTION = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which events: `since` included, `until` not; None asks for nothing."""

    actor: UUID | None = None
    patient: UUID | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class TracedEvent(NamedTuple):
    """An event, and the name of the member of staff behind it."""

    event: AuditEvent
    actor_name: str | None


def read_trail(
    session: Session,
    actor: Actor,
    query: AuditQuery,
    *,
    before: UUID | None,
    limit: int,
    now: datetime,
) -> Sequence[TracedEvent]:
    """Return events, newest first, one more than `limit`; the reading is one itself."""
    rows = session.execute(_select(actor, query, before).limit(limit + 1)).all()
    audit.record(
        session, actor, "audit_read", "audit_event", None, patient_id=query.patient, now=now
    )
    return [TracedEvent(*row) for row in rows]


def _select(actor: Actor, query: AuditQuery, before: UUID | None) -> Any:
    """Build the statement; ids carry the time, so that the list follows an index."""
    wanted = (
        select(AuditEvent, StaffMember.name)
        .outerjoin(
            StaffMember,
            (StaffMember.clinic_id == AuditEvent.clinic_id)
            & (StaffMember.id == AuditEvent.actor_id),
        )
        .where(AuditEvent.clinic_id == actor.clinic_id)
        .order_by(AuditEvent.id.desc())
    )
    if query.actor is not None:
        wanted = wanted.where(AuditEvent.actor_id == query.actor)
    if query.patient is not None:
        wanted = wanted.where(AuditEvent.patient_id == query.patient)
    if query.action is not None:
        wanted = wanted.where(AuditEvent.action == query.action)
    if query.since is not None:
        since = query.since
        wanted = wanted.where(AuditEvent.at >= since, AuditEvent.id >= lowest_id(since))
    if query.until is not None:
        until = query.until
        wanted = wanted.where(AuditEvent.at < until, AuditEvent.id < lowest_id(until + _RESOLUTION))
    return wanted if before is None else wanted.where(AuditEvent.id < before)
