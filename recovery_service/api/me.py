"""The patient's own page: one request opens the app."""

from typing import Any

import structlog
from flask import Response, jsonify

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.me import MeRequest, MeSchema
from recovery_service.auth import (
    allow,
    current_actor,
    current_patient_id,
    request_language,
    request_time,
)
from recovery_service.database import one_trip, transaction
from recovery_service.domain.access import Role
from recovery_service.extensions import parts
from recovery_service.services.me import STATEMENT, Opening, read_me
from recovery_service.services.profile import ProfileChange, change_profile

log = structlog.get_logger(__name__)

blueprint = ApiBlueprint("me", __name__, url_prefix="/me", description="The patient's own page")


@blueprint.get("")
@allow(Role.PATIENT)
@blueprint.response(200, MeSchema)
def show() -> Response:
    """Open the app: who, where in the recovery, what is due today, and whom to call.

    Texts are in the language of `Accept-Language`, or in the patient's.
    """
    return jsonify(_me())


@blueprint.patch("", unconditional="it is the patient's own, and a merge of what is named")
@allow(Role.PATIENT)
@blueprint.arguments(MeRequest)
@blueprint.response(200, MeSchema)
def change(change: ProfileChange) -> Response:
    """Change zone, locale or preferences, and answer as `GET /me` does.

    No other call changes the zone. Preferences are a JSON merge patch (RFC 7396).
    Everything holds at once, also for reminders that are queued.
    """
    with transaction() as session:
        changed = change_profile(
            session, current_actor(), current_patient_id(), change, now=request_time()
        )
    if changed:
        log.info("profile_changed", patient_id=current_patient_id())
    return jsonify(_me(zone=change.time_zone))


def this_opening(*, zone: str | None = None) -> Opening:
    """Return the current request as an opening of the app; `zone` is one just chosen."""
    actor = current_actor()
    return Opening(
        clinic_id=actor.clinic_id,
        patient_id=current_patient_id(),
        device_id=actor.device_id,
        time_zone=zone or actor.time_zone,
        now=request_time(),
        language=request_language(),
        app_update=parts().app_versions.update_for(actor.platform, actor.app_version),
    )


def _me(*, zone: str | None = None) -> dict[str, Any]:
    opening = this_opening(zone=zone)
    # Prebuilt and in one trip: the app opens with this, and it is most of the load.
    rows = one_trip(STATEMENT, opening.values, clinic_id=opening.clinic_id)
    own = parts()
    return read_me(rows, opening, content=own.content, vapid_public_key=own.vapid_public_key)
