"""Decisions on content as they are stored: the newest on each version, and all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from recovery_service.domain.content_pieces import PieceKey
from recovery_service.models import ContentApproval, StaffMember

APPROVE, WITHDRAW = "approve", "withdraw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decided what about which version, and when; ``decision`` is approve or withdraw."""

    id: UUID
    number: int
    kind: str
    code: str
    version: int
    content_hash: str
    decision: str
    decided_by: UUID
    decided_by_name: str
    decided_as: str
    decided_at: datetime
    statement: str | None

    @property
    def key(self) -> PieceKey:
        """Which version of which piece it is about."""
        return PieceKey(self.kind, self.code, self.content_hash)


def newest_decisions(
    session: Session, clinic_id: UUID, keys: Iterable[PieceKey] | None = None
) -> dict[PieceKey, Decision]:
    """Return the decision that counts on each version that has any, or on these alone."""
    order = (ContentApproval.kind, ContentApproval.code, ContentApproval.content_hash)
    wanted = _decisions(clinic_id).ext(distinct_on(*order))
    if keys is not None:
        wanted = wanted.where(tuple_(*order).in_([tuple(key) for key in keys]))
    rows = session.execute(wanted.order_by(*order, ContentApproval.number.desc()))
    found = [Decision(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's own name
    return {decision.key: decision for decision in found}


def all_decisions(
    session: Session, clinic_id: UUID, *, before: int | None, limit: int
) -> Sequence[Decision]:
    """Return all decisions, newest first, one more than `limit`."""
    wanted = _decisions(clinic_id).order_by(ContentApproval.number.desc()).limit(limit + 1)
    if before is not None:
        wanted = wanted.where(ContentApproval.number < before)
    return [Decision(**row._mapping) for row in session.execute(wanted)]  # noqa: SLF001


def content_of(session: Session, clinic_id: UUID, approval_id: UUID) -> dict[str, Any] | None:
    """Return the content as it was approved."""
    return session.scalar(
        select(ContentApproval.content).where(
            ContentApproval.clinic_id == clinic_id, ContentApproval.id == approval_id
        )
    )


def _decisions(clinic_id: UUID) -> Any:
    """Select all but the content, which is large."""
    row = ContentApproval
    return (
        select(
            row.id, row.number, row.kind, row.code, row.version, row.content_hash, row.decision,
            row.decided_by, row.decided_as, row.decided_at, row.statement,
            StaffMember.name.label("decided_by_name"),
        )
        .join(
            StaffMember,
            (StaffMember.clinic_id == row.clinic_id) & (StaffMember.id == row.decided_by),
        )
        .where(row.clinic_id == clinic_id)
    )  # fmt: skip
