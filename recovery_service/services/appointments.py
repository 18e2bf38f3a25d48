"""Follow-ups: what the template wants booked, and what staff make of it."""

from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recovery_service.domain.identifiers import new_id
from recovery_service.domain.local_time import local_date
from recovery_service.domain.plan_templates import PlanTemplate, TemplateAppointment
from recovery_service.models import Appointment, Episode, Patient
from recovery_service.services.appointment_schedules import follow


def plan_follow_ups(
    session: Session,
    episode: Episode,
    patient: Patient,
    template: PlanTemplate,
    *,
    now: datetime,
) -> None:
    """Add the template's follow-ups that are still to be booked; a second time adds nothing.

    One whose window has passed is not added: nobody can book into the past.
    """
    known = set(
        session.scalars(
            select(Appointment.kind).where(
                Appointment.clinic_id == episode.clinic_id,
                Appointment.episode_id == episode.id,
                Appointment.from_template,
            )
        )
    )
    today = local_date(patient.time_zone, now)
    anchor = episode.surgery_date or episode.discharge_date
    for wanted in template.appointments:
        window_to = anchor + timedelta(days=wanted.window_to)
        if wanted.code not in known and not wanted.optional and window_to >= today:
            session.add(_follow_up(episode, wanted, anchor, now=now))
    session.flush()


def move_follow_ups(session: Session, episode: Episode, *, now: datetime) -> None:
    """Let the windows of what is to be booked follow a moved date."""
    anchor = episode.surgery_date or episode.discharge_date
    rows = session.scalars(
        select(Appointment).where(
            Appointment.clinic_id == episode.clinic_id,
            Appointment.episode_id == episode.id,
            Appointment.state == "to_book",
            Appointment.from_template,
        )
    ).all()
    for row in rows:
        if row.from_day is not None and row.to_day is not None:
            row.window_from = anchor + timedelta(days=row.from_day)
            row.window_to = anchor + timedelta(days=row.to_day)
            row.updated_at, row.version = now, row.version + 1
    follow(session, rows, now=now)


def cancel_unbooked(session: Session, episode: Episode, *, now: datetime) -> None:
    """Ask nobody any longer to book for an episode that has ended; what is booked stays."""
    session.execute(
        update(Appointment)
        .where(
            Appointment.clinic_id == episode.clinic_id,
            Appointment.episode_id == episode.id,
            Appointment.state == "to_book",
        )
        .values(state="cancelled", updated_at=now, version=Appointment.version + 1)
    )


def _follow_up(
    episode: Episode, wanted: TemplateAppointment, anchor: date, *, now: datetime
) -> Appointment:
    return Appointment(
        clinic_id=episode.clinic_id,
        id=new_id(now=now),
        patient_id=episode.patient_id,
        episode_id=episode.id,
        site_id=episode.site_id,
        kind=wanted.code,
        title=dict(wanted.title),
        from_template=True,
        mode=wanted.mode,
        target_day=wanted.target_day,
        from_day=wanted.window_from,
        to_day=wanted.window_to,
        window_from=anchor + timedelta(days=wanted.window_from),
        window_to=anchor + timedelta(days=wanted.window_to),
        created_at=now,
        updated_at=now,
    )
