"""The patient's appointments."""

from datetime import datetime
from typing import Any
from uuid import UUID

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.my_appointments import MyAppointmentSchema
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
from recovery_service.services.appointment_views import AppointmentView, appointments_of

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
    return Page([_shown(view, content, language) for view in cut.items], cut.next_cursor)


def _shown(view: AppointmentView, content: Content, language: str) -> dict[str, Any]:
    return {
        "view": view,
        "title": in_language(view.appointment.title, language),
        "state_text": content.text(f"appointment_state.{view.state}", language),
        "mode_text": content.text(f"appointment_mode.{view.appointment.mode}", language),
    }
