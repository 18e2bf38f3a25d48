"""One patient's page: what stands, what is planned, what was done, what was said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.content import Content
from recovery_service.domain.local_time import local_date
from recovery_service.errors import NoSuchObject
from recovery_service.models import (
    CheckIn,
    Device,
    EnrolmentCode,
    Episode,
    Patient,
    RejectedReport,
    Site,
    StaffMember,
)
from recovery_service.services import audit, plans
from recovery_service.services.agenda import AgendaEntry, due_today
from recovery_service.services.alert_reads import unresolved_of_episode
from recovery_service.services.alert_views import alert_as_json
from recovery_service.services.appointment_views import AppointmentView, appointments_of
from recovery_service.services.check_in_reads import check_ins_of
from recovery_service.services.content_gate import MissingPiece, missing_to_publish
from recovery_service.services.episode_views import EpisodeView
from recovery_service.services.exercise_weeks import ExerciseWeek, exercise_weeks
from recovery_service.services.message_replies import Looked, look
from recovery_service.services.patient_views import PatientView, view_patient
from recovery_service.services.phases import PhaseView, view_phase
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
    """All that the page shows.

    `names` are those who decided on phases; `plan_waits` is the content without whose approval
    the draft is not published.
    """

    view: PatientView
    site: Site
    alerts: Sequence[Mapping[str, Any]]
    rejected: Sequence[RejectedReport]
    plan: PlanView | None
    phase_view: PhaseView | None
    names: Mapping[UUID, str]
    plan_waits: Sequence[MissingPiece]
    monitored_until: date
    local_today: date
    templates: Sequence[TemplateSummary]
    chosen_template: str
    progress: Progress
    weeks: Sequence[ExerciseWeek]
    check_ins: Sequence[CheckIn]
    reminders: Sequence[ReminderDay]
    appointments: Sequence[AppointmentView]
    messages: Looked
    today: Sequence[AgendaEntry]
    phone_enrolled: bool
    code_waiting: datetime | None

    @property
    def monitored(self) -> bool:
        """Whether today's check-in is looked at by somebody."""
        running = self.standing.episode.state != "ended"
        return running and self.local_today <= self.monitored_until

    @property
    def patient(self) -> Patient:
        """The person."""
        return self.view.patient

    @property
    def phase(self) -> Mapping[str, Any] | None:
        """The phase of the live plan that holds today."""
        return self.phase_view.phase if self.phase_view else None

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
    phase_view = view_phase(session, episode, patient, now=now) if plan and plan.live else None
    reader = Reader(language=language, for_staff=True)
    return PatientPage(
        view=view,
        site=session.get_one(Site, (episode.clinic_id, episode.site_id)),
        alerts=_alerts(session, content, episode, now=now, language=language),
        rejected=unseen_of(session, episode.clinic_id, episode.id),
        plan=plan,
        phase_view=phase_view,
        names=_names(session, patient.clinic_id, phase_view),
        plan_waits=_plan_waits(session, content, plan),
        monitored_until=_watched_until(content, episode),
        local_today=local_date(patient.time_zone, now),
        templates=_templates(session, content, episode),
        chosen_template=default_for(session, content, episode).code,
        progress=progress_of(session, episode, patient, content, reader, now=now),
        weeks=exercise_weeks(session, episode, patient),
        check_ins=_last_check_ins(session, episode),
        reminders=sent_reminders(session, patient, content, now=now, language=language),
        appointments=appointments_of(session, patient.clinic_id, episode_id=episode.id, now=now),
        messages=look(session, actor, episode, now=now),
        today=_today(session, patient, now=now, language=language),
        phone_enrolled=_enrolled(session, patient),
        code_waiting=waiting_code(session, patient, now=now),
    )


def _today(
    session: Session, patient: Patient, *, now: datetime, language: str
) -> list[AgendaEntry]:
    key = (session, patient.clinic_id, patient.id)
    return due_today(*key, time_zone=patient.time_zone, now=now, language=language)


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


def _last_check_ins(session: Session, episode: Episode) -> Sequence[CheckIn]:
    found = check_ins_of(session, episode.clinic_id, limit=LAST_CHECK_INS, episode_id=episode.id)
    return found[:LAST_CHECK_INS]


def _watched_until(content: Content, episode: Episode) -> date:
    """Return the last local date on which check-ins are looked at."""
    return content.alert_policy.monitored_until(
        episode.monitored_until,
        surgery_date=episode.surgery_date,
        discharge_date=episode.discharge_date,
    )


def _names(session: Session, clinic_id: UUID, view: PhaseView | None) -> dict[UUID, str]:
    """Return who decided on the phases, by name."""
    wanted = {each.decided_by for each in view.decisions} if view else set()
    if not wanted:
        return {}
    rows = session.execute(
        select(StaffMember.id, StaffMember.name).where(
            StaffMember.clinic_id == clinic_id, StaffMember.id.in_(wanted)
        )
    )
    return {row.id: row.name for row in rows}


def _plan_waits(
    session: Session, content: Content, plan: PlanView | None
) -> tuple[MissingPiece, ...]:
    if plan is None or plan.draft is None:
        return ()
    live = plan.live.revision if plan.live else None
    return missing_to_publish(session, content, plan.plan, plan.draft.revision, live)


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
