"""Access tokens: the next pair, and the end of a session."""

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.tokens import RefreshRequest, TokenPairSchema
from recovery_service.auth import allow, allow_anyone, current_actor, request_time
from recovery_service.auth.enrolment import token_issuer
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.domain.tokens import MalformedTokenError, Token
from recovery_service.errors import SessionExpired
from recovery_service.services import audit
from recovery_service.services.devices import device_seen, sign_out
from recovery_service.services.tokens import TokenPair, refresh_tokens

log = structlog.get_logger(__name__)

blueprint = ApiBlueprint(
    "tokens", __name__, url_prefix="/tokens", description="Tokens of phones and of integrations"
)


@blueprint.post("/refresh", keyless="the same refresh token gets the same successor")
@allow_anyone("the refresh token is the proof")
@blueprint.arguments(RefreshRequest)
@blueprint.response(200, TokenPairSchema)
def refresh(body: dict[str, str]) -> TokenPair:
    """Give the next pair of tokens for a refresh token, once.

    The answer may be asked for again within a minute, as long as nobody has used
    what it gave. Any other reuse ends the session of whoever has the tokens.
    `session_expired`: enrol or sign in again, and keep what is unsent.
    `access_ended`: what the device keeps may be deleted.
    """
    token = _token(body["refresh_token"])
    with transaction(token.clinic_id) as session:
        pair = refresh_tokens(session, token_issuer(), token, now=request_time())
        if pair is not None:
            device_seen(session, token.clinic_id, token.hash, now=request_time())
    if pair is None:
        log.warning("refresh_token_reused")
        raise SessionExpired
    return pair


@blueprint.delete("/current", unconditional="a token is never changed")
@allow(*Role)
@blueprint.response(204)
def delete() -> None:
    """Log out: the next request with these tokens is a 401, and nothing more is pushed."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        sign_out(session, actor, now=now)
        patient_id = actor.id if actor.kind == "patient" else None
        audit.record(
            session,
            actor,
            f"{actor.kind}_signed_out",
            actor.kind,
            actor.id,
            patient_id=patient_id,
            now=now,
        )
    log.info("signed_out")


def _token(text: str) -> Token:
    try:
        return Token.parse(text)
    except MalformedTokenError:
        raise SessionExpired from None
