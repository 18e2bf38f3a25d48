"""What has not been sent yet, and will not be: doing the thing ends its reminders."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from recovery_service.models import Delivery, Occurrence

_RECONSIDER = text("""
UPDATE delivery AS d SET wake_at = :now
  FROM destination t
 WHERE t.clinic_id = :clinic_id AND t.patient_id = :patient_id
   AND d.clinic_id = t.clinic_id AND d.destination_id = t.id
   AND d.channel = t.channel AND d.state = 'ready' AND d.wake_at > :now
   AND d.reason IN ('quiet_hours', 'paused', 'over_budget')
""")

_TAKE_BACK = text("""
UPDATE delivery AS d
   SET state = 'ready', reason = NULL, settled_at = NULL,
       wake_at = CASE WHEN d.cause IN ('nudge', 'failover') THEN d.wake_at
                      ELSE greatest(o.due_at, :now, CASE WHEN d.cause = 'snooze' THEN (
                           SELECT max(a.next_at) FROM occurrence_action a
                            WHERE a.clinic_id = d.clinic_id AND a.occurrence_id = d.occurrence_id
                              AND a.action = 'snooze') END) END
  FROM occurrence o
 WHERE d.clinic_id = :clinic_id AND d.occurrence_id = :occurrence_id
   AND o.clinic_id = d.clinic_id AND o.id = d.occurrence_id
   AND d.state = 'dropped' AND d.reason IN ('done', 'skipped') AND d.wake_at > :now
""")


def reconsider(session: Session, clinic_id: UUID, patient_id: UUID, *, now: datetime) -> None:
    """Have what waits for a pause, quiet hours or tomorrow looked at again at once.

    The patient has changed when reminders may come; the fence decides anew.
    """
    key = {"clinic_id": clinic_id, "patient_id": patient_id}
    session.execute(_RECONSIDER, key | {"now": now})


def cancel_unsent(
    session: Session,
    clinic_id: UUID,
    occurrence_ids: Sequence[int],
    *,
    reason: str,
    now: datetime,
) -> int:
    """Drop all unsent deliveries of these occurrences and return how many.

    One that a sender holds at this moment is dropped too: its settling finds
    the row no longer leased, and changes nothing.
    """
    if not occurrence_ids:
        return 0
    dropped = session.execute(
        update(Delivery)
        .where(
            Delivery.clinic_id == clinic_id,
            Delivery.occurrence_id.in_(occurrence_ids),
            Delivery.state.in_(("ready", "leased")),
        )
        .values(state="dropped", reason=reason, settled_at=now, owner=None)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return len(dropped.all())


def take_back(session: Session, row: Occurrence, *, now: datetime) -> None:
    """Let what was still to be sent of an occurrence be sent after all: it was a mis-tap.

    Only what had its time still ahead: a snooze, the nudge. What has passed is not made up for.
    What waited for a pause, quiet hours or tomorrow is looked at again at once: why it waited
    was overwritten, and may be over.
    """
    key = {"clinic_id": row.clinic_id, "occurrence_id": row.id, "now": now}
    session.execute(_TAKE_BACK, key)
