"""The register of content: what there is, whether it is approved, by whom and since when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import any_, literal, or_, select
from sqlalchemy.orm import Session

from recovery_service.domain.access import CLINICIANS
from recovery_service.domain.content import Content
from recovery_service.domain.content_changes import ContentChange, changes_between
from recovery_service.domain.content_pieces import (
    EXEMPT_CLINICS,
    Piece,
    PieceKey,
    shared_pieces,
    template_piece,
)
from recovery_service.models import Clinic, StaffMember
from recovery_service.services import templates
from recovery_service.services.content_decisions import (
    APPROVE,
    WITHDRAW,
    Decision,
    content_of,
    newest_decisions,
)

APPROVED, UNAPPROVED, CHANGED, WITHDRAWN = "approved", "unapproved", "changed_since", "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterEntry:
    """A piece as it stands, the decision on exactly this version, and what was approved before.

    `state` is ``approved``, ``unapproved`` (nobody looked at any version), ``changed_since``
    (another version is approved, this one is not) or ``withdrawn``.
    """

    piece: Piece
    decision: Decision | None
    before: Decision | None

    @property
    def state(self) -> str:
        """How this version stands."""
        if self.decision is not None:
            return APPROVED if self.decision.decision == APPROVE else WITHDRAWN
        return UNAPPROVED if self.before is None else CHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceReading:
    """A piece to be read before it is approved; `changes` are against what was approved before."""

    entry: RegisterEntry
    changes: Sequence[ContentChange]


def needs_approval(session: Session, clinic_id: UUID) -> bool:
    """Say whether the clinic's patients are enrolled on approved content only."""
    kind = session.scalar(select(Clinic.kind).where(Clinic.id == clinic_id))
    return kind not in EXEMPT_CLINICS


def pieces_of(session: Session, content: Content) -> list[Piece]:
    """Return the current version of every piece: the shared ones first, then the templates."""
    known = templates.all_templates(session, content)
    return [
        *shared_pieces(content),
        *(template_piece(each.template, origin=each.origin) for each in known),
    ]


def read_register(session: Session, clinic_id: UUID, content: Content) -> list[RegisterEntry]:
    """Return every piece with its standing."""
    decisions = newest_decisions(session, clinic_id)
    return [entry_of(piece, decisions) for piece in pieces_of(session, content)]


def read_piece(
    session: Session, clinic_id: UUID, content: Content, kind: str, code: str
) -> PieceReading | None:
    """Return the current version of a piece, with what changed since it was approved."""
    for entry in read_register(session, clinic_id, content):
        if (entry.piece.kind, entry.piece.code) == (kind, code):
            return PieceReading(entry=entry, changes=_changes(session, clinic_id, entry))
    return None


def entry_of(piece: Piece, decisions: Mapping[PieceKey, Decision]) -> RegisterEntry:
    """Return a piece's standing by the newest decision on each version."""
    others = [
        each
        for each in decisions.values()
        if (each.kind, each.code) == (piece.kind, piece.code)
        and each.key != piece.key
        and each.decision != WITHDRAW
    ]
    return RegisterEntry(
        piece=piece,
        decision=decisions.get(piece.key),
        before=max(others, key=lambda each: each.number, default=None),
    )


def approvers_of(session: Session, clinic_id: UUID) -> Sequence[str]:
    """Return the names of those in the clinic who may approve content."""
    return session.scalars(
        select(StaffMember.name)
        .where(
            StaffMember.clinic_id == clinic_id,
            StaffMember.disabled_at.is_(None),
            or_(*(literal(str(role)) == any_(StaffMember.roles) for role in sorted(CLINICIANS))),
        )
        .order_by(StaffMember.name, StaffMember.id)
    ).all()


def _changes(session: Session, clinic_id: UUID, entry: RegisterEntry) -> tuple[ContentChange, ...]:
    if entry.before is None:
        return ()
    before = content_of(session, clinic_id, entry.before.id)
    return changes_between(before, dict(entry.piece.content))
