"""Reports that could not be stored as check-ins, as staff see them."""

from marshmallow import fields

from recovery_service.api.schemas.base import FieldErrorSchema, Instant, ResponseSchema


class RejectedReportSchema(ResponseSchema):
    """What a phone reported and why it could not be taken; nothing has judged it."""

    id = fields.UUID(required=True)
    operation_id = fields.UUID(required=True, metadata={"description": "The phone's id of it"})
    device_id = fields.UUID(required=True, allow_none=True)
    payload = fields.Raw(required=True, allow_none=True, metadata={"description": "As it was sent"})
    code = fields.String(required=True, metadata={"example": "invalid"})
    errors = fields.List(fields.Nested(FieldErrorSchema), required=True)
    received_at = Instant(required=True)
    seen_at = Instant(required=True, allow_none=True)
    seen_by = fields.UUID(required=True, allow_none=True)
