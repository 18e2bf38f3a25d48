"""Tokens as clients send and get them."""

from marshmallow import fields, validate

from recovery_service.api.schemas.base import RequestSchema, ResponseSchema

LONGEST_TOKEN = 200


class TokenPairSchema(ResponseSchema):
    """An access token for the next minutes, and the refresh token for the pair after it."""

    access_token = fields.String(required=True)
    expires_in = fields.Integer(
        required=True, metadata={"description": "Seconds that the access token lives"}
    )
    refresh_token = fields.String(required=True)


class RefreshRequest(RequestSchema):
    """The refresh token, once; the answer has the next one."""

    refresh_token = fields.String(required=True, validate=validate.Length(1, LONGEST_TOKEN))
