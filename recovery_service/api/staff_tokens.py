"""Tokens of staff, for scripts and integrations; the dashboard uses cookies."""

from datetime import timedelta
from typing import Any

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.staff_tokens import SignInRequest
from recovery_service.api.schemas.tokens import TokenPairSchema
from recovery_service.auth import allow_anyone, request_time
from recovery_service.auth.enrolment import token_issuer
from recovery_service.auth.sign_in import SignedIn, sign_in
from recovery_service.database import transaction
from recovery_service.domain.access import Actor
from recovery_service.extensions import parts
from recovery_service.logs import request_id
from recovery_service.services import audit
from recovery_service.services.tokens import TokenPair, issue_tokens

log = structlog.get_logger(__name__)

blueprint = ApiBlueprint(
    "staff_tokens", __name__, url_prefix="/staff/tokens", description="Signing in of staff"
)


@blueprint.post("", keyless="nobody is known yet; another token does no harm")
@allow_anyone("signing in")
@blueprint.arguments(SignInRequest)
@blueprint.response(201, TokenPairSchema)
def create(body: dict[str, Any]) -> TokenPair:
    """Sign in by e-mail and password, and by a one-time code where the account has one."""
    signed_in = sign_in(parts().keys, **body, now=request_time())
    pair = _begin(signed_in, parts().session_life)
    log.info("staff_signed_in", staff_id=signed_in.staff_id)
    return pair


def _begin(who: SignedIn, life: timedelta) -> TokenPair:
    now = request_time()
    actor = Actor(clinic_id=who.clinic_id, kind="staff", id=who.staff_id, request_id=request_id())
    with transaction(who.clinic_id) as session:
        audit.record(session, actor, "staff_signed_in", "staff", who.staff_id, now=now)
        return issue_tokens(
            session, token_issuer(), who.clinic_id, now=now, ends=now + life, staff_id=who.staff_id
        )
