"""Silence: after a death, or an entry that was an error, nothing reaches anybody again."""

from datetime import datetime

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from recovery_service.errors import AccessEnded
from recovery_service.models import Destination, Device, Patient
from recovery_service.services.appointment_schedules import ahead_of, follow
from recovery_service.services.calendar_feeds import revoke_feed
from recovery_service.services.enrolment import revoke_unused_codes
from recovery_service.services.tokens import revoke_families

_DROP_ALL = text("""
UPDATE delivery AS d
   SET state = 'dropped', reason = 'episode_ended', settled_at = :now, owner = NULL
  FROM destination t
 WHERE t.clinic_id = :clinic_id AND t.patient_id = :patient_id
   AND d.clinic_id = t.clinic_id AND d.destination_id = t.id AND d.state IN ('ready', 'leased')
""")


def silence_patient(session: Session, patient: Patient, *, now: datetime) -> None:
    """Retire every destination, end access, revoke codes, cancel what is booked."""
    key = {"clinic_id": patient.clinic_id, "patient_id": patient.id}
    session.execute(
        update(Destination)
        .filter_by(**key, retired_at=None)
        .values(retired_at=now, retired_reason="episode_ended")
    )
    session.execute(update(Device).filter_by(**key, revoked_at=None).values(revoked_at=now))
    session.execute(_DROP_ALL, key | {"now": now})
    revoke_families(
        session, patient.clinic_id, reason=AccessEnded.code, now=now, patient_id=patient.id
    )
    revoke_unused_codes(session, patient.clinic_id, patient.id, now=now)
    revoke_feed(session, patient.clinic_id, patient.id, now=now)
    ahead = ahead_of(session, patient)
    for row in ahead:
        row.state, row.updated_at, row.version = "cancelled", now, row.version + 1
    follow(session, ahead, now=now)
