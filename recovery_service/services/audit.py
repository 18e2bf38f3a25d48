"""The audit trail: who saw or changed what, in the transaction that did it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.identifiers import new_id
from recovery_service.models import AuditEvent


def record(
    session: Session,
    actor: Actor,
    action: str,
    subject: str,
    subject_id: UUID | str | None,
    *,
    patient_id: UUID | None = None,
    now: datetime,
) -> None:
    """Add one line: identifiers only, never values."""
    session.execute(
        insert(AuditEvent).values(
            clinic_id=actor.clinic_id,
            id=new_id(now=now),
            at=now,
            actor_kind=actor.kind,
            actor_id=actor.id,
            action=action,
            subject_kind=subject,
            subject_id=None if subject_id is None else str(subject_id),
            patient_id=patient_id,
            request_id=actor.request_id,
        )
    )
