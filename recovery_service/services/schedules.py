"""Schedules through everything that happens to a plan: published, moved, held, ended.

What changes is said here; how each schedule goes on is `services.replanning`. All of
it happens in the transaction of the edit.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.local_time import local_date
from recovery_service.domain.progression import Progression
from recovery_service.domain.recurrence import Rule
from recovery_service.domain.reminder_times import with_own_times
from recovery_service.domain.sitting_breaks import if_wanted
from recovery_service.models import Episode, Patient, PlanItem, PlanRevision, RecoveryPlan
from recovery_service.services import occurrence_rows
from recovery_service.services.appointment_schedules import follow_episode, follow_patient
from recovery_service.services.booking_items import asks_for
from recovery_service.services.course_gate import gate_of
from recovery_service.services.device_plan import plan_changed
from recovery_service.services.phase_decisions import progression_of
from recovery_service.services.questionnaire_closing import settle_answered
from recovery_service.services.questionnaire_times import wanted_times
from recovery_service.services.replanning import Course, Wanted, carry_on, stop
from recovery_service.services.resting_items import Rests, followed, rests_in
from recovery_service.services.schedule_rows import locked
from recovery_service.services.unsent import cancel_unsent


def publish_schedules(
    session: Session,
    episode: Episode,
    patient: Patient,
    items: Sequence[PlanItem],
    *,
    effective_from: date,
    now: datetime,
    phases: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Let the schedules follow a revision that goes live on a local date.

    A plan that already runs may change today or tomorrow; what today still
    holds stays when the change is for tomorrow. Items that the revision no
    longer has fall silent.
    """
    _lock(session, patient)
    course = course_of(episode, patient, effective_from, now=now)
    _follow(session, course, items, progression_of(session, episode, phases))
    follow_episode(session, episode, now=now)


def course_of(episode: Episode, patient: Patient, effective_from: date, *, now: datetime) -> Course:
    """Return the course of a revision that goes live on a local date."""
    return Course(
        episode=episode,
        patient=patient,
        gate=gate_of(episode, patient, effective_from),
        now=now,
        from_tomorrow=effective_from > local_date(patient.time_zone, now),
    )


def replan_episode(session: Session, episode: Episode, patient: Patient, *, now: datetime) -> None:
    """Let the schedules follow a date, a zone, own times or a phase that changed."""
    if episode.state != "open":
        return
    _lock(session, patient)
    live = live_revision(session, episode)
    if live is None or live.effective_from is None:
        return
    gate = gate_of(episode, patient, live.effective_from)
    _follow_live(session, Course(episode=episode, patient=patient, gate=gate, now=now), live)


def replan_patient(session: Session, patient: Patient, *, now: datetime) -> None:
    """Replan the episode that has not ended, if there is one, and every appointment ahead."""
    current = session.scalars(
        select(Episode).where(
            Episode.clinic_id == patient.clinic_id,
            Episode.patient_id == patient.id,
            Episode.state != "ended",
        )
    ).one_or_none()
    if current is not None:
        replan_episode(session, current, patient, now=now)
    follow_patient(session, patient, now=now)


def hold_schedules(session: Session, episode: Episode, *, reason: str, now: datetime) -> None:
    """Stop all schedules; what is open is cancelled with the reason."""
    _fall_silent(session, episode, reason=reason, now=now)


def release_schedules(
    session: Session, episode: Episode, patient: Patient, *, now: datetime
) -> None:
    """Go on from this moment: a release owes nothing of the time of the hold."""
    _lock(session, patient)
    live = live_revision(session, episode)
    if live is not None and live.effective_from is not None:
        gate = max(now, gate_of(episode, patient, live.effective_from))
        course = Course(episode=episode, patient=patient, gate=gate, now=now, owes=False)
        _follow_live(session, course, live)
    follow_episode(session, episode, now=now)


