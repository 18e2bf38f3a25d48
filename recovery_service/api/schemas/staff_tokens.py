"""Signing in of staff's scripts and integrations."""

from marshmallow import fields, validate

from recovery_service.api.schemas.base import RequestSchema, Text

LONGEST_EMAIL = 254
LONGEST_PASSWORD = 1024
LONGEST_CODE = 16


class SignInRequest(RequestSchema):
    """Who signs in; nothing of a password is dropped or folded."""

    email = Text(LONGEST_EMAIL, required=True)
    password = fields.String(required=True, validate=validate.Length(1, LONGEST_PASSWORD))
    otp = Text(
        LONGEST_CODE,
        load_default=None,
        allow_none=True,
        metadata={"description": "The one-time code, for accounts that need one"},
    )
