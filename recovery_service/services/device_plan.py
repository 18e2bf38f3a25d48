"""What a device that schedules reminders itself must know: that its plan has changed.

Locks are taken in one order by everybody: patient, destinations, schedules, deliveries,
occurrences. So this comes first in every edit.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.orm import Session

_COUNT_UP = text("""
UPDATE patient SET plan_revision = plan_revision + 1
 WHERE clinic_id = :clinic_id AND id = :patient_id
""")

# A sync that is under way has been given a later `sync_due_at`; this one takes it away from
# whoever holds it, who then leaves it standing.
_OWE_SYNC = text("""
UPDATE destination SET sync_due_at = :now, sync_attempts = 0
 WHERE clinic_id = :clinic_id AND patient_id = :patient_id AND device_id IS NOT NULL
   AND retired_at IS NULL AND device_id IS DISTINCT FROM :but_not
""").bindparams(bindparam("but_not", type_=Uuid))


def plan_changed(session: Session, clinic_id: UUID, patient_id: UUID, *, now: datetime) -> None:
    """Count the plan's revision up and owe every device of the patient a silent sync."""
    session.execute(_COUNT_UP, {"clinic_id": clinic_id, "patient_id": patient_id})
    devices_owed_sync(session, clinic_id, patient_id, now=now)


def devices_owed_sync(
    session: Session,
    clinic_id: UUID,
    patient_id: UUID,
    *,
    now: datetime,
    but_not: UUID | None = None,
) -> None:
    """Have the patient's devices told to fetch what changed, except the one that did it."""
    values = {"clinic_id": clinic_id, "patient_id": patient_id, "but_not": but_not, "now": now}
    session.execute(_OWE_SYNC, values)
