"""Approving content: a named clinician says that exactly this may reach the clinic's patients."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor, Role, may_approve_content
from recovery_service.domain.content import Content
from recovery_service.domain.content_pieces import Piece, PieceKey
from recovery_service.domain.identifiers import new_id
from recovery_service.errors import (
    ApprovalWithdrawn,
    ContentChanged,
    InvalidField,
    NoSuchObject,
    NotAllowed,
)
from recovery_service.models import Clinic, ContentApproval
from recovery_service.services import audit
from recovery_service.services.content_decisions import APPROVE, WITHDRAW, newest_decisions
from recovery_service.services.content_register import pieces_of


def approve(
    session: Session,
    actor: Actor,
    content: Content,
    wanted: Sequence[PieceKey],
    *,
    statement: str | None,
    now: datetime,
) -> None:
    """Approve these versions, all or none; what the actor already approved stays as it is.

    Raises ContentChanged where a hash is not that of the current version, InvalidField for
    a piece that does not exist, NotAllowed for who is no clinician.
    """
    number = _next_number(session, actor)
    read = _read(pieces_of(session, content), wanted)
    standing = newest_decisions(session, actor.clinic_id, [piece.key for piece in read])
    for piece in read:
        known = standing.get(piece.key)
        if known is not None and (known.decision, known.decided_by) == (APPROVE, actor.id):
            continue
        row = _row(actor, number, piece.key, piece.version, statement, now=now)
        row.decision, row.content = APPROVE, dict(piece.content)
        _store(session, actor, row, "content_approved", now=now)
        number += 1


def withdraw(
    session: Session, actor: Actor, approval_id: UUID, *, statement: str | None, now: datetime
) -> None:
    """Take an approval back: its version is no longer approved, whoever else had approved it.

    Raises NoSuchObject, ApprovalWithdrawn, or NotAllowed for who is no clinician.
    """
    number = _next_number(session, actor)
    approval = approval_in_scope(session, actor, approval_id)
    key = PieceKey(approval.kind, approval.code, approval.content_hash)
    if newest_decisions(session, actor.clinic_id, [key])[key].decision == WITHDRAW:
        raise ApprovalWithdrawn
    row = _row(actor, number, key, approval.version, statement, now=now)
    row.decision = WITHDRAW
    _store(session, actor, row, "content_approval_withdrawn", now=now)


def approval_in_scope(session: Session, actor: Actor, approval_id: UUID) -> ContentApproval:
    """Return an approval of the actor's clinic; raises NoSuchObject."""
    approval = session.get(ContentApproval, (actor.clinic_id, approval_id))
    if approval is None or approval.decision != APPROVE:
        raise NoSuchObject("approval")
    return approval


def _next_number(session: Session, actor: Actor) -> int:
    """Return the place in the register; one decision of a clinic at a time."""
    if not may_approve_content(actor):
        raise NotAllowed("approve content")
    own_clinic = select(Clinic.id).where(Clinic.id == actor.clinic_id)
    session.execute(own_clinic.with_for_update(key_share=True))
    last = session.scalar(
        select(func.max(ContentApproval.number)).where(ContentApproval.clinic_id == actor.clinic_id)
    )
    return (last or 0) + 1


def _read(pieces: Sequence[Piece], wanted: Sequence[PieceKey]) -> list[Piece]:
    """Return the pieces that were looked at, each once."""
    known = {(piece.kind, piece.code): piece for piece in pieces}
    found: dict[PieceKey, Piece] = {}
    for position, key in enumerate(wanted):
        piece = known.get((key.kind, key.code))
        if piece is None:
            raise InvalidField(f"/pieces/{position}/code", "There is no such piece of content.")
        if piece.content_hash != key.content_hash:
            raise ContentChanged(position)
        found[piece.key] = piece
    return list(found.values())


def _row(
    actor: Actor, number: int, key: PieceKey, version: int, statement: str | None, *, now: datetime
) -> ContentApproval:
    return ContentApproval(
        clinic_id=actor.clinic_id,
        id=new_id(now=now),
        number=number,
        **key._asdict(),
        version=version,
        decided_by=actor.id,
        decided_as=str(Role.SURGEON if actor.has(Role.SURGEON) else Role.PHYSIOTHERAPIST),
        decided_at=now,
        statement=statement,
    )


def _store(
    session: Session, actor: Actor, row: ContentApproval, action: str, *, now: datetime
) -> None:
    session.add(row)
    session.flush()
    audit.record(session, actor, action, "content_approval", row.id, now=now)
