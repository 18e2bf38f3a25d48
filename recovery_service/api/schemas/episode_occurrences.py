"""What was planned for an episode and what was sent for it, as staff see it."""

from marshmallow import fields

from recovery_service.api.pagination import page_schema
from recovery_service.api.schemas.base import Instant, ResponseSchema


class DeliverySchema(ResponseSchema):
    """One notification of one occurrence to one destination."""

    occurrence_id = fields.String(required=True)
    kind = fields.String(required=True, metadata={"example": "physiotherapy"})
    channel = fields.String(required=True, metadata={"example": "webpush"})
    state = fields.String(
        required=True, metadata={"enum": ["ready", "leased", "sent", "dropped", "dead"]}
    )
    cause = fields.String(
        required=True,
        metadata={
            "enum": ["due", "late", "takeover", "snooze", "nudge", "failover"],
            "description": "Why it was written",
        },
    )
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "A code: why it ended as it did, or what it waits for",
            "example": "over_budget",
        },
    )
    why = fields.String(
        required=True,
        metadata={
            "description": "Cause and reason as a sentence, in the reader's language",
            "example": "The day had enough reminders; what matters more came first.",
        },
    )
    round = fields.Integer(required=True, metadata={"description": "A snooze opens the next"})
    attempts = fields.Integer(required=True)
    due_at = Instant(required=True)
    wake_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "Until when it waits; null when it does not"},
    )
    sent_at = Instant(required=True, allow_none=True)
    carried_by = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The notification that spoke for this one, of the same moment"},
    )
    delivered_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "When it, or what carried it, reached a device"},
    )


DeliveryPage = page_schema(DeliverySchema)
