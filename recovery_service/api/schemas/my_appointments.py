"""Appointments on the wire, as the patient's app reads them."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from recovery_service.api.schemas.appointments import ShownWindowSchema, WholeMinute
from recovery_service.api.schemas.base import Instant, LocalTime, RequestSchema, ResponseSchema
from recovery_service.domain.appointments import MODES, RESPONSES, STATES
from recovery_service.services.appointment_responses import NewResponse


class MyAppointmentSchema(ResponseSchema):
    """An appointment in the patient's language, at its site's local time."""

    id = fields.UUID(attribute="view.appointment.id", required=True)
    kind = fields.String(attribute="view.appointment.kind", required=True)
    title = fields.String(required=True)
    state = fields.String(attribute="view.state", required=True, metadata={"enum": list(STATES)})
    state_text = fields.String(required=True, metadata={"example": "To be booked"})
    window = fields.Nested(
        ShownWindowSchema, attribute="view.window", required=True, allow_none=True
    )
    starts_at = fields.AwareDateTime(
        attribute="view.appointment.starts_at", required=True, allow_none=True
    )
    local_date = fields.Date(attribute="view.local_date", required=True, allow_none=True)
    local_time = LocalTime(attribute="view.local_time", required=True, allow_none=True)
    time_zone = fields.String(
        attribute="view.site.time_zone",
        required=True,
        metadata={"description": "The site's, which the patient's may not be"},
    )
    minutes = fields.Integer(attribute="view.appointment.minutes", required=True, allow_none=True)
    site_name = fields.String(attribute="view.site.name", required=True)
    location = fields.String(attribute="view.appointment.location", required=True, allow_none=True)
    mode = fields.String(
        attribute="view.appointment.mode", required=True, metadata={"enum": list(MODES)}
    )
    mode_text = fields.String(required=True, metadata={"example": "In person"})
    preparation = fields.String(
        attribute="view.appointment.preparation", required=True, allow_none=True
    )
    response = fields.String(
        attribute="view.appointment.response",
        required=True,
        allow_none=True,
        metadata={
            "enum": [*RESPONSES, None],
            "description": "What the patient said last of the time that stands",
        },
    )
    responded_at = Instant(
        attribute="view.appointment.responded_at", required=True, allow_none=True
    )


class ResponseRequest(RequestSchema):
    """One answer; the phone chooses `id`, so that sending it again changes nothing."""

    id = fields.UUID(required=True)
    response = fields.String(
        required=True,
        validate=validate.OneOf(RESPONSES),
        metadata={
            "description": "`confirm` and `request_change` of what is booked, "
            "`booked_elsewhere` of what is to be booked"
        },
    )
    starts_at = WholeMinute(metadata={"description": "With `booked_elsewhere`, if it is known"})

    @validates_schema
    def belongs_together(self, loaded: dict[str, Any], **_: object) -> None:
        """Refuse a time with an answer that has none."""
        if "starts_at" in loaded and loaded.get("response") != "booked_elsewhere":
            raise ValidationError("Only with booked_elsewhere.", "starts_at")

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewResponse:
        """Return the response."""
        return NewResponse(**loaded)


class StoredResponseSchema(ResponseSchema):
    """A response as it is stored."""

    id = fields.UUID(required=True)
    appointment_id = fields.UUID(required=True)
    response = fields.String(required=True, metadata={"enum": list(RESPONSES)})
    starts_at = Instant(required=True, allow_none=True)
    received_at = Instant(required=True)


class AnsweredSchema(ResponseSchema):
    """The response, and the appointment as it stands."""

    appointment = fields.Nested(MyAppointmentSchema, required=True)
    response = fields.Nested(StoredResponseSchema, required=True)
