"""The entity tag of each shared object: which of its states somebody has read.

With `lock`, who edits comes one by one, and what is read is what the one before left. The
locks are taken in the order in which the edits themselves take them.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.entity_tags import content_tag, version_tag
from recovery_service.models import PlanRevision
from recovery_service.services.booking import appointment_in_scope, find_appointment
from recovery_service.services.clinics import clinic_of
from recovery_service.services.plans import lock as lock_plan
from recovery_service.services.plans import plan_of
from recovery_service.services.scope import episode_in_scope, patient_in_scope
from recovery_service.services.sites import holidays_of, site_in_scope
from recovery_service.services.staff import member_in_scope
from recovery_service.services.webhooks import webhook_in_scope

#: Returns the tag, without quotes, of what the names of an address stand for: called with
#: `session, actor, *, lock` and those names. Raises NoSuchObject.
ObjectTag = Callable[..., str]


def tag_of_clinic(session: Session, actor: Actor, *, lock: bool) -> str:
    """Return the tag of the clinic's settings."""
    return version_tag(clinic_of(session, actor, lock=lock).version)


def tag_of_site(session: Session, actor: Actor, *, lock: bool, site_id: UUID) -> str:
    """Return the tag of a site; an edit of one may change another, so all wait in one line."""
    if lock:
        clinic_of(session, actor, lock=True)
    return version_tag(site_in_scope(session, actor, site_id).version)


def tag_of_holidays(session: Session, actor: Actor, *, lock: bool, site_id: UUID) -> str:
    """Return the tag of all the days on which a site is closed, whatever page of them is read."""
    if lock:
        clinic_of(session, actor, lock=True)
    days = holidays_of(session, site_in_scope(session, actor, site_id))
    return content_tag(f"{each.day} {each.name}" for each in days)


def tag_of_member(session: Session, actor: Actor, *, lock: bool, staff_id: UUID) -> str:
    """Return the tag of a member of staff; admins who change each other wait in one line."""
    if lock:
        clinic_of(session, actor, lock=True)
    return version_tag(member_in_scope(session, actor, staff_id, lock=False).version)


def tag_of_patient(session: Session, actor: Actor, *, lock: bool, patient_id: UUID) -> str:
    """Return the tag of a patient, with the addresses and the care team."""
    patient = patient_in_scope(session, actor, patient_id)
    if lock:
        session.refresh(patient, with_for_update={"key_share": True})
    return version_tag(patient.version)


def tag_of_episode(session: Session, actor: Actor, *, lock: bool, episode_id: UUID) -> str:
    """Return the tag of an episode."""
    return version_tag(episode_in_scope(session, actor, episode_id, lock=lock).version)


def tag_of_appointment(session: Session, actor: Actor, *, lock: bool, appointment_id: UUID) -> str:
    """Return the tag of an appointment."""
    if lock:
        row, _ = appointment_in_scope(session, actor, appointment_id)
    else:
        row = find_appointment(session, actor, appointment_id)
    return version_tag(row.version)


def tag_of_webhook(session: Session, actor: Actor, *, lock: bool, webhook_id: UUID) -> str:
    """Return the tag of a webhook; the worker counts up, too, when it begins to fail."""
    return version_tag(webhook_in_scope(session, actor, webhook_id, lock=lock).version)


def tag_of_plan(
    session: Session, actor: Actor, *, lock: bool, episode_id: UUID, **_part: Any
) -> str:
    """Return the tag of a plan: what is live, and each change of what is drafted.

    Its items have the same one: an edit of any of them is an edit of the draft.
    """
    plan = plan_of(session, episode_in_scope(session, actor, episode_id))
    if lock:
        lock_plan(session, plan)
    rows = session.execute(
        select(PlanRevision.number, PlanRevision.version)
        .where(
            PlanRevision.clinic_id == plan.clinic_id,
            PlanRevision.plan_id == plan.id,
            PlanRevision.state.in_(["live", "draft"]),
        )
        .order_by(PlanRevision.number)
    )
    return "-".join(f"r{row.number}.{row.version}" for row in rows) or "r0"
