"""Absences of staff: whose alerts go to whom meanwhile."""

from typing import Any
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.absences import AbsenceListSchema, AbsenceRequest, AbsenceSchema
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import STAFF, Role
from recovery_service.models import StaffAbsence
from recovery_service.services import absences
from recovery_service.services.absences import NewAbsence

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "absences",
    __name__,
    url_prefix="/staff/<uuid:staff_id>/absences",
    description="When staff are away, and who stands in",
)


@blueprint.get("")
@allow(*STAFF)
@blueprint.response(200, AbsenceListSchema)
def index(staff_id: UUID) -> dict[str, Any]:
    """List when somebody is away, the latest first."""
    with transaction() as session:
        return {"items": absences.absences_of(session, current_actor(), staff_id)}


@blueprint.post("")
@allow(Role.ADMIN)
@blueprint.arguments(AbsenceRequest)
@blueprint.response(201, AbsenceSchema)
def create(new: NewAbsence, staff_id: UUID) -> StaffAbsence:
    """Note that somebody is away; their alerts go to who stands in, else to the care team."""
    with transaction() as session:
        absence = absences.add_absence(session, current_actor(), staff_id, new, now=request_time())
    log.info("absence_added", staff_id=staff_id)
    return absence


@blueprint.delete("/<uuid:absence_id>", unconditional="an absence is never changed")
@allow(Role.ADMIN)
@blueprint.response(204)
def remove(staff_id: UUID, absence_id: UUID) -> None:
    """Take it back: they are there."""
    with transaction() as session:
        absences.remove_absence(session, current_actor(), staff_id, absence_id, now=request_time())
    log.info("absence_removed", staff_id=staff_id)
