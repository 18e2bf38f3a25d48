"""Call tasks on the wire."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load

from recovery_service.api.pagination import PageArguments, PageRequest
from recovery_service.api.schemas.base import LocalDate, ResponseSchema

Wanted = Mapping[str, Any]


class CallTaskArguments(PageArguments):
    """The calls of which local date."""

    on = LocalDate(
        load_default=None,
        metadata={"description": "Today at the clinic's default site unless given"},
    )

    @post_load
    def to_request(self, loaded: dict[str, Any], **_: object) -> Any:
        """Return the page asked for, and the other argument beside it."""
        page = PageRequest(limit=loaded.pop("limit"), cursor=loaded.pop("cursor"))
        return {"page": page, **loaded}


class CallReasonSchema(ResponseSchema):
    """What the call is about; decide by the code, show the text."""

    code = fields.String(required=True, metadata={"enum": ["check_in_due", "appointment_to_book"]})
    text = fields.String(required=True)
    since = LocalDate(required=True, metadata={"description": "Since when it is due"})
    until = LocalDate(
        required=True, allow_none=True, metadata={"description": "Until when it can be booked"}
    )
    missed = fields.Integer(
        required=True, allow_none=True, metadata={"description": "How many check-ins wait"}
    )


class CallTaskSchema(ResponseSchema):
    """One patient to call, who has no smartphone to be reminded by."""

    on = LocalDate(required=True)
    patient_id = fields.UUID(required=True)
    name = fields.String(required=True)
    time_zone = fields.String(required=True, metadata={"example": "Europe/London"})
    locale = fields.String(required=True, metadata={"description": "The language to call in"})
    episode_id = fields.UUID(required=True)
    procedure = fields.String(required=True)
    phones = fields.List(
        fields.String(), required=True, metadata={"description": "Numbers as staff know them"}
    )
    reasons = fields.List(fields.Nested(CallReasonSchema), required=True)
