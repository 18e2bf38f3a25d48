"""Booking: what staff make of an appointment, from to be booked to its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.appointments import OUTCOMES, USUAL_MINUTES, may_become, state_at
from recovery_service.domain.content import Content
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.local_time import local_date
from recovery_service.errors import (
    AppointmentSettled,
    EpisodeEnded,
    InvalidField,
    NoSuchObject,
)
from recovery_service.models import Appointment, Episode, Site
from recovery_service.services import audit
from recovery_service.services.appointment_schedules import follow
from recovery_service.services.device_plan import plan_changed
from recovery_service.services.devices import locked_patient

FURTHEST = timedelta(days=3 * 366)
_PLAIN = ("kind", "title", "location", "mode", "preparation", "minutes")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAppointment:
    """An appointment as staff enter it; without a time it is still to be booked."""

    kind: str
    title: Mapping[str, str] | None = None
    state: str | None = None
    starts_at: datetime | None = None
    minutes: int | None = None
    site: UUID | None = None
    location: str | None = None
    mode: str = "in_person"
    preparation: str | None = None
    window: tuple[date, date] | None = None


def add_appointment(
    session: Session,
    actor: Actor,
    content: Content,
    episode: Episode,
    new: NewAppointment,
    *,
    now: datetime,
) -> Appointment:
    """Add an appointment; raises EpisodeEnded, or InvalidField naming what cannot be.

    One that lies in the past needs its outcome; it may be one of an episode that ended.
    One to which nobody gave a title is called an appointment in every language.
    """
    plan_changed(session, episode.clinic_id, episode.patient_id, now=now)
    untitled = {each: content.text("appointment.untitled", each) for each in LANGUAGES}
    state = new.state or ("to_book" if new.starts_at is None else "booked")
    if episode.state == "ended" and state not in OUTCOMES:
        raise EpisodeEnded(episode.id)
    row = Appointment(
        clinic_id=episode.clinic_id,
        id=new_id(now=now),
        patient_id=episode.patient_id,
        episode_id=episode.id,
        site_id=episode.site_id if new.site is None else _site(session, actor, new.site).id,
        kind=new.kind,
        state=state,
        title=dict(new.title or untitled),
        starts_at=new.starts_at,
        minutes=new.minutes,
        location=new.location,
        mode=new.mode,
        preparation=new.preparation,
        created_by=actor.id,
        created_at=now,
        updated_at=now,
    )
    row.window_from, row.window_to = new.window or (None, None)
    _settle(session, row, now=now, timed=new.starts_at is not None)
    session.add(row)
    follow(session, [row], now=now)
    _record(session, actor, row, f"appointment_{state}", now=now)
    return row


def change_appointment(
    session: Session,
    actor: Actor,
    row: Appointment,
    episode: Episode,
    changes: Mapping[str, Any],
    *,
    now: datetime,
) -> Appointment:
    """Change an appointment; a time given to one that is to be booked books it.

    Its reminders follow, and a patient who counted on it is told once that it has changed.
    Raises AppointmentSettled, EpisodeEnded, or InvalidField naming what cannot be.
    """
    standing = state_at(row.state, row.starts_at, now=now)
    wanted = _wanted_state(standing, changes)
    if not may_become(standing, wanted):
        raise AppointmentSettled(standing, wanted)
    if wanted in {"to_book", "booked"} and episode.state == "ended":
        raise EpisodeEnded(episode.id)
    plan_changed(session, row.clinic_id, row.patient_id, now=now)
    stood = (row.starts_at, row.site_id) if standing == "booked" else None
    moved = "starts_at" in changes and changes["starts_at"] != row.starts_at
    if moved and wanted != "booked":
        raise InvalidField("/starts_at", "Only a booked appointment can be moved.")
    _apply(session, actor, row, changes)
    row.state = "booked" if wanted == "outcome_unknown" else wanted
    if wanted == "to_book":
        row.starts_at = None
    if moved or wanted != standing:
        row.response, row.responded_at = None, None  # it was about what stood
    if wanted != standing or moved:
        _settle(session, row, now=now, timed=moved)
    row.version, row.updated_at = row.version + 1, now
    follow(session, [row], now=now, told_until=_told_until(row, stood))
    _record(session, actor, row, _event(standing, wanted, moved=moved), now=now)
    return row


def find_appointment(session: Session, actor: Actor, appointment_id: UUID) -> Appointment:
    """Return an appointment of the actor's clinic, to be looked at; raises NoSuchObject."""
    row = session.get(Appointment, (actor.clinic_id, appointment_id))
    if row is None:
        raise NoSuchObject("appointment")
    return row