def end_schedules(session: Session, episode: Episode, *, reason: str, now: datetime) -> None:
    """End all schedules and everything that is open or unsent."""
    _fall_silent(session, episode, reason=reason, now=now)


def live_revision(session: Session, episode: Episode) -> PlanRevision | None:
    """Return the revision that the patient follows."""
    return session.scalars(
        select(PlanRevision)
        .join(
            RecoveryPlan,
            (RecoveryPlan.clinic_id == PlanRevision.clinic_id)
            & (RecoveryPlan.id == PlanRevision.plan_id),
        )
        .where(
            RecoveryPlan.clinic_id == episode.clinic_id,
            RecoveryPlan.episode_id == episode.id,
            PlanRevision.state == "live",
        )
    ).one_or_none()


def items_of(session: Session, revision: PlanRevision) -> Sequence[PlanItem]:
    """Return the items of a revision in their order."""
    return session.scalars(
        select(PlanItem)
        .where(PlanItem.clinic_id == revision.clinic_id, PlanItem.revision_id == revision.id)
        .order_by(PlanItem.position, PlanItem.id)
    ).all()


def _lock(session: Session, patient: Patient) -> None:
    """Wait for who is changing the patient, and plan by what has become of it.

    Own times, a zone and the plan are edited by different people at once: whoever comes
    second must not plan by what it had read before the first was done.
    """
    session.refresh(patient, with_for_update={"key_share": True})


def _follow_live(session: Session, course: Course, live: PlanRevision) -> None:
    progression = progression_of(session, course.episode, live.phases)
    _follow(session, course, items_of(session, live), progression)


def _follow(
    session: Session, course: Course, items: Sequence[PlanItem], progression: Progression
) -> None:
    wanted = wanted_of(session, course.episode, items, course.patient, progression)
    waiting = {item.lineage_id for item in items if progression.is_behind(item.phase)}
    wanted += wanted_times(session, course.episode)
    carry_on(session, course, wanted, waiting=waiting)
    settle_answered(session, course.episode, now=course.now)


def wanted_of(
    session: Session,
    episode: Episode,
    items: Sequence[PlanItem],
    patient: Patient,
    progression: Progression,
    rests: Rests | None = None,
) -> list[Wanted]:
    """Return how the items are to be scheduled; those of a phase that waits are not.

    Neither are those that a restriction of this patient holds (`rests`, else as stored).
    """
    owned = asks_for(session, episode.clinic_id, episode.id)
    own = patient.preferences
    rests = rests_in(session, items) if rests is None else rests
    found = []
    for item in items:
        if progression.is_behind(item.phase):
            continue
        rule = progression.followed(_rule(item, own, owned), item.phase)
        rested = followed(rule, item.lineage_id, rests, episode)
        if rested is not None:
            found.append(Wanted(item.lineage_id, item.kind, rested))
    return found


def _rule(item: PlanItem, own: Mapping[str, Any], owned: Collection[str]) -> Rule:
    """Return an item's rule as it is followed: at the patient's own times, if wanted at all.

    What asks to book an appointment is silent where the appointment itself asks.
    """
    names = (str(item.lineage_id), item.code, item.kind)
    rule = with_own_times(Rule.parse(item.rule), own.get("reminder_times", {}), names)
    rule = if_wanted(rule, item.kind, own)
    return replace(rule, remind_via="none") if item.appointment in owned else rule


def _fall_silent(session: Session, episode: Episode, *, reason: str, now: datetime) -> None:
    plan_changed(session, episode.clinic_id, episode.patient_id, now=now)
    schedules = locked(session, episode)
    for schedule in schedules.values():
        stop(schedule)
    rows = occurrence_rows.standing(session, episode.clinic_id, list(schedules), since=date.max)
    closed = occurrence_rows.close(session, episode.clinic_id, rows, reason=reason, now=now)
    cancel_unsent(session, episode.clinic_id, closed, reason=reason, now=now)
    session.flush()
    follow_episode(session, episode, now=now)
