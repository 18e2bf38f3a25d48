"""The public keys with which rule bundles are checked."""

from typing import Any

from flask import Response, jsonify

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.my_safety_rules import PublicKeysSchema
from recovery_service.auth import allow_anyone
from recovery_service.extensions import parts

_AN_HOUR = 3600
blueprint = ApiBlueprint(
    "safety_rule_keys",
    __name__,
    url_prefix="/safety-rules/keys",
    description="The keys with which rule bundles are checked",
)


@blueprint.get("")
@allow_anyone("a public key is public")
@blueprint.response(200, PublicKeysSchema)
def keys() -> Response:
    """Give the public keys as a JWK set.

    Ask again when a bundle names a `kid` that the phone does not have: the key changes with
    the secret of the installation.
    """
    shown: dict[str, Any] = {"keys": [dict(parts().safety_rules.signer.jwk)]}
    response = jsonify(shown)
    response.cache_control.public = True
    response.cache_control.max_age = _AN_HOUR
    return response
