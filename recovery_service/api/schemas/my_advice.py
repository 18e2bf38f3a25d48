"""Advice on the wire, as the patient has it."""

from marshmallow import fields, validate

from recovery_service.api.schemas.base import Instant, LocalDate, RequestSchema, ResponseSchema
from recovery_service.domain.alerts import RESPONSES, AlertState
from recovery_service.domain.red_flag_rules import TIERS


class AdviceResponseRequest(RequestSchema):
    """What the patient did; the phone chooses `id`, so that sending it again changes nothing."""

    id = fields.UUID(required=True)
    response = fields.String(required=True, validate=validate.OneOf(RESPONSES))


class AdviceResponseSchema(ResponseSchema):
    """What the patient did, as it is stored."""

    id = fields.UUID(required=True)
    advice_id = fields.UUID(required=True)
    response = fields.String(required=True, metadata={"enum": list(RESPONSES)})
    received_at = Instant(required=True)


class MyAdviceSchema(ResponseSchema):
    """What the patient was told, and where it stands with the care team."""

    id = fields.UUID(required=True)
    check_in_id = fields.UUID(required=True, allow_none=True)
    message_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "The message that it answers"}
    )
    rule = fields.String(required=True)
    version = fields.Integer(required=True)
    tier = fields.String(required=True, metadata={"enum": list(TIERS)})
    title = fields.String(required=True)
    text = fields.String(required=True)
    about = LocalDate(required=True)
    given_at = Instant(required=True)
    state = fields.String(
        required=True,
        metadata={"enum": list(AlertState), "description": "Whether staff have seen it"},
    )
    seen_at = Instant(
        required=True, allow_none=True, metadata={"description": "When staff acknowledged it"}
    )
