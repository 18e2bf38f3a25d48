"""Publishing: the moment at which a plan reaches the patient."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor, may_publish_plan
from recovery_service.domain.content import Content
from recovery_service.domain.local_time import local_date
from recovery_service.domain.plan_templates import PlanTemplate
from recovery_service.errors import (
    DraftMissing,
    InvalidField,
    NotAllowed,
    NothingToPublish,
    SurgeryDateNeeded,
)
from recovery_service.models import Episode, Patient, PlanItem, PlanRevision
from recovery_service.services import audit, plans, templates
from recovery_service.services.appointments import plan_follow_ups
from recovery_service.services.content_gate import require_approved_plan
from recovery_service.services.plans import in_state
from recovery_service.services.questionnaire_times import plan_times
from recovery_service.services.schedules import items_of, publish_schedules

LATEST_START = timedelta(days=90)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """When a draft is to take effect, and whether the surgery date may be assumed."""

    effective_from: date | None = None
    surgery_date_assumed: bool = False


def publish(
    session: Session,
    actor: Actor,
    episode: Episode,
    patient: Patient,
    content: Content,
    wish: Publication,
    *,
    now: datetime,
) -> PlanRevision:
    """Make the draft live and let the schedules follow, in one transaction.

    Raises NotAllowed, EpisodeEnded, DraftMissing, NothingToPublish,
    ContentNotApproved, SurgeryDateNeeded, or InvalidField for a day that cannot be.
    """
    if not may_publish_plan(actor):
        raise NotAllowed("publish a plan")
    plans.require_running(episode)
    plan = plans.lock(session, plans.plan_of(session, episode))
    draft = in_state(session, plan, "draft")
    if draft is None:
        raise DraftMissing
    items = items_of(session, draft)
    if not items:
        raise NothingToPublish
    live = in_state(session, plan, "live")
    require_approved_plan(session, content, plan, draft, live)
    template = templates.find(session, content, plan.template_code)
    start = start_of(wish.effective_from, patient, first=live is None, now=now)
    assumed = assumed_surgery(session, draft, episode, items, template, wish)
    if assumed is not None:
        episode.surgery_date, episode.surgery_date_assumed = assumed, True
    if live is not None:
        live.state = "superseded"
        session.flush()
    draft.state, draft.published_at, draft.published_by = "live", now, actor.id
    draft.effective_from = start
    plans.touch(draft, now=now)
    session.flush()
    if template is not None:  # first: an item that asks to book one leaves the asking to it
        plan_follow_ups(session, episode, patient, template, now=now)
    plan_times(session, content, [episode], now=now)
    if episode.state == "open":
        publish_schedules(
            session, episode, patient, items,
            effective_from=start, now=now, phases=draft.phases,
        )  # fmt: skip
    audit.record(session, actor, "plan_published", "plan", plan.id, patient_id=patient.id, now=now)
    return draft


def start_of(wish: date | None, patient: Patient, *, first: bool, now: datetime) -> date:
    """Return the local date from which the revision holds.

    A plan that already runs changes today or tomorrow: a schedule is one rule at
    a time, and a change that lies further ahead is one that nobody remembers.
    """
    today = local_date(patient.time_zone, now)
    start = wish or today
    if start < today:
        raise InvalidField("/effective_from", "A plan cannot take effect in the past.")
    if first and start > today + LATEST_START:
        raise InvalidField("/effective_from", "This is too far ahead.")
    if not first and start > today + _DAY:
        raise InvalidField(
            "/effective_from", "A change to a running plan takes effect today or tomorrow."
        )
    return start


def assumed_surgery(
    session: Session,
    draft: PlanRevision,
    episode: Episode,
    items: Sequence[PlanItem],
    template: PlanTemplate | None,
    wish: Publication,
) -> date | None:
    """Return the surgery date to assume, None where it is known or nothing counts from it.

    Raises SurgeryDateNeeded where nobody said that it may be assumed.
    """
    if episode.surgery_date is not None:
        return None
    counts = any(item.rule["anchor"] == "surgery" for item in items) or bool(
        plans.restrictions_of(session, draft)
    )
    if not counts:
        return None
    stay = template.typical_stay_days if template is not None else None
    if not wish.surgery_date_assumed or stay is None:
        raise SurgeryDateNeeded
    return episode.discharge_date - timedelta(days=stay)
