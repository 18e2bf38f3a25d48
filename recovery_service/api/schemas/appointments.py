"""Appointments on the wire, for staff and for the patient."""

from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from recovery_service.api.schemas.base import (
    Instant,
    LocalDate,
    LocalTime,
    RequestSchema,
    ResponseSchema,
    Text,
    Translations,
    WholeNumber,
)
from recovery_service.api.schemas.plans import Translated
from recovery_service.domain.appointments import MODES, RESPONSES, STATES
from recovery_service.services.booking import NewAppointment

CHOSEN = ("to_book", "booked", "attended", "missed", "cancelled")
LONGEST_WINDOW = timedelta(days=366)


class WholeMinute(Instant):
    """An instant on a whole minute, as calendars keep it; read in UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        found = super()._deserialize(value, attr, data, **kwargs)
        if found.second or found.microsecond:
            raise ValidationError("Must be on a whole minute.")
        return found.astimezone(UTC)


class WindowSchema(RequestSchema):
    """The local dates in which it should fall, both included."""

    from_date = LocalDate(data_key="from", required=True)
    to_date = LocalDate(data_key="to", required=True)

    @post_load
    def in_order(self, loaded: dict[str, Any], **_: object) -> Any:
        """Return the two dates; refuse a window that ends before it begins."""
        first, last = loaded["from_date"], loaded["to_date"]
        if last < first:
            raise ValidationError("Must not be before `from`.", "to")
        if last - first > LONGEST_WINDOW:
            raise ValidationError("A window is at most a year long.", "to")
        return first, last


class AppointmentChanges(RequestSchema):
    """What can be changed of an appointment; what is absent stays."""

    kind = fields.String(
        validate=validate.Regexp(r"^[a-z][a-z0-9_]{0,63}\Z"), metadata={"example": "wound_check"}
    )
    title = Translated(200)
    state = fields.String(validate=validate.OneOf(CHOSEN))
    starts_at = WholeMinute(allow_none=True)
    minutes = WholeNumber(validate=validate.Range(5, 480))
    site = fields.UUID()
    location = Text(200, allow_none=True)
    mode = fields.String(validate=validate.OneOf(MODES))
    preparation = Text(2000, allow_none=True)
    window = fields.Nested(WindowSchema, allow_none=True)

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> Any:
        """Refuse a change that changes nothing."""
        if not loaded:
            raise ValidationError("Name at least one field to change.")
        return loaded


class NewAppointmentRequest(AppointmentChanges):
    """An appointment; with `starts_at` it is booked, without it is still to be."""

    kind = fields.String(
        required=True,
        validate=validate.Regexp(r"^[a-z][a-z0-9_]{0,63}\Z"),
        metadata={"example": "wound_check"},
    )

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewAppointment:
        """Return the appointment as the service takes it."""
        return NewAppointment(**loaded)


class ShownWindowSchema(ResponseSchema):
    """The local dates in which it should fall, both included."""

    from_date = fields.Date(data_key="from", required=True)
    to_date = fields.Date(data_key="to", required=True)


class AppointmentSchema(ResponseSchema):
    """An appointment as staff see it."""

    id = fields.UUID(attribute="appointment.id", required=True)
    patient_id = fields.UUID(attribute="appointment.patient_id", required=True)
    episode_id = fields.UUID(attribute="appointment.episode_id", required=True)
    kind = fields.String(attribute="appointment.kind", required=True)
    title = Translations(attribute="appointment.title", required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    from_template = fields.Boolean(attribute="appointment.from_template", required=True)
    window = fields.Nested(ShownWindowSchema, required=True, allow_none=True)
    starts_at = fields.AwareDateTime(
        attribute="appointment.starts_at", required=True, allow_none=True
    )
    local_date = fields.Date(required=True, allow_none=True)
    local_time = LocalTime(
        required=True, allow_none=True, metadata={"description": "On the site's clock"}
    )
    time_zone = fields.String(attribute="site.time_zone", required=True)
    minutes = fields.Integer(attribute="appointment.minutes", required=True, allow_none=True)
    site = fields.UUID(attribute="appointment.site_id", required=True)
    site_name = fields.String(attribute="site.name", required=True)
    location = fields.String(attribute="appointment.location", required=True, allow_none=True)
    mode = fields.String(
        attribute="appointment.mode", required=True, metadata={"enum": list(MODES)}
    )
    preparation = fields.String(attribute="appointment.preparation", required=True, allow_none=True)
    response = fields.String(
        attribute="appointment.response",
        required=True,
        allow_none=True,
        metadata={
            "enum": [*RESPONSES, None],
            "description": "What the patient said last of the time that stands",
        },
    )
    responded_at = fields.AwareDateTime(
        attribute="appointment.responded_at", required=True, allow_none=True
    )
    elsewhere_at = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "With `booked_elsewhere`: when, if the patient said so"},
    )
    version = fields.Integer(attribute="appointment.version", required=True)
    created_at = fields.AwareDateTime(attribute="appointment.created_at", required=True)
    updated_at = fields.AwareDateTime(attribute="appointment.updated_at", required=True)
