"""Enrolments: the phone's way in."""

from typing import Any

import structlog
from flask import request

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.enrolments import EnrolmentRequest, EnrolmentSchema
from recovery_service.auth import allow_anyone, request_time
from recovery_service.auth.enrolment import enrol, token_issuer
from recovery_service.services.redemption import NewEnrolment

log = structlog.get_logger(__name__)

blueprint = ApiBlueprint(
    "enrolments", __name__, url_prefix="/enrolments", description="Letting a phone in"
)


@blueprint.post("", keyless="nobody is known yet, and a code works once")
@allow_anyone("the code and the date of birth are the proof")
@blueprint.arguments(EnrolmentRequest)
@blueprint.response(201, EnrolmentSchema)
def create(new: NewEnrolment) -> dict[str, Any]:
    """Redeem the code of a clinic, once, and begin a session of this device.

    A wrong code and a wrong date of birth have the same answer. After five wrong
    dates the code is locked. The time zone of the device does not become the
    patient's: where they differ, `GET /me` suggests it.
    """
    enrolled = enrol(token_issuer(), new, request.remote_addr, now=request_time())
    log.info("device_enrolled", patient_id=enrolled.patient.id, device_id=new.device.id)
    return {
        "access_token": enrolled.tokens.access_token,
        "expires_in": enrolled.tokens.expires_in,
        "refresh_token": enrolled.tokens.refresh_token,
        "patient": enrolled.patient,
    }
