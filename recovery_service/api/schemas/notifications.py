"""The inbox and the receipts of what reached a phone."""

from typing import Any

from marshmallow import fields, post_load, validate

from recovery_service.api.schemas.base import Instant, RequestSchema, ResponseSchema
from recovery_service.services.notifications import EVENTS, Receipt


class NotificationSchema(ResponseSchema):
    """One reminder as the inbox keeps it; its texts never say what is to be done."""

    id = fields.String(required=True)
    occurrence_id = fields.String(required=True)
    kind = fields.String(required=True)
    title = fields.String(required=True)
    line = fields.String(required=True)
    why = fields.String(
        required=True,
        metadata={
            "description": "Why a push came with it, or why none did",
            "example": "It waited until quiet hours were over.",
        },
    )
    sent_at = Instant(required=True)
    delivered_at = Instant(required=True, allow_none=True)
    opened_at = Instant(required=True, allow_none=True)
    dismissed_at = Instant(required=True, allow_none=True)
    deep_link = fields.String(required=True, metadata={"description": "The address inside the app"})


class ReceiptRequest(RequestSchema):
    """What the phone saw happen to a notification, and when by its clock."""

    event = fields.String(required=True, validate=validate.OneOf(EVENTS))
    at = Instant(required=True)

    @post_load
    def to_receipt(self, loaded: dict[str, Any], **_: object) -> Receipt:
        """Return the receipt."""
        return Receipt(**loaded)


class ReceiptSchema(ResponseSchema):
    """All that is known of a notification's fate; what was first stands."""

    id = fields.String(required=True)
    delivered_at = Instant(required=True, allow_none=True)
    opened_at = Instant(required=True, allow_none=True)
    dismissed_at = Instant(required=True, allow_none=True)
