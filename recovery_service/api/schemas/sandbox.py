"""A sandbox's clock on the wire."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from recovery_service.api.schemas.base import (
    Instant,
    LocalTime,
    RequestSchema,
    ResponseSchema,
    WholeNumber,
)

_OF_A_DAY = ("episode_id", "recovery_day", "local_time")


class SandboxClockRequest(RequestSchema):
    """Where to move a sandbox's time: to an instant, or to a time of a recovery day.

    A recovery day counts from surgery, on the patient's calendar.
    """

    to = Instant(metadata={"description": "An instant at or after the clinic's present time"})
    episode_id = fields.UUID(metadata={"description": "Whose recovery day"})
    recovery_day = WholeNumber(validate=validate.Range(min=-30, max=730))
    local_time = LocalTime(metadata={"example": "09:05"})

    @validates_schema
    def one_way_of_saying_it(self, given: dict[str, Any], **_: object) -> None:
        """Refuse none, both and half of one."""
        named = [name for name in _OF_A_DAY if name in given]
        if "to" in given and named:
            raise ValidationError("Give either this or an instant.", named[0])
        if "to" not in given:
            for name in _OF_A_DAY:
                if name not in given:
                    raise ValidationError("Give this, or an instant as to.", name)


class SandboxClockSchema(ResponseSchema):
    """What time it is in a sandbox; `moved` tells that it stands still ahead of the real time."""

    now = Instant(required=True)
    moved = fields.Boolean(required=True)


class SandboxStepSchema(ResponseSchema):
    """What happened at an instant, by name."""

    at = Instant(required=True)
    counts = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={
            "description": "How many of each: materialised, sent, dropped by reason, swept, "
            "escalated and so on, as in the worker's figures",
            "example": {"materialised": 2, "sent": 4},
        },
    )


class SandboxMovedSchema(SandboxClockSchema):
    """Where a sandbox's time stands after it was moved, and what happened on the way."""

    before = Instant(required=True)
    steps = fields.List(
        fields.Nested(SandboxStepSchema),
        required=True,
        metadata={"description": "Instants at which something happened, in their order"},
    )