def appointment_in_scope(
    session: Session, actor: Actor, appointment_id: UUID, *, patient_id: UUID | None = None
) -> tuple[Appointment, Episode]:
    """Return an appointment, locked behind its patient, and its episode; raises NoSuchObject.

    Also for one that is not of the patient given.
    """
    whose = session.scalar(
        select(Appointment.patient_id).where(
            Appointment.clinic_id == actor.clinic_id, Appointment.id == appointment_id
        )
    )
    if whose is None or patient_id not in (None, whose):
        raise NoSuchObject("appointment")
    locked_patient(session, actor.clinic_id, whose)
    found = session.execute(
        select(Appointment, Episode)
        .join(
            Episode,
            (Episode.clinic_id == Appointment.clinic_id) & (Episode.id == Appointment.episode_id),
        )
        .where(Appointment.clinic_id == actor.clinic_id, Appointment.id == appointment_id)
        .with_for_update(of=Appointment)
        .execution_options(populate_existing=True)
    ).one()
    return found[0], found[1]


def _told_until(row: Appointment, stood: tuple[datetime | None, UUID] | None) -> datetime | None:
    """Return until when a change matters to who counted on what stood; None when to nobody."""
    if stood is None or row.state in OUTCOMES:
        return None
    if row.state != "booked":
        return stood[0]
    return None if stood == (row.starts_at, row.site_id) else row.starts_at


def _wanted_state(standing: str, changes: Mapping[str, Any]) -> str:
    """Return the state asked for; a time alone asks to book, or to book anew."""
    if "state" in changes:
        return str(changes["state"])
    books = changes.get("starts_at") is not None and standing in {"to_book", "outcome_unknown"}
    return "booked" if books else standing


def _apply(session: Session, actor: Actor, row: Appointment, changes: Mapping[str, Any]) -> None:
    for name in _PLAIN:
        if name in changes:
            setattr(row, name, changes[name])
    if "starts_at" in changes:
        row.starts_at = changes["starts_at"]
    if "site" in changes:
        row.site_id = _site(session, actor, changes["site"]).id
    if "window" in changes:
        row.window_from, row.window_to = changes["window"] or (None, None)


def _settle(session: Session, row: Appointment, *, now: datetime, timed: bool) -> None:
    """Complete the row, or refuse what its state cannot be."""
    if row.state == "to_book":
        if row.starts_at is not None:
            raise InvalidField("/starts_at", "What is to be booked has no time yet.")
        return
    if row.starts_at is None:
        if row.state == "cancelled":
            return
        raise InvalidField("/starts_at", "Say when it is.")
    row.minutes = row.minutes or USUAL_MINUTES
    if timed and abs(row.starts_at - now) > FURTHEST:
        raise InvalidField("/starts_at", "Must be within three years.")
    if row.state == "booked" and row.starts_at <= now:
        raise InvalidField("/starts_at", "This is past; say whether it was attended or missed.")
    if row.state in OUTCOMES and _is_ahead(session, row, now=now):
        raise InvalidField("/state", "It has not taken place yet.")


def _is_ahead(session: Session, row: Appointment, *, now: datetime) -> bool:
    """Tell whether it lies on a later day at its site; who comes early has come."""
    site = session.get_one(Site, (row.clinic_id, row.site_id))
    starts_at = row.starts_at or now
    return local_date(site.time_zone, starts_at) > local_date(site.time_zone, now)


def _site(session: Session, actor: Actor, site_id: UUID) -> Site:
    site = session.get(Site, (actor.clinic_id, site_id))
    if site is None:
        raise InvalidField("/site", "There is no such site.")
    return site


def _event(standing: str, wanted: str, *, moved: bool) -> str:
    if wanted != standing:
        return f"appointment_{wanted}"
    return "appointment_moved" if moved else "appointment_changed"


def _record(
    session: Session, actor: Actor, row: Appointment, action: str, *, now: datetime
) -> None:
    audit.record(session, actor, action, "appointment", row.id, patient_id=row.patient_id, now=now)
