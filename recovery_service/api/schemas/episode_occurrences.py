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
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why it was not sent"}
    )
    round = fields.Integer(required=True, metadata={"description": "A snooze opens the next"})
    attempts = fields.Integer(required=True)
    due_at = Instant(required=True)
    sent_at = Instant(required=True, allow_none=True)
    delivered_at = Instant(
        required=True, allow_none=True, metadata={"description": "When it reached a device"}
    )
    opened_at = Instant(required=True, allow_none=True)


DeliveryPage = page_schema(DeliverySchema)
