"""What has not been sent yet, and will not be: doing the thing ends its reminders."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from recovery_service.models import Delivery


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
