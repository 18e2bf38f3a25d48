"""The agenda as the app and the clinic see it."""

from datetime import date, timedelta
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from recovery_service.api.schemas.base import (
    Instant,
    LocalDate,
    LocalTime,
    RequestSchema,
    ResponseSchema,
)
from recovery_service.domain.device_plan import MOST_ENTRIES

LONGEST = 31
STATES = ("upcoming", "due", "done", "skipped", "snoozed", "missed", "cancelled")


class RangeArguments(RequestSchema):
    """Local dates from and to, both included; at most 31 days."""

    from_date = LocalDate(
        data_key="from", load_default=None, metadata={"description": "First local date"}
    )
    to_date = LocalDate(
        data_key="to", load_default=None, metadata={"description": "Last local date, included"}
    )

    @validates_schema
    def in_order(self, loaded: dict[str, Any], **_: object) -> None:
        """Refuse a range that ends before it begins, or that is too long."""
        first, last = loaded.get("from_date"), loaded.get("to_date")
        if first is None or last is None:
            return
        if last < first:
            raise ValidationError("Must not be before `from`.", "to")
        if (last - first).days >= LONGEST:
            raise ValidationError(f"At most {LONGEST} days.", "to")


def range_of(wanted: dict[str, Any], today: date, *, back: int, ahead: int) -> tuple[date, date]:
    """Return the first and the last date asked for.

    Without any of them from `back` days ago to `ahead` days on; with one, as many days
    from or up to it.
    """
    span = timedelta(days=back + ahead)
    first, last = wanted["from_date"], wanted["to_date"]
    if first is None and last is None:
        return today - timedelta(days=back), today + timedelta(days=ahead)
    if first is None:
        return last - span, last
    return first, first + span if last is None else last


class AgendaEntrySchema(ResponseSchema):
    """One occurrence: a planned happening of one item on one local date and slot."""

    id = fields.String(required=True, metadata={"description": "Opaque; survives edits and travel"})
    kind = fields.String(required=True, metadata={"example": "physiotherapy"})
    title = fields.String(required=True)
    slot = fields.String(required=True, metadata={"example": "morning"})
    local_date = LocalDate(required=True)
    local_time = LocalTime(
        required=True, metadata={"description": "On the patient's clock", "example": "09:00"}
    )
    due_at = Instant(required=True)
    expires_at = Instant(required=True, metadata={"description": "When it no longer matters"})
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why a closed one was closed"}
    )
    remind_via = fields.String(required=True, metadata={"enum": ["push", "device", "none"]})
    next_at = Instant(
        required=True, allow_none=True, metadata={"description": "When a snoozed one speaks again"}
    )
    deep_link = fields.String(required=True, metadata={"example": "/occurrences/…"})
    valid_until = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "When the state changes by itself; null when it will not"},
    )


class LocalNotificationSchema(ResponseSchema):
    """A notification that the device shows by itself; its texts say nothing of the plan."""

    occurrence_id = fields.String(
        required=True, metadata={"description": "The notification's own identifier on the device"}
    )
    at = Instant(required=True, metadata={"description": "When it is shown"})
    title = fields.String(required=True, metadata={"example": "Your plan"})
    line = fields.String(required=True, metadata={"example": "Your plan suggests a short break."})
    expires_at = Instant(required=True, metadata={"description": "When it no longer matters"})
    deep_link = fields.String(required=True, metadata={"example": "/occurrences/…"})


class DevicePlanSchema(ResponseSchema):
    """What a device reminds of by itself, in the patient's language."""

    revision = fields.Integer(
        required=True, metadata={"description": "Counts every change that a device must know"}
    )
    until = Instant(
        required=True, metadata={"description": "The plan is complete for what falls due before"}
    )
    entries = fields.List(
        fields.Nested(LocalNotificationSchema),
        required=True,
        validate=validate.Length(max=MOST_ENTRIES),
        metadata={"description": "Soonest first"},
    )


class AgendaSchema(ResponseSchema):
    """What is planned from one local date to another, in order."""

    from_date = LocalDate(data_key="from", required=True)
    to_date = LocalDate(data_key="to", required=True)
    time_zone = fields.String(required=True, metadata={"example": "Europe/Istanbul"})
    valid_until = Instant(
        required=True,
        metadata={"description": "Up to here the agenda is complete; fetch it again before"},
    )
    items = fields.List(fields.Nested(AgendaEntrySchema), required=True)


class MyAgendaSchema(AgendaSchema):
    """The patient's own agenda, and what the device reminds of by itself."""

    device_plan = fields.Nested(DevicePlanSchema, required=True)
