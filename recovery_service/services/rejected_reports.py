"""Check-ins that could not be stored as such: kept, and shown to staff until one has looked."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.identifiers import new_id
from recovery_service.errors import FieldError, NoSuchObject
from recovery_service.models import RejectedReport
from recovery_service.services.scope import current_episode


def keep_rejected(
    session: Session, actor: Actor, patient_id: UUID, operation_id: UUID, payload: Any,
    *, code: str, errors: Sequence[FieldError], now: datetime,
) -> bool:  # fmt: skip
    """Keep what a phone reported; the same sent again is kept once. Return whether it is new.

    It is shown in the episode that has not ended, else in the latest.
    """
    told = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
    episode = current_episode(session, actor.clinic_id, patient_id)
    values = {
        "clinic_id": actor.clinic_id,
        "id": new_id(now=now),
        "patient_id": patient_id,
        "episode_id": episode.id,
        "device_id": actor.device_id,
        "operation_id": operation_id,
        "payload": payload,
        "content_hash": hashlib.sha256(told).hexdigest(),
        "code": code,
        "errors": [each._asdict() for each in errors],
        "received_at": now,
    }
    made = insert(RejectedReport).values(values).on_conflict_do_nothing()
    return session.scalar(made.returning(RejectedReport.id)) is not None


def rejected_of(
    session: Session, clinic_id: UUID, episode_id: UUID,
    *, before: tuple[Any, ...] | None, limit: int,
) -> Sequence[RejectedReport]:  # fmt: skip
    """Return an episode's, newest first, one more than `limit`."""
    wanted = select(RejectedReport).where(
        RejectedReport.clinic_id == clinic_id, RejectedReport.episode_id == episode_id
    )
    place = (RejectedReport.received_at, RejectedReport.id)
    if before is not None:
        wanted = wanted.where(func.row(*place) < func.row(*before))
    ordered = wanted.order_by(*(each.desc() for each in place))
    return session.scalars(ordered.limit(limit + 1)).all()


def unseen_of(session: Session, clinic_id: UUID, episode_id: UUID) -> Sequence[RejectedReport]:
    """Return those of an episode that nobody has looked at, newest first."""
    return session.scalars(
        select(RejectedReport)
        .where(
            RejectedReport.clinic_id == clinic_id,
            RejectedReport.episode_id == episode_id,
            RejectedReport.seen_at.is_(None),
        )
        .order_by(RejectedReport.received_at.desc(), RejectedReport.id.desc())
    ).all()


def see_rejected(
    session: Session, actor: Actor, episode_id: UUID, report_id: UUID, *, now: datetime
) -> RejectedReport:
    """Note that somebody has looked; who was first stands. Raises NoSuchObject."""
    row = session.get(RejectedReport, (actor.clinic_id, report_id), with_for_update=True)
    if row is None or row.episode_id != episode_id:
        raise NoSuchObject("rejected report")
    if row.seen_at is None:
        row.seen_at, row.seen_by = now, actor.id
        session.flush()
    return row
