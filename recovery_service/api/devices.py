"""The patient's devices: what reaches them, and taking one away."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.devices import DeviceRequest, DeviceSchema
from recovery_service.auth import allow, current_actor, current_patient_id, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.errors import InvalidField
from recovery_service.extensions import parts
from recovery_service.models import Destination, Device
from recovery_service.reminders.channels.addresses import UnsafeEndpoint, check_endpoint
from recovery_service.services import audit
from recovery_service.services.destinations import push_destinations
from recovery_service.services.devices import (
    DeviceReport,
    devices_of,
    report_device,
    revoke_device,
)

log = structlog.get_logger(__name__)

blueprint = ApiBlueprint(
    "devices", __name__, url_prefix="/me/devices", description="The patient's devices"
)
_PLACES = Keyset("devices", datetime, UUID)


@blueprint.get("")
@allow(Role.PATIENT)
@blueprint.query(PageArguments)
@blueprint.response(200, page_schema(DeviceSchema))
def index(page: PageRequest) -> Page[dict[str, Any]]:
    """List the devices that are in, newest first; addresses and keys are not shown."""
    clinic_id, patient_id = current_actor().clinic_id, current_patient_id()
    before = _PLACES.decode(page.cursor)
    with transaction() as session:
        devices = devices_of(session, clinic_id, patient_id, before=before, limit=page.limit)
        pushes = push_destinations(session, clinic_id, [device.id for device in devices])
    shown = [_shown(device, pushes.get(device.id)) for device in devices]
    return _PLACES.page(shown, page.limit, lambda each: (each["created_at"], each["id"]))


@blueprint.put("/<uuid:device_id>", unconditional="a device reports how it is itself")
@allow(Role.PATIENT)
@blueprint.arguments(DeviceRequest)
@blueprint.response(200, DeviceSchema)
@blueprint.alt_response(201, schema=DeviceSchema, description="A device that was not known")
def put(report: DeviceReport, device_id: UUID) -> tuple[dict[str, Any], int]:
    """Say what a device is and how reminders reach it.

    A changed subscription or token takes the place of the old one; a denied
    permission ends pushes to the device. Said again, nothing changes. A device that
    was revoked is not known any more: it enrols again.
    """
    _require_reachable(report)
    clinic_id, patient_id = current_actor().clinic_id, current_patient_id()
    with transaction() as session:
        device, created = report_device(
            session, clinic_id, patient_id, device_id, report, now=request_time()
        )
        pushes = push_destinations(session, clinic_id, [device_id])
    log.info("device_reported", device_id=device_id)
    return _shown(device, pushes.get(device_id)), 201 if created else 200


@blueprint.delete("/<uuid:device_id>", unconditional="the patient's own, whatever it said")
@allow(Role.PATIENT)
@blueprint.response(204)
def delete(device_id: UUID) -> None:
    """Take one device away: its session ends and nothing more is pushed to it."""
    actor, now = current_actor(), request_time()
    patient_id = current_patient_id()
    with transaction() as session:
        revoke_device(session, actor.clinic_id, patient_id, device_id, now=now)
        audit.record(
            session, actor, "device_revoked", "device", device_id, patient_id=patient_id, now=now
        )
    log.info("device_revoked", device_id=device_id)


def _require_reachable(report: DeviceReport) -> None:
    """Refuse an endpoint inside somebody's network. Looks names up: not in a transaction."""
    if report.platform != "webpush" or report.subscription is None:
        return
    try:
        check_endpoint(report.subscription["endpoint"], allow_private=parts().private_endpoints)
    except UnsafeEndpoint as unsafe:
        raise InvalidField("/subscription/endpoint", f"It {unsafe}.") from None


def _shown(device: Device, push: Destination | None) -> dict[str, Any]:
    return {
        "id": device.id,
        "name": device.name,
        "platform": device.platform,
        "permission": device.permission,
        "time_zone": device.time_zone,
        "locale": device.locale,
        "app_version": device.app_version,
        "scheduled_until": device.scheduled_until,
        "plan_revision": device.plan_revision,
        "last_seen_at": device.last_seen_at,
        "created_at": device.created_at,
        "current": device.id == current_actor().device_id,
        "push": push and {"channel": push.channel, "since": push.created_at},
    }
