"""Recovery plans: what is live, what is being changed, and what was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.errors import EpisodeEnded, NoSuchObject
from recovery_service.models import (
    Episode,
    PlanItem,
    PlanRestriction,
    PlanRevision,
    RecoveryPlan,
)
from recovery_service.services.schedules import items_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionView:
    """A revision with all that belongs to it."""

    revision: PlanRevision
    items: Sequence[PlanItem]
    restrictions: Sequence[PlanRestriction]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """A plan as staff see it: what is live, and what is being changed."""

    plan: RecoveryPlan
    live: RevisionView | None
    draft: RevisionView | None


def plan_of(session: Session, episode: Episode) -> RecoveryPlan:
    """Return the episode's plan; raises NoSuchObject where nobody drafted one."""
    plan = session.scalars(
        select(RecoveryPlan).where(
            RecoveryPlan.clinic_id == episode.clinic_id, RecoveryPlan.episode_id == episode.id
        )
    ).one_or_none()
    if plan is None:
        raise NoSuchObject("plan")
    return plan


def view_plan(session: Session, episode: Episode) -> PlanView:
    """Return the plan with its live revision and its draft."""
    plan = plan_of(session, episode)
    return PlanView(
        plan=plan,
        live=_view(session, in_state(session, plan, "live")),
        draft=_view(session, in_state(session, plan, "draft")),
    )


def view_revision(session: Session, revision: PlanRevision) -> RevisionView:
    """Return a revision with its items and restrictions."""
    return RevisionView(
        revision=revision,
        items=items_of(session, revision),
        restrictions=restrictions_of(session, revision),
    )


def revisions_of(session: Session, plan: RecoveryPlan) -> Sequence[PlanRevision]:
    """Return all revisions, the newest first."""
    return session.scalars(
        select(PlanRevision)
        .where(PlanRevision.clinic_id == plan.clinic_id, PlanRevision.plan_id == plan.id)
        .order_by(PlanRevision.number.desc())
    ).all()


def restrictions_of(session: Session, revision: PlanRevision) -> Sequence[PlanRestriction]:
    """Return the restrictions of a revision by the day on which they begin."""
    return session.scalars(
        select(PlanRestriction)
        .where(
            PlanRestriction.clinic_id == revision.clinic_id,
            PlanRestriction.revision_id == revision.id,
        )
        .order_by(PlanRestriction.from_day, PlanRestriction.code)
    ).all()


def touch(draft: PlanRevision, *, now: datetime) -> None:
    """Count a change of the draft."""
    draft.version += 1
    draft.updated_at = now


def _view(session: Session, revision: PlanRevision | None) -> RevisionView | None:
    return None if revision is None else view_revision(session, revision)


def in_state(session: Session, plan: RecoveryPlan, state: str) -> PlanRevision | None:
    """Return the plan's draft or live revision, whichever is asked for."""
    return session.scalars(
        select(PlanRevision).where(
            PlanRevision.clinic_id == plan.clinic_id,
            PlanRevision.plan_id == plan.id,
            PlanRevision.state == state,
        )
    ).one_or_none()


def require_running(episode: Episode) -> None:
    """Raise EpisodeEnded for an episode that takes no more changes."""
    if episode.state == "ended":
        raise EpisodeEnded(episode.id)


def lock(session: Session, plan: RecoveryPlan) -> RecoveryPlan:
    """Let one editor at a time through."""
    session.refresh(plan, with_for_update=True)
    return plan
