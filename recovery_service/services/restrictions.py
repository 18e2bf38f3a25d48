"""A restriction for one patient, and a brace: plan, reminders and what is shown at once.

It becomes a live revision of its own in one transaction, with the items that it holds and the
item that it brings. A draft that somebody is working on stays a draft and gets it too, so
that publishing it later neither swallows nor repeats the restriction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor, may_publish_plan
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.local_time import local_date
from recovery_service.errors import InvalidField, NoSuchObject, NotAllowed
from recovery_service.models import (
    Episode,
    Patient,
    PlanItem,
    PlanRestriction,
    PlanRevision,
    RecoveryPlan,
)
from recovery_service.services import audit, occurrence_rows, plan_edits, plans
from recovery_service.services.plan_drafts import copied
from recovery_service.services.plan_edits import NewItem
from recovery_service.services.plans import in_state, restrictions_of
from recovery_service.services.replanning import stop
from recovery_service.services.restriction_rows import (
    OwnRestriction,
    as_row,
    days_of,
    require_sound,
    surgery_of,
    within,
)
from recovery_service.services.schedule_rows import locked
from recovery_service.services.schedules import items_of, publish_schedules
from recovery_service.services.unsent import cancel_unsent

RESTRICTED, REMOVED = "restricted", "item_removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionEnd:
    """The end of a restriction, from today on, and why."""

    reason: str


def add_restriction(
    session: Session,
    actor: Actor,
    episode: Episode,
    patient: Patient,
    new: OwnRestriction,
    *,
    now: datetime,
) -> PlanRestriction:
    """Let a restriction hold, in the live plan and in a draft, and let the schedules follow.

    Raises NotAllowed, EpisodeEnded, NoSuchObject where no plan is live, SurgeryDateNeeded, or
    InvalidField naming what cannot be.
    """
    plan, live, draft = _standing(session, actor, episode)
    first, last = days_of(new, episode, patient, now=now)
    today = local_date(patient.time_zone, now)
    require_sound(session, (live, draft), new, first, last, (today - surgery_of(episode)).days)
    after = _next(session, actor, plan, live, draft, new.reason, patient, now=now)
    lineage, worn = new_id(now=now), new_id(now=now)
    made = None
    for revision in (each for each in (after, draft) if each is not None):
        if new.item is not None:
            _bring(session, revision, new.item, worn, first, last, now=now)
        row = as_row(revision, new, lineage, worn, actor, first, last, now=now)
        session.add(row)
        plans.touch(revision, now=now)
        made = made or row
    session.flush()
    _follow(session, episode, patient, after, new.holds, RESTRICTED, now=now)
    audit.record(
        session, actor, "restriction_added", "plan_restriction", lineage,
        patient_id=patient.id, now=now,
    )  # fmt: skip
    assert made is not None  # noqa: S101 - the live revision always gets one
    return made


def end_restriction(
    session: Session,
    actor: Actor,
    episode: Episode,
    patient: Patient,
    lineage: UUID,
    end: RestrictionEnd,
    *,
    now: datetime,
) -> None:
    """End a restriction that was added for this patient: from today on it does not hold.

    One that held on no day before today is taken out whole. What it held is asked for again,
    what it brought is not. Raises as `add_restriction` does.
    """
    plan, live, draft = _standing(session, actor, episode)
    row = own(session, live, lineage)
    worn = row.worn_item
    today = (local_date(patient.time_zone, now) - surgery_of(episode)).days
    if row.to_day is not None and row.to_day < today:
        raise InvalidField("", "This restriction has ended already.")
    after = _next(session, actor, plan, live, draft, end.reason, patient, now=now)
    for revision in (each for each in (after, draft) if each is not None):
        _end_in(session, revision, lineage, today - 1)
        plans.touch(revision, now=now)
    session.flush()
    brought = () if worn is None else (worn,)
    _follow(session, episode, patient, after, brought, REMOVED, now=now)
    audit.record(
        session, actor, "restriction_ended", "plan_restriction", lineage,
        patient_id=patient.id, now=now,
    )  # fmt: skip


def live_restrictions(session: Session, episode: Episode) -> Sequence[PlanRestriction]:
    """Return all restrictions of the live plan; raises NoSuchObject where none is live."""
    live = in_state(session, plans.plan_of(session, episode), "live")
    if live is None:
        raise NoSuchObject("plan")
    return restrictions_of(session, live)


def own(session: Session, revision: PlanRevision, lineage: UUID) -> PlanRestriction:
    """Return a restriction that was added for this patient; raises NoSuchObject."""
    rows = restrictions_of(session, revision)
    found = next((each for each in rows if each.lineage_id == lineage), None)
    if found is None:
        raise NoSuchObject("restriction")
    return found


def _standing(
    session: Session, actor: Actor, episode: Episode
) -> tuple[RecoveryPlan, PlanRevision, PlanRevision | None]:
    if not may_publish_plan(actor):
        raise NotAllowed("change a restriction")
    plans.require_running(episode)
    plan = plans.lock(session, plans.plan_of(session, episode))
    live = in_state(session, plan, "live")
    if live is None:
        raise NoSuchObject("plan")
    return plan, live, in_state(session, plan, "draft")


def _next(
    session: Session,
    actor: Actor,
    plan: RecoveryPlan,
    live: PlanRevision,
    draft: PlanRevision | None,
    reason: str,
    patient: Patient,
    *,
    now: datetime,
) -> PlanRevision:
    """Return a live revision like the one before; a draft stays the newest of all."""
    number = draft.number if draft else plans.revisions_of(session, plan)[0].number + 1
    if draft is not None:
        draft.number = number + 1
    live.state = "superseded"
    session.flush()
    after = PlanRevision(
        clinic_id=plan.clinic_id,
        id=new_id(now=now),
        plan_id=plan.id,
        number=number,
        state="live",
        note=reason,
        effective_from=max(local_date(patient.time_zone, now), live.effective_from or date.min),
        created_by=actor.id,
        created_at=now,
        updated_at=now,
        published_by=actor.id,
        published_at=now,
    )
    session.add(after)
    session.flush()
    return copied(session, live, after, now=now)


def _bring(
    session: Session,
    revision: PlanRevision,
    item: NewItem,
    lineage: UUID,
    first: int,
    last: int | None,
    *,
    now: datetime,
) -> None:
    """Add the item that comes with a restriction, under the same name in every revision."""
    wanted = within(item, f"own_{lineage.hex[-12:]}", first, last)
    try:
        added = plan_edits.add_item(session, revision, wanted, now=now)
    except InvalidField as refusal:
        told = refusal.errors[0]
        raise InvalidField(f"/item{told.pointer}", told.message) from None
    added.lineage_id = lineage


def _end_in(session: Session, revision: PlanRevision, lineage: UUID, last: int) -> None:
    rows = restrictions_of(session, revision)
    row = next((each for each in rows if each.lineage_id == lineage), None)
    if row is None:
        return
    item = session.scalars(
        select(PlanItem).where(
            PlanItem.clinic_id == revision.clinic_id,
            PlanItem.revision_id == revision.id,
            PlanItem.lineage_id == row.worn_item,
        )
    ).one_or_none()
    if row.from_day > last:
        session.delete(row)
    else:
        row.to_day, row.held_items = last, None
    if item is not None and row.from_day > last:
        session.delete(item)
    elif item is not None:
        item.rule = {**item.rule, "to_day": last}


def _follow(
    session: Session,
    episode: Episode,
    patient: Patient,
    live: PlanRevision,
    ended: Sequence[UUID],
    reason: str,
    *,
    now: datetime,
) -> None:
    """Close what is not asked for any more, also what was sent or fell due, and plan anew.

    An edit leaves today's as it is; a restriction does not: what it forbids, it forbids now.
    """
    if episode.state != "open":
        return
    clinic_id = episode.clinic_id
    for lineage, schedule in locked(session, episode).items():
        if lineage in ended:
            stop(schedule)
    rows = occurrence_rows.standing(session, clinic_id, list(ended), since=date.max)
    closed = occurrence_rows.close(session, clinic_id, rows, reason=reason, now=now)
    cancel_unsent(session, clinic_id, closed, reason=reason, now=now)
    session.flush()
    publish_schedules(
        session, episode, patient, items_of(session, live),
        effective_from=live.effective_from or local_date(patient.time_zone, now),
        now=now, phases=live.phases,
    )  # fmt: skip
