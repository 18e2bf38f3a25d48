"""Check-ins that staff enter for a patient on the phone."""

from typing import Any

from marshmallow import fields, validate

from recovery_service.api.schemas.base import Text
from recovery_service.api.schemas.my_check_ins import CheckInRequest


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
