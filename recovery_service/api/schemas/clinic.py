"""The clinic on the wire."""

import json
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from recovery_service.api.schemas.base import RequestSchema, ResponseSchema, Text
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.reminder_policy import policy_of

VISIBILITIES = ("clinic",)


class ClinicChanges(RequestSchema):
    """Settings to change; what is absent stays."""

    name = Text(200)
    locale = fields.String(validate=validate.OneOf(LANGUAGES))
    visibility = fields.String(
        validate=validate.OneOf(VISIBILITIES),
        metadata={"description": "Who may see a patient: everybody in the clinic"},
    )

    reminder_defaults = fields.Dict(
        keys=fields.String(validate=validate.Length(1, 64)),
        validate=validate.Length(max=20),
        metadata={
            "description": "What the clinic sets differently, each setting whole; null takes one "
            "back to the shipped value. `reminder_policy` shows them all. Appointments keep the "
            "offsets that held when they were booked",
            "example": {"quiet_hours": {"from": "20:30", "to": "07:30"}, "bundle": 20},
        },
    )

    scheduled_instruments = fields.List(
        Text(64),
        validate=validate.Length(max=50),
        metadata={
            "description": "Instruments that patients are reminded of at the time points of their "
            "plan, all of them; what is not named any more falls silent",
            "example": ["psfs"],
        },
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
    reminder_defaults = fields.Dict(
        required=True, metadata={"description": "What the clinic sets differently"}
    )
    reminder_policy = fields.Function(
        lambda clinic: policy_of(json.dumps(clinic.reminder_defaults)).as_json(),
        metadata={
            "type": "object",
            "description": "What holds: quiet hours, pushes a day by days since surgery "
            "(`budget`), minutes of `bundle`, `nudge_after` and `failover_after`, and the rest",
        },
    )
    scheduled_instruments = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Of which patients are reminded at their time points"},
    )
    version = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
