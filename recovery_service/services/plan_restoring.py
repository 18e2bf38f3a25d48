"""An earlier revision brought back: as a draft, to be looked at, edited and published.

Lineages are kept, so what the patient did with an item counts for it again, and what is
open today of an item that both revisions have stays what it is.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.errors import DraftExists, NoSuchObject
from recovery_service.models import (
    Episode,
    PlanItem,
    PlanRestriction,
    PlanRevision,
    RecoveryPlan,
)
from recovery_service.services import audit, plans
from recovery_service.services.plan_drafts import (
    ITEM_FIELDS,
    RESTRICTION_FIELDS,
    carry_own,
    copied,
    new_draft,
)
from recovery_service.services.plans import in_state, restrictions_of
from recovery_service.services.schedules import items_of


def restore_revision(
    session: Session, actor: Actor, episode: Episode, number: int, *, now: datetime
) -> PlanRevision:
    """Begin a draft with what a published revision held; publishing it is another act.

    A draft in which nobody has changed anything gives way; another is kept. Raises
    EpisodeEnded, NoSuchObject or DraftExists.
    """
    plans.require_running(episode)
    plan = plans.lock(session, plans.plan_of(session, episode))
    source = next(
        (
            each
            for each in plans.revisions_of(session, plan)
            if each.number == number and each.state != "draft"
        ),
        None,
    )
    if source is None:
        raise NoSuchObject("plan revision")
    draft = _emptied(session, plan, now=now) or new_draft(session, actor, plan, now=now)
    draft.restored_from = source.number
    copied(session, source, draft, now=now)
    carry_own(session, in_state(session, plan, "live"), draft, now=now)
    audit.record(
        session, actor, "plan_restored", "plan", plan.id, patient_id=episode.patient_id, now=now
    )
    return draft


def _emptied(session: Session, plan: RecoveryPlan, *, now: datetime) -> PlanRevision | None:
    """Return the draft without what it holds, None where there is none; raises DraftExists."""
    draft = in_state(session, plan, "draft")
    if draft is None:
        return None
    live = in_state(session, plan, "live")
    if draft.note or _held(session, draft) not in ((), live and _held(session, live)):
        raise DraftExists
    for model in (PlanItem, PlanRestriction):
        session.execute(
            delete(model).where(model.clinic_id == draft.clinic_id, model.revision_id == draft.id)
        )
    plans.touch(draft, now=now)
    return draft


def _held(session: Session, revision: PlanRevision) -> Any:
    """Return all that a revision holds, for a comparison; nothing for one without items."""
    items = [
        (each.lineage_id, *(getattr(each, name) for name in ITEM_FIELDS))
        for each in items_of(session, revision)
    ]
    limits = [
        tuple(getattr(each, name) for name in RESTRICTION_FIELDS)
        for each in restrictions_of(session, revision)
    ]
    return (items, limits, revision.phases) if items or limits else ()
