"""One patient's page: what stands, what is planned, what was done, what was said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.content import Content
from recovery_service.errors import NoSuchObject
from recovery_service.models import (
    CheckIn,
    Device,
    EnrolmentCode,
    Episode,
    Patient,
    RejectedReport,
    Site,
)
from recovery_service.services import audit, plans
from recovery_service.services.agenda import AgendaEntry, due_today
from recovery_service.services.alert_reads import unresolved_of_episode
from recovery_service.services.alert_views import alert_as_json
from recovery_service.services.appointment_views import AppointmentView, appointments_of
from recovery_service.services.check_in_reads import check_ins_of
from recovery_service.services.episode_views import EpisodeView
from recovery_service.services.exercise_weeks import ExerciseWeek, exercise_weeks
from recovery_service.services.patient_views import PatientView, view_patient
from recovery_service.services.phase_decisions import progression_of
from recovery_service.services.plans import PlanView
from recovery_service.services.progress import Progress, progress_of
from recovery_service.services.recovery_standing import Reader
from recovery_service.services.rejected_reports import unseen_of
from recovery_service.services.scope import patient_in_scope
from recovery_service.services.sent_reminders import ReminderDay, sent_reminders
from recovery_service.services.templates import TemplateSummary, all_templates, default_for

LAST_CHECK_INS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientPage:
    """All that the page shows; `phase` is the template's own, by today's recovery day."""

    view: PatientView
    site: Site
    alerts: Sequence[Mapping[str, Any]]
    rejected: Sequence[RejectedReport]
    plan: PlanView | None
    phase: Mapping[str, Any] | None
    templates: Sequence[TemplateSummary]
    chosen_template: str
    progress: Progress
    weeks: Sequence[ExerciseWeek]
    check_ins: Sequence[CheckIn]
    reminders: Sequence[ReminderDay]
    appointments: Sequence[AppointmentView]
    today: Sequence[AgendaEntry]
    phone_enrolled: bool
    code_waiting: datetime | None

    @property
    def patient(self) -> Patient:
        """The person."""
        return self.view.patient

    @property
    def standing(self) -> EpisodeView:
        """The episode with its days."""
        assert self.view.episode is not None  # noqa: S101 - a page is made for an episode only
        return self.view.episode


def read_patient_page(
    session: Session,
    actor: Actor,
    content: Content,
    patient_id: UUID,
    *,
    now: datetime,
    language: str,
) -> PatientPage:
    """Return the page's content and leave one line in the audit trail; raises NoSuchObject."""
    patient = patient_in_scope(session, actor, patient_id)
    audit.record(
        session, actor, "patient_read", "patient", patient.id, patient_id=patient.id, now=now
    )
    view = view_patient(session, patient, now=now)
    if view.episode is None:
        raise NoSuchObject("episode")
    episode = view.episode.episode
    plan = _plan(session, episode)
    reader = Reader(language=language, for_staff=True)
    progress = progress_of(session, episode, patient, content, reader, now=now)
    return PatientPage(
        view=view,
        site=session.get_one(Site, (episode.clinic_id, episode.site_id)),
        alerts=_alerts(session, content, episode, now=now, language=language),
        rejected=unseen_of(session, episode.clinic_id, episode.id),
        plan=plan,
        phase=_phase(session, plan, view.episode),
        templates=_templates(session, content, episode),
        chosen_template=default_for(session, content, episode).code,
        progress=progress,
        weeks=exercise_weeks(session, episode, patient),
        check_ins=check_ins_of(
            session, patient.clinic_id, limit=LAST_CHECK_INS, episode_id=episode.id
        )[:LAST_CHECK_INS],
        reminders=sent_reminders(session, patient, content, now=now, language=language),
        appointments=appointments_of(session, patient.clinic_id, episode_id=episode.id, now=now),
        today=due_today(
            session,
            patient.clinic_id,
            patient.id,
            time_zone=patient.time_zone,
            now=now,
            language=language,
        ),
        phone_enrolled=_enrolled(session, patient),
        code_waiting=waiting_code(session, patient, now=now),
    )


def _templates(session: Session, content: Content, episode: Episode) -> list[TemplateSummary]:
    every = all_templates(session, content)
    return [each for each in every if each.template.procedure == episode.procedure]


def _alerts(
    session: Session, content: Content, episode: Episode, *, now: datetime, language: str
) -> list[dict[str, Any]]:
    """Return the alerts that are not resolved, the most pressing first."""
    rows = unresolved_of_episode(session, episode.clinic_id, episode.id)
    return [alert_as_json(content, row, now=now, language=language) for row in rows]


def waiting_code(session: Session, patient: Patient, *, now: datetime) -> datetime | None:
    """Return until when a code that nobody used yet opens the door, None where there is none."""
    return session.scalar(
        select(EnrolmentCode.expires_at)
        .where(
            EnrolmentCode.clinic_id == patient.clinic_id,
            EnrolmentCode.patient_id == patient.id,
            EnrolmentCode.used_at.is_(None),
            EnrolmentCode.revoked_at.is_(None),
            EnrolmentCode.expires_at > now,
        )
        .order_by(EnrolmentCode.expires_at.desc())
        .limit(1)
    )


def _plan(session: Session, episode: Episode) -> PlanView | None:
    try:
        return plans.view_plan(session, episode)
    except NoSuchObject:
        return None


def _phase(
    session: Session, plan: PlanView | None, standing: EpisodeView
) -> Mapping[str, Any] | None:
    """Return the phase of the live revision that holds today."""
    if plan is None or plan.live is None:
        return None
    progression = progression_of(session, standing.episode, plan.live.revision.phases)
    return progression.on(standing.days_since_surgery)


def _enrolled(session: Session, patient: Patient) -> bool:
    return (
        session.scalar(
            select(Device.id)
            .where(
                Device.clinic_id == patient.clinic_id,
                Device.patient_id == patient.id,
                Device.revoked_at.is_(None),
            )
            .limit(1)
        )
        is not None
    )
