"""How I am told of alerts: for members of staff, about themselves."""

from typing import Any
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.alert_preferences import (
    AlertPreferencesRequest,
    AlertPreferencesSchema,
    StaffDeviceListSchema,
    StaffDeviceRequest,
    StaffDeviceSchema,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import STAFF
from recovery_service.errors import InvalidField
from recovery_service.extensions import parts
from recovery_service.models import StaffDevice, StaffMember
from recovery_service.reminders.channels.addresses import UnsafeEndpoint, check_endpoint
from recovery_service.services import alert_preferences
from recovery_service.services.alert_preferences import NewStaffDevice

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "alert_preferences", __name__, url_prefix="/staff/me", description="How I am told of alerts"
)


@blueprint.get("/alert-preferences")
@allow(*STAFF)
@blueprint.response(200, AlertPreferencesSchema)
def show() -> dict[str, Any]:
    """Show of which alerts I get a mail and of which a push."""
    with transaction() as session:
        return _shown(alert_preferences.preferences_of(session, current_actor()))


@blueprint.patch(
    "/alert-preferences", unconditional="it is one's own, and a merge of what is named"
)
@allow(*STAFF)
@blueprint.arguments(AlertPreferencesRequest)
@blueprint.response(200, AlertPreferencesSchema)
def choose(changes: dict[str, Any]) -> dict[str, Any]:
    """Choose of which alerts I get a mail and of which a push.

    What somebody wants no word of goes to the next person at once.
    """
    with transaction() as session:
        return _shown(
            alert_preferences.choose(session, current_actor(), changes, now=request_time())
        )


@blueprint.get("/devices")
@allow(*STAFF)
@blueprint.response(200, StaffDeviceListSchema)
def devices() -> dict[str, Any]:
    """List the browsers in which I am told, newest first."""
    with transaction() as session:
        return {"items": alert_preferences.devices_of(session, current_actor())}


@blueprint.put(
    "/devices/<uuid:staff_device_id>", unconditional="a browser reports how it is itself"
)
@allow(*STAFF)
@blueprint.arguments(StaffDeviceRequest)
@blueprint.response(200, StaffDeviceSchema)
@blueprint.alt_response(201, schema=StaffDeviceSchema, description="A browser that was not known")
def put(new: NewStaffDevice, staff_device_id: UUID) -> tuple[StaffDevice, int]:
    """Tell me in this browser; a push names no patient and nothing that was reported."""
    try:
        check_endpoint(new.subscription["endpoint"], allow_private=parts().private_endpoints)
    except UnsafeEndpoint as unsafe:
        raise InvalidField("/subscription/endpoint", f"It {unsafe}.") from None
    with transaction() as session:
        device, created = alert_preferences.put_device(
            session, current_actor(), staff_device_id, new, now=request_time()
        )
    log.info("staff_device_added", device_id=staff_device_id)
    return device, 201 if created else 200


@blueprint.delete("/devices/<uuid:staff_device_id>", unconditional="one's own, whatever it said")
@allow(*STAFF)
@blueprint.response(204)
def take_away(staff_device_id: UUID) -> None:
    """Push nothing more to this browser."""
    with transaction() as session:
        alert_preferences.take_away(session, current_actor(), staff_device_id, now=request_time())
    log.info("staff_device_revoked", device_id=staff_device_id)


def _shown(member: StaffMember) -> dict[str, Any]:
    return {"mail": member.alert_mail, "push": member.alert_push}
