"""The patient's calendar: as a file, and at a secret address that can be taken back.

The address is found before the clinic is known, through the directory; what is stored of it
is a keyed hash. Making a new one ends the one before.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.keys import Keys
from recovery_service.domain.languages import in_language, language_of
from recovery_service.errors import NoSuchObject
from recovery_service.models import CalendarFeed, Patient
from recovery_service.services import directory
from recovery_service.services.appointment_views import AppointmentView, appointments_of
from recovery_service.services.calendars import CalendarEntry, calendar_text

KIND = "calendar_feed"
_SECRET_BYTES = 32


def create_feed(
    session: Session, keys: Keys, clinic_id: UUID, patient_id: UUID, *, detail: bool, now: datetime
) -> str:
    """Return the secret of a new feed, which is known only now; the one before ends."""
    session.get_one(Patient, (clinic_id, patient_id), with_for_update=True)
    revoke_feed(session, clinic_id, patient_id, now=now)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    key = keys.calendar_feed(secret)
    session.add(
        CalendarFeed(
            clinic_id=clinic_id,
            id=new_id(now=now),
            patient_id=patient_id,
            secret_hash=key,
            detail=detail,
            created_at=now,
        )
    )
    directory.enter(session, KIND, key, clinic_id)
    session.flush()
    return secret


def revoke_feed(session: Session, clinic_id: UUID, patient_id: UUID, *, now: datetime) -> None:
    """Take the address back; without one nothing happens."""
    live = session.scalars(
        select(CalendarFeed)
        .filter_by(clinic_id=clinic_id, patient_id=patient_id, revoked_at=None)
        .with_for_update()
    ).one_or_none()
    if live is not None:
        live.revoked_at = now
        directory.remove(session, KIND, live.secret_hash, clinic_id)
        session.flush()


def read_feed(
    session: Session, content: Content, clinic_id: UUID, key: bytes, *, now: datetime
) -> bytes:
    """Return what a feed shows, neutral unless its patient chose otherwise.

    Raises NoSuchObject for one that was taken back.
    """
    found = session.execute(
        select(CalendarFeed, Patient)
        .join(
            Patient,
            (Patient.clinic_id == CalendarFeed.clinic_id) & (Patient.id == CalendarFeed.patient_id),
        )
        .where(
            CalendarFeed.clinic_id == clinic_id,
            CalendarFeed.secret_hash == key,
            CalendarFeed.revoked_at.is_(None),
        )
    ).one_or_none()
    if found is None:
        raise NoSuchObject("calendar")
    feed, patient = found
    language = language_of(patient.locale)
    views = appointments_of(session, clinic_id, patient_id=patient.id, now=now)
    return appointments_calendar(content, views, detail=feed.detail, language=language)


def appointments_calendar(
    content: Content, views: Sequence[AppointmentView], *, detail: bool, language: str
) -> bytes:
    """Return appointments that have a time as an iCalendar; without `detail` it names nothing."""
    entries = [
        _entry(content, view, view.appointment.starts_at, detail=detail, language=language)
        for view in views
        if view.appointment.starts_at is not None
    ]
    return calendar_text(entries, name=content.text("calendar.name", language))


def _entry(
    content: Content, view: AppointmentView, starts_at: datetime, *, detail: bool, language: str
) -> CalendarEntry:
    row, site = view.appointment, view.site
    title = in_language(row.title, language) if detail and row.title else None
    mode = content.text(f"appointment_mode.{row.mode}", language)
    told = "\n".join(filter(None, (mode, row.preparation)))
    return CalendarEntry(
        id=row.id,
        version=row.version,
        changed_at=row.updated_at,
        cancelled=row.state in {"cancelled", "to_book"},
        starts_at=starts_at,
        minutes=row.minutes,
        time_zone=site.time_zone,
        title=title or content.text("calendar.appointment", language),
        place=(row.location or site.name) if detail else None,
        description=told if detail else None,
    )
