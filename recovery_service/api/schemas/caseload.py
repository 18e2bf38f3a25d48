"""The caseload on the wire."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load, validate

from recovery_service.api.pagination import PageArguments, PageRequest
from recovery_service.api.schemas.base import ResponseSchema
from recovery_service.services.caseload import SORTS, STATES

_LONGEST_SEARCH = 200


class CaseloadArguments(PageArguments):
    """Which patients, in which order; without a status all whose recovery has not ended."""

    sort = fields.String(load_default="attention", validate=validate.OneOf(SORTS))
    q = fields.String(
        load_default="",
        validate=[
            validate.Length(max=_LONGEST_SEARCH),
            validate.ContainsNoneOf("\x00", error="Contains control characters."),
        ],
        metadata={"description": "Part of the name, or a whole external id"},
    )
    status = fields.String(load_default="current", validate=validate.OneOf(list(STATES)))

    @post_load
    def to_request(self, loaded: dict[str, Any], **_: object) -> Any:
        """Return the page asked for, and the other arguments beside it."""
        page = PageRequest(limit=loaded.pop("limit"), cursor=loaded.pop("cursor"))
        return {"page": page, **loaded}


class ReasonSchema(ResponseSchema):
    """Why a patient needs somebody; decide by the code, show the text."""

    code = fields.String(required=True)
    urgency = fields.Integer(required=True, metadata={"description": "0-100, 100 presses most"})
    text = fields.String(required=True)
    facts = fields.Dict(required=True)


class PainSchema(ResponseSchema):
    """The median of the leading pain question in 7 local days, and in the 7 before."""

    item = fields.String(required=True, metadata={"example": "nrs_leg"})
    now = fields.Float(required=True, allow_none=True)
    before = fields.Float(required=True, allow_none=True)


class ExerciseSchema(ResponseSchema):
    """Exercises of 7 local days; what never reached the patient is not counted."""

    done = fields.Integer(required=True)
    due = fields.Integer(required=True)


class BookedSchema(ResponseSchema):
    """The next appointment that stands."""

    starts_at = fields.AwareDateTime(required=True)
    title = fields.String(required=True)


class ToBookSchema(ResponseSchema):
    """A follow-up whose window has opened, and that nobody booked yet."""

    title = fields.String(required=True)
    window_from = fields.Date(required=True)
    window_to = fields.Date(required=True)


class CaseloadEntrySchema(ResponseSchema):
    """One patient of the caseload."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    time_zone = fields.String(required=True)
    contact_mode = fields.String(required=True)
    episode_id = fields.UUID(required=True)
    procedure = fields.String(required=True)
    episode_state = fields.String(required=True)
    plan_state = fields.String(required=True)
    days_since_surgery = fields.Integer(required=True, allow_none=True)
    days_since_discharge = fields.Integer(required=True)
    reasons = fields.List(fields.Nested(ReasonSchema), required=True)
    last_check_in = fields.Date(required=True, allow_none=True)
    pain = fields.Nested(PainSchema, required=True)
    adherence = fields.Nested(ExerciseSchema, required=True)
    next_appointment = fields.Nested(BookedSchema, required=True, allow_none=True)
    to_book = fields.List(fields.Nested(ToBookSchema), required=True)


Wanted = Mapping[str, Any]
