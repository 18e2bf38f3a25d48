"""Check-ins that staff enter for a patient on the phone."""

from typing import Any

from marshmallow import fields, validate

from recovery_service.api.pagination import page_schema
from recovery_service.api.schemas.base import ResponseSchema, Text
from recovery_service.api.schemas.my_check_ins import CheckInRequest, CheckInSchema
from recovery_service.domain.device_verdicts import INVENTED, MISSED, TIER
from recovery_service.domain.red_flag_rules import TIERS

KINDS = (MISSED, INVENTED, TIER)


class StaffCheckInRequest(CheckInRequest):
    """A report that somebody told; `recorded_at` is when they did."""

    source = fields.String(
        load_default="staff_phone",
        validate=validate.OneOf(["staff_phone", "caregiver"]),
        metadata={"description": "`caregiver`: somebody at home reports for the patient"},
    )
    reported_by: Any = Text(
        100,
        allow_none=True,
        load_default=None,
        metadata={"description": "Who told it, where it was not the patient", "example": "Wife"},
    )


class VerdictDifferenceSchema(ResponseSchema):
    """A rule on which the phone, by itself, had told the patient otherwise."""

    rule = fields.String(required=True, metadata={"example": "CES1"})
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    device_tier = fields.String(required=True, allow_none=True, metadata={"enum": [*TIERS, None]})
    tier = fields.String(required=True, allow_none=True, metadata={"enum": [*TIERS, None]})
    bundle_version = fields.String(
        required=True, metadata={"description": "Of the rules that the phone had"}
    )
    text = fields.String(required=True)


class StaffCheckInSchema(CheckInSchema):
    """A report as staff read it."""

    device_differences = fields.List(fields.Nested(VerdictDifferenceSchema), required=True)


StaffCheckInPage = page_schema(StaffCheckInSchema)
