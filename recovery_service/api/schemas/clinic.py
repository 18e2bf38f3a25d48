"""The clinic on the wire."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from recovery_service.api.schemas.base import RequestSchema, ResponseSchema, Text
from recovery_service.domain.languages import LANGUAGES

VISIBILITIES = ("clinic",)


class ClinicChanges(RequestSchema):
    """Settings to change; what is absent stays."""

    name = Text(200)
    locale = fields.String(validate=validate.OneOf(LANGUAGES))
    visibility = fields.String(
        validate=validate.OneOf(VISIBILITIES),
        metadata={"description": "Who may see a patient: everybody in the clinic"},
    )

    @post_load
    def some(self, loaded: dict[str, Any], **_: object) -> dict[str, Any]:
        """Refuse a change that changes nothing."""
        if not loaded:
            raise ValidationError("Name at least one field to change.")
        return loaded


class ClinicSchema(ResponseSchema):
    """The clinic's settings."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    locale = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": ["production", "demo", "sandbox"]})
    visibility = fields.String(required=True)
    version = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
