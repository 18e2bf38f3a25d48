"""Appointments on the wire, as the patient's app reads them."""

from marshmallow import fields

from recovery_service.api.schemas.appointments import ShownWindowSchema
from recovery_service.api.schemas.base import LocalTime, ResponseSchema
from recovery_service.domain.appointments import MODES, STATES


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
