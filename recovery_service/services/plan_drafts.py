"""Drafts of a recovery plan: begun from a template, or as a copy of what is live."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.plan_templates import PlanTemplate, Restriction, TemplateItem
from recovery_service.errors import DraftExists, NoSuchObject
from recovery_service.models import (
    Episode,
    PlanItem,
    PlanRestriction,
    PlanRevision,
    RecoveryPlan,
)
from recovery_service.services import audit
from recovery_service.services.plans import (
    in_state,
    lock,
    plan_of,
    require_running,
    restrictions_of,
)
from recovery_service.services.schedules import items_of

ITEM_FIELDS = [
    "code",
    "position",
    "kind",
    "phase",
    "title",
    "instructions",
    "dose",
    "media",
    "rule",
    "appointment",
    "source",
    "grade",
    "clinician_must_confirm",
    "why_confirm",
]
RESTRICTION_FIELDS = [
    "code",
    "limit_value",
    "unit",
    "range_seen",
    "from_day",
    "to_day",
    "text",
    "source",
    "grade",
    "clinician_must_confirm",
    "why_confirm",
    "lineage_id",
    "reason",
    "added_by",
    "added_at",
    "held_items",
    "worn_item",
]
_TEMPLATE = ("template_code", "template_version", "template_hash")


def draft_from_template(
    session: Session, actor: Actor, episode: Episode, template: PlanTemplate, *, now: datetime
) -> PlanRevision:
    """Begin a draft from a template; raises DraftExists or EpisodeEnded.

    Where the plan already knows an item of this name its lineage goes on, so
    that what was done before counts for it.
    """
    plan = _plan_for(session, episode, template, now=now)
    draft = new_draft(session, actor, plan, now=now)
    draft.phases = [phase.as_json() for phase in template.phases]
    for name in _TEMPLATE:
        setattr(draft, name, getattr(plan, name))
    lineages = _lineages(session, plan)
    for position, item in enumerate(template.items):
        lineage_id = lineages.get(item.code) or new_id(now=now)
        session.add(_item(draft, item, lineage_id, position, now=now))
    session.add_all(_restriction(draft, limit, now=now) for limit in template.restrictions)
    session.flush()
    carry_own(session, in_state(session, plan, "live"), draft, now=now)
    audit.record(
        session, actor, "plan_drafted", "plan", plan.id, patient_id=episode.patient_id, now=now
    )
    return draft


def draft_of(session: Session, actor: Actor, episode: Episode, *, now: datetime) -> PlanRevision:
    """Return the draft, begun as a copy of the live revision where there is none."""
    require_running(episode)
    plan = lock(session, plan_of(session, episode))
    draft = in_state(session, plan, "draft")
    if draft is not None:
        return draft
    live = in_state(session, plan, "live")
    if live is None:
        raise NoSuchObject("plan")
    return copied(session, live, new_draft(session, actor, plan, now=now), now=now)


def copied(
    session: Session, source: PlanRevision, draft: PlanRevision, *, now: datetime
) -> PlanRevision:
    """Fill a draft with what a revision holds; every item keeps its lineage."""
    draft.phases = list(source.phases)
    for name in _TEMPLATE:
        setattr(draft, name, getattr(source, name))
    for item in items_of(session, source):
        session.add(_copied(item, ITEM_FIELDS, draft, now=now, lineage_id=item.lineage_id))
    for limit in restrictions_of(session, source):
        session.add(_copied(limit, RESTRICTION_FIELDS, draft, now=now))
    session.flush()
    return draft


def carry_own(
    session: Session, live: PlanRevision | None, draft: PlanRevision, *, now: datetime
) -> None:
    """Let a draft have the restrictions of this patient as they are live, and no older ones.

    A template or an earlier revision knows nothing of them, and they hold all the same.
    """
    old = [each for each in restrictions_of(session, draft) if each.lineage_id is not None]
    new = [each for each in restrictions_of(session, live) if each.lineage_id] if live else []
    worn = {each.worn_item for each in (*old, *new)} - {None}
    for gone in (*old, *(each for each in items_of(session, draft) if each.lineage_id in worn)):
        session.delete(gone)
    session.flush()
    for limit in new:
        session.add(_copied(limit, RESTRICTION_FIELDS, draft, now=now))
    for item in items_of(session, live) if live else ():
        if item.lineage_id in worn:
            session.add(_copied(item, ITEM_FIELDS, draft, now=now, lineage_id=item.lineage_id))
    session.flush()


def _item(
    draft: PlanRevision, item: TemplateItem, lineage_id: UUID, position: int, *, now: datetime
) -> PlanItem:
    return PlanItem(
        clinic_id=draft.clinic_id,
        id=new_id(now=now),
        revision_id=draft.id,
        lineage_id=lineage_id,
        code=item.code,
        position=position,
        kind=item.kind,
        phase=item.phase,
        title=dict(item.title),
        instructions=dict(item.instructions),
        dose=dict(item.dose),
        media=[dict(medium) for medium in item.media],
        rule=item.rule.as_json(),
        appointment=item.appointment,
        **_sourced(item),
    )


def _restriction(draft: PlanRevision, limit: Restriction, *, now: datetime) -> PlanRestriction:
    return PlanRestriction(
        clinic_id=draft.clinic_id,
        id=new_id(now=now),
        revision_id=draft.id,
        code=limit.code,
        limit_value=limit.limit,
        unit=limit.unit,
        range_seen=list(limit.range_seen) if limit.range_seen else None,
        from_day=limit.from_day,
        to_day=limit.to_day,
        text=dict(limit.text),
        **_sourced(limit),
    )


def _plan_for(
    session: Session, episode: Episode, template: PlanTemplate, *, now: datetime
) -> RecoveryPlan:
    require_running(episode)
    session.refresh(episode, with_for_update=True)
    try:
        plan = plan_of(session, episode)
    except NoSuchObject:
        plan = RecoveryPlan(
            clinic_id=episode.clinic_id, id=new_id(now=now), episode_id=episode.id, created_at=now
        )
        session.add(plan)
    plan.template_code = template.code
    plan.template_version = template.version
    plan.template_hash = template.content_hash
    session.flush()
    return plan


def new_draft(session: Session, actor: Actor, plan: RecoveryPlan, *, now: datetime) -> PlanRevision:
    """Begin an empty draft with the next number; raises DraftExists."""
    if in_state(session, plan, "draft") is not None:
        raise DraftExists
    last = session.scalar(
        select(func.max(PlanRevision.number)).where(
            PlanRevision.clinic_id == plan.clinic_id, PlanRevision.plan_id == plan.id
        )
    )
    draft = PlanRevision(
        clinic_id=plan.clinic_id,
        id=new_id(now=now),
        plan_id=plan.id,
        number=(last or 0) + 1,
        state="draft",
        created_by=actor.id,
        created_at=now,
        updated_at=now,
    )
    session.add(draft)
    session.flush()
    return draft


def _lineages(session: Session, plan: RecoveryPlan) -> dict[str, UUID]:
    """Return the lineage of each item name that the plan has ever had, the latest winning."""
    rows = session.execute(
        select(PlanItem.code, PlanItem.lineage_id)
        .join(
            PlanRevision,
            (PlanRevision.clinic_id == PlanItem.clinic_id)
            & (PlanRevision.id == PlanItem.revision_id),
        )
        .where(PlanRevision.clinic_id == plan.clinic_id, PlanRevision.plan_id == plan.id)
        .order_by(PlanRevision.number)
    )
    return {row.code: row.lineage_id for row in rows}


def _sourced(fact: Any) -> dict[str, Any]:
    return {
        "source": list(fact.source),
        "grade": fact.grade,
        "clinician_must_confirm": fact.clinician_must_confirm,
        "why_confirm": dict(fact.why_confirm) if fact.why_confirm else None,
    }


def _copied(
    row: PlanItem | PlanRestriction,
    fields: Sequence[str],
    draft: PlanRevision,
    *,
    now: datetime,
    **more: Any,
) -> PlanItem | PlanRestriction:
    values: Mapping[str, Any] = {name: getattr(row, name) for name in fields}
    return type(row)(
        clinic_id=draft.clinic_id, id=new_id(now=now), revision_id=draft.id, **values, **more
    )
