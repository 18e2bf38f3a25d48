"""What a patient says about an appointment: stored as it came, and shown with what it is about."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.appointments import answers, state_at
from recovery_service.errors import (
    AppointmentSettled,
    ClientIdReused,
    InvalidField,
)
from recovery_service.models import Appointment, AppointmentResponse
from recovery_service.services import audit
from recovery_service.services.appointment_schedules import follow
from recovery_service.services.booking import FURTHEST, appointment_in_scope
from recovery_service.services.device_plan import plan_changed

_EVENTS = {
    "confirm": "appointment_confirmed",
    "request_change": "appointment_change_requested",
    "booked_elsewhere": "appointment_booked_elsewhere",
}
_REFUSALS = {
    "to_book": "This has no time yet.",
    "booked": "This is booked already.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewResponse:
    """One answer; `id` is the phone's own. `starts_at` is when it is, if booked elsewhere."""

    id: UUID
    response: str
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The appointment as it stands, the response, and whether it had been sent before."""

    appointment: Appointment
    response: AppointmentResponse
    repeated: bool


def respond(
    session: Session, actor: Actor, appointment_id: UUID, new: NewResponse, *, now: datetime
) -> Answered:
    """Store what the patient says; the phone's id makes a retry harmless.

    Raises NoSuchObject, ClientIdReused, AppointmentSettled, or InvalidField for what cannot
    be said of an appointment as it stands.
    """
    row, _ = appointment_in_scope(session, actor, appointment_id, patient_id=actor.id)
    stored = session.get(AppointmentResponse, (actor.clinic_id, new.id))
    if stored is not None:
        _require_same(session, actor, stored, row, new)
        return Answered(appointment=row, response=stored, repeated=True)
    _require_fitting(row, new, now=now)
    response = _store(session, actor, row, new, now=now)
    row.response, row.responded_at = new.response, now
    row.version, row.updated_at = row.version + 1, now
    plan_changed(session, row.clinic_id, row.patient_id, now=now)
    follow(session, [row], now=now)
    event = _EVENTS[new.response]
    audit.record(session, actor, event, "appointment", row.id, patient_id=row.patient_id, now=now)
    return Answered(appointment=row, response=response, repeated=False)


def _require_same(
    session: Session,
    actor: Actor,
    stored: AppointmentResponse,
    row: Appointment,
    new: NewResponse,
) -> None:
    said = (stored.appointment_id, stored.response, _utc(stored.starts_at))
    if said == (row.id, new.response, _utc(new.starts_at)):
        return
    about = session.get_one(Appointment, (actor.clinic_id, stored.appointment_id))
    mine = about.patient_id == actor.id
    raise ClientIdReused("response", new.id, _as_stored(stored) if mine else None)


def _as_stored(response: AppointmentResponse) -> dict[str, Any]:
    """Return the values that stand; the row itself is gone with the transaction."""
    return {column.key: getattr(response, column.key) for column in response.__table__.c}


def _require_fitting(row: Appointment, new: NewResponse, *, now: datetime) -> None:
    standing = state_at(row.state, row.starts_at, now=now)
    if standing not in _REFUSALS:
        raise AppointmentSettled(standing, new.response, "/response")
    if standing != answers(new.response):
        raise InvalidField("/response", _REFUSALS[standing])
    if new.starts_at is not None and abs(new.starts_at - now) > FURTHEST:
        raise InvalidField("/starts_at", "Must be within three years.")


def _store(
    session: Session, actor: Actor, row: Appointment, new: NewResponse, *, now: datetime
) -> AppointmentResponse:
    values = {
        "clinic_id": actor.clinic_id, "id": new.id, "appointment_id": row.id,
        "response": new.response, "starts_at": new.starts_at, "received_at": now,
        "device_id": actor.device_id,
    }  # fmt: skip
    made = session.scalar(
        insert(AppointmentResponse)
        .values(values)
        .on_conflict_do_nothing()
        .returning(AppointmentResponse.id)
    )
    if made is None:  # another appointment took the id at this very moment
        raise ClientIdReused("response", new.id, None)
    return session.get_one(AppointmentResponse, (actor.clinic_id, new.id))


def _utc(at: datetime | None) -> datetime | None:
    return at and at.astimezone(UTC)
