"""The rules by which a patient's phone decides without a network."""

import orjson
from flask import Response

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.my_safety_rules import SignedSafetyRulesSchema
from recovery_service.auth import allow, current_actor, current_patient_id, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.extensions import parts
from recovery_service.services.safety_rules import safety_rules_of

JWS = "application/jose+json"
blueprint = ApiBlueprint(
    "my_safety_rules",
    __name__,
    url_prefix="/me/safety-rules",
    description="The rules by which a phone decides without a network",
)


@blueprint.get("")
@allow(Role.PATIENT)
@blueprint.response(200, SignedSafetyRulesSchema, content_type=JWS)
@blueprint.alt_response(304, description="The phone has them, by `If-None-Match`")
def show() -> Response:
    """Give the rules of the patient's procedure as a signed bundle.

    With it a phone without a network gives the advice that the service would give: the same
    rules, texts, questions and phones. `server_only` names the rules that a phone cannot
    decide. It is the same for a week; ask with `If-None-Match` whenever the app opens. Check
    the signature with a key of `GET /safety-rules/keys`. After `valid_until` go on with it and
    say that it is old. The service judges each check-in again when it arrives.
    """
    actor = current_actor()
    with transaction() as session:
        signed = safety_rules_of(
            session,
            parts().safety_rules,
            actor.clinic_id,
            current_patient_id(),
            time_zone=actor.time_zone,
            now=request_time(),
        )
    return Response(orjson.dumps(signed), mimetype=JWS)
