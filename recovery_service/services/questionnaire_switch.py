"""What a clinic schedules, switched on and off for everybody who is at home already."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.models import (
    Clinic,
    Episode,
    Patient,
    PlanRevision,
    QuestionnaireTime,
    RecoveryPlan,
    Schedule,
)
from recovery_service.services.course_gate import gate_of
from recovery_service.services.questionnaire_closing import settle_all
from recovery_service.services.questionnaire_times import (
    plan_times,
    silence_times,
    times_of,
    wanted_of,
)
from recovery_service.services.replanning import Course, Party, carry_on_all


def follow_clinic(session: Session, content: Content, clinic: Clinic, *, now: datetime) -> None:
    """Let every running episode follow what the clinic schedules; a fixed number of statements.

    The clinic is locked by who calls. Patients are not, so that nobody who is editing a plan
    waits: the agenda is read anew when an app is opened, and a push says nothing of it before.
    """
    running = _running(session, clinic.id)
    episodes = [episode for episode, _, _ in running]
    ids = [each.id for each in episodes]
    before = {row.id for row in times_of(session, clinic.id, ids)}
    if not plan_times(session, content, episodes, now=now):
        return
    standing = times_of(session, clinic.id, ids)
    gone = before - {row.id for row in standing}
    if gone:
        silence_times(session, clinic.id, sorted(gone), now=now)
    _begin(session, clinic.id, running, standing, now=now)
    settle_all(session, clinic.id, ids, now=now)


def _begin(
    session: Session,
    clinic_id: UUID,
    running: Sequence[tuple[Episode, Patient, date]],
    standing: Sequence[QuestionnaireTime],
    *,
    now: datetime,
) -> None:
    """Plan what is asked for; what is held waits for its release."""
    times: defaultdict[UUID, list[QuestionnaireTime]] = defaultdict(list)
    for row in standing:
        times[row.episode_id].append(row)
    schedules: defaultdict[UUID, dict[UUID, Schedule]] = defaultdict(dict)
    for schedule in _locked(session, clinic_id, [row.id for row in standing]):
        schedules[schedule.episode_id][schedule.id] = schedule
    parties = [
        Party(
            course=Course(
                episode=episode,
                patient=patient,
                gate=gate_of(episode, patient, effective_from),
                now=now,
            ),
            wanted=[wanted_of(row) for row in times[episode.id]],
            schedules=schedules[episode.id],
        )
        for episode, patient, effective_from in running
        if episode.state == "open" and episode.surgery_date is not None and times[episode.id]
    ]
    carry_on_all(session, clinic_id, parties, now=now)


def _running(session: Session, clinic_id: UUID) -> list[tuple[Episode, Patient, date]]:
    """Return the episodes that have not ended and whose plan is live, and since when."""
    found = session.execute(
        select(Episode, Patient, PlanRevision.effective_from)
        .join(
            Patient,
            (Patient.clinic_id == Episode.clinic_id) & (Patient.id == Episode.patient_id),
        )
        .join(
            RecoveryPlan,
            (RecoveryPlan.clinic_id == Episode.clinic_id) & (RecoveryPlan.episode_id == Episode.id),
        )
        .join(
            PlanRevision,
            (PlanRevision.clinic_id == RecoveryPlan.clinic_id)
            & (PlanRevision.plan_id == RecoveryPlan.id)
            & (PlanRevision.state == "live"),
        )
        .where(Episode.clinic_id == clinic_id, Episode.state != "ended")
        .order_by(Episode.id)
    )
    return [(episode, patient, day) for episode, patient, day in found if day is not None]


def _locked(session: Session, clinic_id: UUID, ids: Sequence[UUID]) -> Sequence[Schedule]:
    return session.scalars(
        select(Schedule)
        .where(Schedule.clinic_id == clinic_id, Schedule.id.in_(ids))
        .order_by(Schedule.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
