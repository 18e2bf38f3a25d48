"""The alert budget on the wire: figures of a clinic, of nobody in particular."""

from marshmallow import fields

from recovery_service.api.schemas.base import Instant, ResponseSchema
from recovery_service.domain.red_flag_rules import TIERS

_SHARE = {"description": "Of the check-ins of the window; null where none came"}


class AlertTierShareSchema(ResponseSchema):
    """Check-ins whose strictest alert was of a tier."""

    tier = fields.String(required=True, metadata={"enum": list(TIERS)})
    check_ins = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True, metadata=_SHARE)


class AlertWindowSchema(ResponseSchema):
    """The last days, today among them."""

    days = fields.Integer(required=True)
    check_ins = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True, metadata=_SHARE)
    tiers = fields.List(fields.Nested(AlertTierShareSchema), required=True)


class AlertBudgetSchema(ResponseSchema):
    """Which share of check-ins alerted, and the aim; nothing is held back for it."""

    aim = fields.Float(required=True, metadata={"example": 0.1})
    counted_at = Instant(
        required=True, allow_none=True, metadata={"description": "Null: not counted yet"}
    )
    windows = fields.List(fields.Nested(AlertWindowSchema), required=True)
