"""The gate before a phone and before a plan: only approved content reaches a patient anew.

Whoever is enrolled already goes on when content changes: monitoring is never interrupted.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.content_pieces import (
    PLAN_TEMPLATE,
    Piece,
    PieceKey,
    shared_pieces,
    template_piece,
)
from recovery_service.domain.languages import LANGUAGES, Texts
from recovery_service.errors import ContentNotApproved, NoSuchObject, PlanNotApproved
from recovery_service.models import Episode, PlanRevision, RecoveryPlan
from recovery_service.services import plans, templates
from recovery_service.services.content_decisions import APPROVE, newest_decisions
from recovery_service.services.content_register import needs_approval


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPiece:
    """A version that this patient's enrolment needs, and that nobody's approval stands for.

    `replaced` says that the plan was drafted from a version that is gone: it cannot be
    approved any more, the plan has to be drafted again.
    """

    kind: str
    code: str
    version: int
    content_hash: str
    title: Texts
    replaced: bool = False


def missing_for(session: Session, content: Content, episode: Episode) -> tuple[MissingPiece, ...]:
    """Return what has to be approved before this patient's phone may enrol.

    Needed are the files that all operations share and the one plan template: the version
    that the plan was drafted from, or else the one that a draft would begin from.
    """
    if not needs_approval(session, episode.clinic_id):
        return ()
    needed = [*map(_missing, shared_pieces(content)), _template(session, content, episode)]
    approved = _approved(session, episode.clinic_id, needed)
    return tuple(each for each in needed if _key(each) not in approved)


def require_approved(session: Session, content: Content, episode: Episode) -> None:
    """Raise ContentNotApproved, naming what is missing."""
    missing = missing_for(session, content, episode)
    if missing:
        raise ContentNotApproved(missing)


def missing_to_publish(
    session: Session,
    content: Content,
    plan: RecoveryPlan,
    draft: PlanRevision,
    live: PlanRevision | None,
) -> tuple[MissingPiece, ...]:
    """Return what has to be approved before a draft may become live.

    Edits are the clinician's own act, whoever publishes them; what is asked about is the
    template under them. A patient who lives by it already goes on with it, whatever became of
    the approval; another template, or an older one brought back, needs one. A first plan needs
    what every operation shares as well: it begins the monitoring.
    """
    if live is not None and draft.template_hash == live.template_hash:
        return ()
    if not needs_approval(session, plan.clinic_id):
        return ()
    known = draft if draft.template_hash is not None else plan
    needed = [_named(session, content, known)]
    if live is None:
        needed = [*map(_missing, shared_pieces(content)), *needed]
    approved = _approved(session, plan.clinic_id, needed)
    return tuple(each for each in needed if _key(each) not in approved)


def require_approved_plan(
    session: Session,
    content: Content,
    plan: RecoveryPlan,
    draft: PlanRevision,
    live: PlanRevision | None,
) -> None:
    """Raise PlanNotApproved, naming what is missing."""
    missing = missing_to_publish(session, content, plan, draft, live)
    if missing:
        raise PlanNotApproved(missing)


def _approved(session: Session, clinic_id: UUID, needed: list[MissingPiece]) -> set[PieceKey]:
    decisions = newest_decisions(session, clinic_id, map(_key, needed))
    return {key for key, each in decisions.items() if each.decision == APPROVE}


def _key(missing: MissingPiece) -> PieceKey:
    return PieceKey(missing.kind, missing.code, missing.content_hash)


def _template(session: Session, content: Content, episode: Episode) -> MissingPiece:
    try:
        plan = plans.plan_of(session, episode)
    except NoSuchObject:
        chosen = templates.default_for(session, content, episode)
        return _missing(template_piece(chosen))
    return _named(session, content, plan)


def _named(session: Session, content: Content, holder: RecoveryPlan | PlanRevision) -> MissingPiece:
    code, version, digest = holder.template_code, holder.template_version, holder.template_hash
    assert code is not None and version is not None and digest is not None  # noqa: S101, PT018 - recorded together
    current = templates.find(session, content, code)
    return MissingPiece(
        kind=PLAN_TEMPLATE,
        code=code,
        version=version,
        content_hash=digest,
        title=current.title if current else dict.fromkeys(LANGUAGES, code),
        replaced=current is None or current.content_hash != digest,
    )


def _missing(piece: Piece) -> MissingPiece:
    return MissingPiece(
        kind=piece.kind,
        code=piece.code,
        version=piece.version,
        content_hash=piece.content_hash,
        title=piece.title,
    )
