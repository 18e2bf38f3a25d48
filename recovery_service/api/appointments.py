"""Appointments of an episode, for staff: booked, moved, attended, missed."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.appointments import (
    AppointmentChanges,
    AppointmentSchema,
    NewAppointmentRequest,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.extensions import parts
from recovery_service.services import audit, booking
from recovery_service.services.appointment_views import (
    AppointmentView,
    appointments_of,
    view_appointment,
)
from recovery_service.services.booking import NewAppointment
from recovery_service.services.object_tags import tag_of_appointment
from recovery_service.services.scope import episode_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint("appointments", __name__, description="Visits and calls of an episode")
_PLACES = Keyset("appointments", datetime, UUID)


@blueprint.get("/episodes/<uuid:episode_id>/appointments")
@allow(*CARE)
@blueprint.query(PageArguments)
@blueprint.response(200, page_schema(AppointmentSchema))
def index(page: PageRequest, episode_id: UUID) -> Page[AppointmentView]:
    """List an episode's appointments, the earliest first."""
    actor, now = current_actor(), request_time()
    behind = _PLACES.decode(page.cursor)
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        views = appointments_of(session, actor.clinic_id, episode_id=episode_id, now=now)
        audit.record(
            session,
            actor,
            "appointments_read",
            "episode",
            episode_id,
            patient_id=episode.patient_id,
            now=now,
        )
    left = [view for view in views if behind is None or view.place > behind]
    return _PLACES.page(left[: page.limit + 1], page.limit, lambda view: view.place)


@blueprint.post("/episodes/<uuid:episode_id>/appointments")
@allow(*CARE)
@blueprint.arguments(NewAppointmentRequest)
@blueprint.response(201, AppointmentSchema)
def create(new: NewAppointment, episode_id: UUID) -> AppointmentView:
    """Add an appointment; with `starts_at` it is booked, without it is still to be.

    One that lies in the past needs its outcome: `attended` or `missed`.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        row = booking.add_appointment(session, actor, parts().content, episode, new, now=now)
        view = view_appointment(session, row, now=now)
    log.info("appointment_added", appointment_id=row.id)
    return view


@blueprint.get("/appointments/<uuid:appointment_id>", tag=tag_of_appointment)
@allow(*CARE)
@blueprint.response(200, AppointmentSchema)
def show(appointment_id: UUID) -> AppointmentView:
    """Show an appointment."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        row = booking.find_appointment(session, actor, appointment_id)
        audit.record(
            session, actor, "appointment_read", "appointment", row.id,
            patient_id=row.patient_id, now=now,
        )  # fmt: skip
        return view_appointment(session, row, now=now)


@blueprint.patch("/appointments/<uuid:appointment_id>", tag=tag_of_appointment)
@allow(*CARE)
@blueprint.arguments(AppointmentChanges)
@blueprint.response(200, AppointmentSchema)
def change(changes: dict[str, Any], appointment_id: UUID) -> AppointmentView:
    """Book, move, cancel, or say what came of it; a time books what is to be booked."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        row, episode = booking.appointment_in_scope(session, actor, appointment_id)
        booking.change_appointment(session, actor, row, episode, changes, now=now)
        view = view_appointment(session, row, now=now)
    log.info("appointment_changed", appointment_id=appointment_id)
    return view
