"""The signed rule bundle and the key that signs it, on the wire."""

from marshmallow import fields

from recovery_service.api.schemas.base import ResponseSchema

_BASE64URL = "base64url without padding (RFC 7515)"
# Of `contract/safety_rules/signatures.json`.
_HEADER = (
    "eyJhbGciOiJFZERTQSIsImtpZCI6IkdWQnota29RNlNLRF85b1h3VGdxNThLUU5JZVJwekpBWWstYVoxRHBObjQi"
    "LCJ0eXAiOiJzYWZldHktcnVsZXMifQ"
)
_SIGNATURE = (
    "X-RIqUe2ptVuu7dFZJcoySIjZn7ky1e2_Ex0alPc0jR364DFT3302cLnBR7tPCbzpMTU3Yj5-hb30Cu0QmwACQ"
)


class SignedSafetyRulesSchema(ResponseSchema):
    """A JWS in the flattened JSON form (RFC 7515, 7.2.2); verify the text as it was sent."""

    payload = fields.String(
        required=True,
        metadata={
            "description": f"The bundle: JSON in {_BASE64URL}, with `format`, `version`, "
            "`content_hash`, `procedure`, `rules`, `server_only`, `items`, `crisis_words`, "
            "`time_zone`, `phones`, `calls`, `offline`, `issued_at` and `valid_until`",
            "example": "eyJmb3JtYXQiOjEsInZlcnNpb24iOiIxLTAxMjM0NTY3ODlhYiJ9",
        },
    )
    protected = fields.String(
        required=True,
        metadata={
            "description": f'`{{"alg":"EdDSA","kid":"…","typ":"safety-rules"}}` in {_BASE64URL}',
            "example": _HEADER,
        },
    )
    signature = fields.String(
        required=True,
        metadata={
            "description": "Ed25519 over `protected`, a dot and `payload` (RFC 8037), in "
            + _BASE64URL,
            "example": _SIGNATURE,
        },
    )


class PublicKeySchema(ResponseSchema):
    """A public key as a JWK (RFC 7517, RFC 8037)."""

    kty = fields.String(required=True, metadata={"enum": ["OKP"]})
    crv = fields.String(required=True, metadata={"enum": ["Ed25519"]})
    x = fields.String(
        required=True, metadata={"example": "cAZo_1OEfSh8mmIa1EkR8Ihgj-Rb9ZzGpILasKCGSVw"}
    )
    kid = fields.String(
        required=True,
        metadata={
            "description": "The key's thumbprint (RFC 7638)",
            "example": "GVBz-koQ6SKD_9oXwTgq58KQNIeRpzJAYk-aZ1DpNn4",
        },
    )
    alg = fields.String(required=True, metadata={"enum": ["EdDSA"]})
    use = fields.String(required=True, metadata={"enum": ["sig"]})


class PublicKeysSchema(ResponseSchema):
    """A JWK set (RFC 7517)."""

    keys = fields.List(fields.Nested(PublicKeySchema), required=True)
