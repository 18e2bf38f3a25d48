"""What was sent for an episode, and whether it reached a device."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.occurrence_ids import encode
from recovery_service.models import Delivery, Destination, Episode, Occurrence, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class SentDelivery:
    """One delivery as staff see it: whether it came, not what the patient did with it.

    `key` is internal and never shown: the place in the list.
    """

    key: int
    occurrence_id: str
    kind: str
    channel: str
    state: str
    reason: str | None
    round: int
    attempts: int
    due_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None


def deliveries_of(
    session: Session, episode: Episode, *, limit: int, behind: tuple[datetime, int] | None = None
) -> list[SentDelivery]:
    """Return the deliveries of an episode, the latest due first; one more than `limit`."""
    wanted = (
        select(Delivery, Occurrence, Schedule.kind, Destination.channel)
        .join(
            Occurrence,
            (Occurrence.clinic_id == Delivery.clinic_id)
            & (Occurrence.id == Delivery.occurrence_id),
        )
        .join(
            Schedule,
            (Schedule.clinic_id == Occurrence.clinic_id) & (Schedule.id == Occurrence.lineage_id),
        )
        .join(
            Destination,
            (Destination.clinic_id == Delivery.clinic_id)
            & (Destination.id == Delivery.destination_id),
        )
        .where(
            Schedule.clinic_id == episode.clinic_id,
            Schedule.patient_id == episode.patient_id,
            Schedule.episode_id == episode.id,
        )
        .order_by(Occurrence.due_at.desc(), Delivery.id.desc())
        .limit(limit + 1)
    )
    if behind is not None:
        due_at, key = behind
        wanted = wanted.where(
            (Occurrence.due_at < due_at) | ((Occurrence.due_at == due_at) & (Delivery.id < key))
        )
    return [_shown(*row) for row in session.execute(wanted)]


def _shown(delivery: Delivery, occurrence: Occurrence, kind: str, channel: str) -> SentDelivery:
    return SentDelivery(
        key=delivery.id,
        occurrence_id=encode(occurrence.lineage_id, occurrence.occ_key),
        kind=kind,
        channel=channel,
        state=delivery.state,
        reason=delivery.reason,
        round=delivery.round,
        attempts=delivery.attempts,
        due_at=occurrence.due_at,
        sent_at=delivery.settled_at if delivery.state == "sent" else None,
        delivered_at=delivery.delivered_at,
        opened_at=delivery.opened_at,
    )
