"""Destinations: where a patient's deliveries go, and which of them are wanted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.identifiers import new_id
from recovery_service.domain.preferences import muted_kinds
from recovery_service.models import Destination, Patient

PUSH = ("webpush", "fcm", "apns")
_TAKEN_AWAY = ("revoked", "lost")

# A reminder that the patient no longer wants there is not sent, also if it is queued.
_DROP_MUTED = text("""
UPDATE delivery AS d SET state = 'dropped', reason = 'muted', settled_at = :now, owner = NULL
  FROM occurrence o, schedule s, destination t
 WHERE t.clinic_id = :clinic_id AND t.patient_id = :patient_id AND t.retired_at IS NULL
   AND s.clinic_id = t.clinic_id AND s.patient_id = t.patient_id AND s.kind = ANY (t.muted_kinds)
   AND o.clinic_id = s.clinic_id AND o.lineage_id = s.id AND o.state IN ('due', 'snoozed')
   AND d.clinic_id = o.clinic_id AND d.occurrence_id = o.id AND d.destination_id = t.id
   AND d.state IN ('ready', 'leased')
""")


def ensure_inbox(session: Session, patient: Patient, *, now: datetime) -> None:
    """Give the patient the inbox of the app; a second time changes nothing."""
    row = _new(patient, "inbox", now=now)
    session.execute(insert(Destination).values(row).on_conflict_do_nothing())


def add_push(
    session: Session,
    patient: Patient,
    device_id: UUID,
    channel: str,
    subscription: Mapping[str, Any],
    *,
    now: datetime,
) -> None:
    """Let deliveries of a push channel go to a device."""
    row = _new(patient, channel, now=now)
    session.add(Destination(**row, device_id=device_id, subscription=dict(subscription)))
    session.flush()


def push_destinations(
    session: Session, clinic_id: UUID, device_ids: Sequence[UUID]
) -> dict[UUID, Destination]:
    """Return the living push destination of each device that has one."""
    living = select(Destination).where(
        Destination.clinic_id == clinic_id,
        Destination.device_id.in_(device_ids),
        Destination.retired_at.is_(None),
    )
    return {row.device_id: row for row in session.scalars(living) if row.device_id is not None}


def retire_push(
    session: Session, clinic_id: UUID, *, reason: str, now: datetime, **which: UUID
) -> None:
    """Retire the push destinations of a ``device_id`` or a ``patient_id``, never the plan.

    A device that was taken away is told so silently, or it would go on reminding by itself.
    """
    living = update(Destination).where(
        Destination.clinic_id == clinic_id,
        Destination.device_id.is_not(None),
        Destination.retired_at.is_(None),
    )
    forgets = now if reason in _TAKEN_AWAY else None
    values = {"retired_at": now, "retired_reason": reason, "sync_due_at": forgets}
    session.execute(living.filter_by(**which).values(**values))


def mute(session: Session, patient: Patient, *, now: datetime) -> None:
    """Apply the patient's choice of channels, also to what is queued already."""
    living = select(Destination).where(
        Destination.clinic_id == patient.clinic_id,
        Destination.patient_id == patient.id,
        Destination.retired_at.is_(None),
    )
    for destination in session.scalars(living):
        destination.muted_kinds = muted_kinds(
            patient.preferences, destination.channel, contact_mode=patient.contact_mode
        )
    session.flush()
    key = {"clinic_id": patient.clinic_id, "patient_id": patient.id}
    session.execute(_DROP_MUTED, key | {"now": now})


def _new(patient: Patient, channel: str, *, now: datetime) -> dict[str, Any]:
    return {
        "clinic_id": patient.clinic_id,
        "id": new_id(now=now),
        "patient_id": patient.id,
        "channel": channel,
        "muted_kinds": muted_kinds(patient.preferences, channel, contact_mode=patient.contact_mode),
        "created_at": now,
    }
