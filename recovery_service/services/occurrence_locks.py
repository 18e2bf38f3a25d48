"""Finding the occurrence that a patient acts on, and holding it still meanwhile.

Its schedule is locked first, then its unsent deliveries, then itself: the order in
which the reminder loop and every edit of the plan take them.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.appointment_rules import APPOINTMENT
from recovery_service.domain.occurrence_ids import matches
from recovery_service.domain.recurrence import Occurrence as Planned
from recovery_service.domain.recurrence import Rule
from recovery_service.errors import NoSuchObject
from recovery_service.models import (
    Delivery,
    Episode,
    Occurrence,
    PlanItem,
    PlanRevision,
    QuestionnaireTime,
    Schedule,
    ScheduleRule,
)


class LockedItem(NamedTuple):
    """The item of an occurrence, with its schedule locked."""

    schedule: Schedule
    rule: Rule
    episode: Episode
    gone: bool


def lock_item(session: Session, actor: Actor, lineage: UUID) -> LockedItem:
    """Return the item of the actor's own plan, its schedule locked; raises NoSuchObject."""
    # The weaker lock: writing an occurrence refers to its schedule, which need not wait.
    in_plan = exists().where(
        PlanItem.clinic_id == Schedule.clinic_id,
        PlanItem.lineage_id == Schedule.id,
        PlanRevision.clinic_id == PlanItem.clinic_id,
        PlanRevision.id == PlanItem.revision_id,
        PlanRevision.state == "live",
    )
    asked_for = exists().where(
        QuestionnaireTime.clinic_id == Schedule.clinic_id,
        QuestionnaireTime.id == Schedule.id,
        QuestionnaireTime.active,
    )
    found = session.execute(
        select(Schedule, ScheduleRule.rule, Episode, in_plan | asked_for)
        .join(
            ScheduleRule,
            (ScheduleRule.clinic_id == Schedule.clinic_id)
            & (ScheduleRule.hash == Schedule.rule_hash),
        )
        .join(
            Episode,
            (Episode.clinic_id == Schedule.clinic_id) & (Episode.id == Schedule.episode_id),
        )
        .where(
            Schedule.clinic_id == actor.clinic_id,
            Schedule.id == lineage,
            Schedule.patient_id == actor.id,
        )
        .with_for_update(of=Schedule, key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    # What an appointment says is answered by what is said about the appointment.
    if found is None or found[1].get("identity") == APPOINTMENT:
        raise NoSuchObject("occurrence")
    schedule, rule, episode, is_live = found
    return LockedItem(schedule, Rule.parse(rule), episode, not is_live)


def lock_plan(session: Session, clinic_id: UUID, patient_id: UUID) -> None:
    """Hold all of a patient's schedules, for who acts on several in whatever order."""
    session.execute(
        select(Schedule.id)
        .where(Schedule.clinic_id == clinic_id, Schedule.patient_id == patient_id)
        .order_by(Schedule.id)
        .with_for_update(key_share=True)
    )


def lock_row(session: Session, item: LockedItem, occ_key: str) -> Occurrence | None:
    """Return the stored occurrence, locked behind its unsent deliveries; None without a row."""
    schedule = item.schedule
    which = (
        Occurrence.clinic_id == schedule.clinic_id,
        Occurrence.lineage_id == schedule.id,
        Occurrence.occ_key == occ_key,
    )
    unsent = (
        select(Delivery.id)
        .join(
            Occurrence,
            (Occurrence.clinic_id == Delivery.clinic_id)
            & (Occurrence.id == Delivery.occurrence_id),
        )
        .where(*which, Delivery.state.in_(("ready", "leased")))
        .order_by(Delivery.id)
    )
    session.execute(unsent.with_for_update(of=Delivery))
    wanted = select(Occurrence).where(*which).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()


def write_ahead(session: Session, item: LockedItem, occ_key: str) -> Occurrence:
    """Write the occurrence that is not yet a row, if the rule has it; raises NoSuchObject."""
    found = _planned(session, item, occ_key)
    if found is None or found.local_date < item.episode.discharge_date:
        raise NoSuchObject("occurrence")
    values = {
        "clinic_id": item.schedule.clinic_id,
        "lineage_id": item.schedule.id,
        "occ_key": occ_key,
        "local_date": found.local_date,
        "due_at": found.due_at,
        "expires_at": found.expires_at,
    }
    made = session.execute(insert(Occurrence).values(values).returning(Occurrence.id)).scalar_one()
    return session.get_one(Occurrence, (item.schedule.clinic_id, made))


def _planned(session: Session, item: LockedItem, occ_key: str) -> Planned | None:
    """Return what the rule has under the key, or what an earlier revision had."""
    schedule = item.schedule
    earlier = (
        select(PlanItem.rule)
        .join(
            PlanRevision,
            (PlanRevision.clinic_id == PlanItem.clinic_id)
            & (PlanRevision.id == PlanItem.revision_id),
        )
        .where(
            PlanItem.clinic_id == schedule.clinic_id,
            PlanItem.lineage_id == schedule.id,
            PlanRevision.state != "draft",
        )
        .order_by(PlanRevision.number.desc())
    )
    return _first(
        matches(rule, schedule.anchor_date, schedule.time_zone, occ_key)
        for rule in (item.rule, *map(Rule.parse, session.scalars(earlier)))
    )


def _first(found: Iterable[Planned | None]) -> Planned | None:
    return next((each for each in found if each is not None), None)
