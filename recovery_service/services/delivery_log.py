"""What was sent for an episode, why, and whether it reached a device.

How the patient handled it is nobody's business: what was opened or dismissed is not read.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from recovery_service.domain import notification_ids
from recovery_service.domain.content import Content
from recovery_service.domain.keys import Keys
from recovery_service.domain.occurrence_ids import encode
from recovery_service.models import Delivery, Episode, Occurrence, Schedule
from recovery_service.services.delivery_words import why_in_words

_Lead = aliased(Delivery, name="lead")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentDelivery:
    """One delivery as staff see it: whether it came, not what the patient did with it.

    `key` is internal and never shown: the place in the list. `why` is a sentence, `wake_at`
    until when it waits (None for what does not), `carried_by` the public id of the
    notification that spoke for this one. `delivered_at` is that one's word then.
    """

    key: int
    occurrence_id: str
    kind: str
    channel: str
    state: str
    cause: str
    reason: str | None
    why: str
    round: int
    attempts: int
    due_at: datetime
    wake_at: datetime | None
    sent_at: datetime | None
    carried_by: str | None
    delivered_at: datetime | None


class Reader(NamedTuple):
    """What rows are worded with: texts, the reader's language, and keys for public ids."""

    content: Content
    language: str
    keys: Keys


class _Row(NamedTuple):
    delivery: Delivery
    lineage_id: UUID
    occ_key: str
    due_at: datetime
    kind: str
    lead_id: int | None
    delivered_at: datetime | None


def deliveries_of(
    session: Session,
    episode: Episode,
    reader: Reader,
    *,
    limit: int,
    behind: tuple[datetime, int] | None = None,
) -> list[SentDelivery]:
    """Return the deliveries of an episode, the latest due first; one more than `limit`."""
    wanted = (
        select(
            Delivery, Occurrence.lineage_id, Occurrence.occ_key, Occurrence.due_at,
            Schedule.kind, _Lead.id, func.least(Delivery.delivered_at, _Lead.delivered_at),
        )
        .join(
            Occurrence,
            (Occurrence.clinic_id == Delivery.clinic_id)
            & (Occurrence.id == Delivery.occurrence_id),
        )
        .join(
            Schedule,
            (Schedule.clinic_id == Occurrence.clinic_id) & (Schedule.id == Occurrence.lineage_id),
        )
        .outerjoin(
            _Lead,
            (_Lead.clinic_id == Delivery.clinic_id)
            & (_Lead.id == Delivery.lead_id)
            & (_Lead.id != Delivery.id),
        )
        .where(
            Schedule.clinic_id == episode.clinic_id,
            Schedule.patient_id == episode.patient_id,
            Schedule.episode_id == episode.id,
        )
        .order_by(Occurrence.due_at.desc(), Delivery.id.desc())
        .limit(limit + 1)
    )  # fmt: skip
    if behind is not None:
        due_at, key = behind
        wanted = wanted.where(
            (Occurrence.due_at < due_at) | ((Occurrence.due_at == due_at) & (Delivery.id < key))
        )
    return [_shown(_Row(*row), reader) for row in session.execute(wanted)]


def _shown(row: _Row, reader: Reader) -> SentDelivery:
    delivery = row.delivery
    carried = delivery.state == "sent" and row.lead_id is not None
    return SentDelivery(
        key=delivery.id,
        occurrence_id=encode(row.lineage_id, row.occ_key),
        kind=row.kind,
        channel=delivery.channel,
        state=delivery.state,
        cause=delivery.cause,
        reason=delivery.reason,
        why=why_in_words(
            reader.content,
            reader.language,
            state=delivery.state,
            cause=delivery.cause,
            reason=delivery.reason,
        ),
        round=delivery.round,
        attempts=delivery.attempts,
        due_at=row.due_at,
        wake_at=delivery.wake_at if delivery.state == "ready" else None,
        sent_at=delivery.settled_at if delivery.state == "sent" else None,
        carried_by=_public(delivery, row.lead_id, reader.keys) if carried else None,
        delivered_at=row.delivered_at if carried else delivery.delivered_at,
    )


def _public(delivery: Delivery, lead_id: int | None, keys: Keys) -> str | None:
    return None if lead_id is None else notification_ids.encode(keys, delivery.clinic_id, lead_id)
