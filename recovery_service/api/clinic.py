"""The clinic's own settings."""

from typing import Any

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.clinic import ClinicChanges, ClinicSchema
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import STAFF, Role
from recovery_service.extensions import parts
from recovery_service.models import Clinic
from recovery_service.services.clinics import change_clinic, clinic_of
from recovery_service.services.object_tags import tag_of_clinic

log = structlog.get_logger()
blueprint = ApiBlueprint("clinic", __name__, url_prefix="/clinic", description="The clinic itself")


@blueprint.get("", tag=tag_of_clinic)
@allow(*STAFF)
@blueprint.response(200, ClinicSchema)
def show() -> Clinic:
    """Show the clinic's settings."""
    with transaction() as session:
        return clinic_of(session, current_actor())


@blueprint.patch("", tag=tag_of_clinic)
@allow(Role.ADMIN)
@blueprint.arguments(ClinicChanges)
@blueprint.response(200, ClinicSchema)
def change(changes: dict[str, Any]) -> Clinic:
    """Change the clinic's settings."""
    actor = current_actor()
    with transaction() as session:
        clinic = change_clinic(session, actor, parts().content, changes, now=request_time())
    log.info("clinic_changed", clinic_id=actor.clinic_id)
    return clinic
