"""The patient's appointments."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.my_appointments import (
    AnsweredSchema,
    MyAppointmentSchema,
    ResponseRequest,
    StoredResponseSchema,
)
from recovery_service.auth import (
    allow,
    current_actor,
    current_patient_id,
    request_language,
    request_time,
)
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.domain.content import Content
from recovery_service.domain.languages import in_language
from recovery_service.extensions import parts
from recovery_service.services.appointment_responses import NewResponse, respond
from recovery_service.services.appointment_views import (
    AppointmentView,
    appointments_of,
    view_appointment,
)

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "my_appointments", __name__, url_prefix="/me/appointments", description="The patient's visits"
)
_PLACES = Keyset("my-appointments", datetime, UUID)


@blueprint.get("")
@allow(Role.PATIENT)
@blueprint.query(PageArguments)
@blueprint.response(200, page_schema(MyAppointmentSchema))
def index(page: PageRequest) -> Page[dict[str, Any]]:
    """List the patient's appointments, the earliest first, in the patient's language."""
    behind = _PLACES.decode(page.cursor)
    with transaction() as session:
        views = appointments_of(
            session,
            current_actor().clinic_id,
            patient_id=current_patient_id(),
            now=request_time(),
        )
    left = [view for view in views if behind is None or view.place > behind]
    cut = _PLACES.page(left[: page.limit + 1], page.limit, lambda view: view.place)
    content, language = parts().content, request_language()
    return Page([shown(view, content, language) for view in cut.items], cut.next_cursor)


@blueprint.post("/<uuid:appointment_id>/response")
@allow(Role.PATIENT)
@blueprint.arguments(ResponseRequest)
@blueprint.response(201, AnsweredSchema)
@blueprint.alt_response(200, schema=AnsweredSchema, description="Sent before: as it is stored")
@blueprint.idempotent(StoredResponseSchema)
def answer(new: NewResponse, appointment_id: UUID) -> tuple[dict[str, Any], int]:
    """Confirm an appointment, ask for another time, or say that it is booked elsewhere.

    The clinic sees it; the appointment itself changes only when staff change it.
    """
    now = request_time()
    with transaction() as session:
        answered = respond(session, current_actor(), appointment_id, new, now=now)
        view = view_appointment(session, answered.appointment, now=now)
    log.info("appointment_answered", appointment_id=appointment_id, repeated=answered.repeated)
    told = {
        "appointment": shown(view, parts().content, request_language()),
        "response": answered.response,
    }
    return told, 200 if answered.repeated else 201


def shown(view: AppointmentView, content: Content, language: str) -> dict[str, Any]:
    """Return what `MyAppointmentSchema` writes."""
    return {
        "view": view,
        "title": in_language(view.appointment.title, language),
        "state_text": content.text(f"appointment_state.{view.state}", language),
        "mode_text": content.text(f"appointment_mode.{view.appointment.mode}", language),
    }
