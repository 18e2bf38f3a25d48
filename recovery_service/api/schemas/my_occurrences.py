"""What a patient can do about an occurrence, and what comes of it."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from recovery_service.api.schemas.base import (
    Instant,
    RequestSchema,
    ResponseSchema,
    Text,
    WholeNumber,
)
from recovery_service.api.schemas.my_agenda import AgendaEntrySchema
from recovery_service.domain.actions import (
    ACTIONS,
    LONGEST_SNOOZE,
    SHORTEST_SNOOZE,
    SNOOZE_MINUTES,
    NewAction,
)

_BELONGS = {
    "minutes": ("snooze",),
    "done": ("complete",),
    "pain": ("complete", "skip"),
}


def _count(most: int, **metadata: Any) -> WholeNumber:
    return WholeNumber(validate=validate.Range(0, most), metadata=metadata)


class DoneRequest(RequestSchema):
    """What was done of an exercise."""

    sets = _count(100)
    reps = _count(1000)
    minutes = _count(600)
    effort = _count(10, description="0 no effort, 10 the greatest")


class ActionRequest(RequestSchema):
    """One tap; the phone chooses `id`, so that sending it again changes nothing."""

    id = fields.UUID(required=True)
    action = fields.String(required=True, validate=validate.OneOf(ACTIONS))
    at = Instant(required=True, metadata={"description": "The phone's clock"})
    minutes = WholeNumber(
        validate=validate.Range(SHORTEST_SNOOZE, LONGEST_SNOOZE),
        metadata={"description": f"Of a snooze; {SNOOZE_MINUTES} unless said otherwise"},
    )
    reason = Text(200)
    done = fields.Nested(DoneRequest)
    pain = _count(10)
    note = Text(2000)

    @validates_schema
    def belongs_together(self, loaded: dict[str, Any], **_: object) -> None:
        """Refuse what the action cannot have."""
        for name, actions in _BELONGS.items():
            if name in loaded and loaded.get("action") not in actions:
                raise ValidationError(f"Only with {' or '.join(actions)}.", name)

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewAction:
        """Return the action."""
        return NewAction(**loaded)


class DoneSchema(ResponseSchema):
    """What was done of an exercise."""

    sets = fields.Integer()
    reps = fields.Integer()
    minutes = fields.Integer()
    effort = fields.Integer()


class ActionSchema(ResponseSchema):
    """An action as it is stored."""

    id = fields.UUID(required=True)
    action = fields.String(required=True, metadata={"enum": list(ACTIONS)})
    at = Instant(required=True)
    received_at = Instant(required=True)
    minutes = fields.Integer(required=True, allow_none=True)
    next_at = Instant(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    done = fields.Nested(DoneSchema, required=True, allow_none=True)
    pain = fields.Integer(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    late = fields.Boolean(required=True)
    retired = fields.Boolean(required=True)


class ActionTakenSchema(ResponseSchema):
    """What came of an action."""

    occurrence = fields.Nested(AgendaEntrySchema, required=True)
    action = fields.Nested(ActionSchema, required=True)
    result = fields.String(
        required=True,
        metadata={
            "enum": ["stored", "too_late"],
            "description": "`too_late`: the snooze would end after the occurrence does",
        },
    )
    next_at = Instant(required=True, allow_none=True)
    late = fields.Boolean(required=True, metadata={"description": "It had been missed"})
    retired = fields.Boolean(required=True, metadata={"description": "The plan no longer has it"})
