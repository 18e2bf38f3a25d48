"""Alerts on the wire."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load, validate

from recovery_service.api.pagination import PageArguments, PageRequest
from recovery_service.api.schemas.base import (
    Instant,
    LocalDate,
    RequestSchema,
    ResponseSchema,
    Scalar,
    Text,
)
from recovery_service.domain.alerts import EPISODE_ENDED, RESOLUTIONS, RESPONSES, AlertState
from recovery_service.domain.red_flag_rules import TIERS

LONGEST_NOTE = 2000
MOST_AT_ONCE = 100

Wanted = Mapping[str, Any]


class AlertArguments(PageArguments):
    """Whose alerts."""

    mine = fields.Boolean(
        load_default=False, metadata={"description": "Only patients with one assigned to me"}
    )

    @post_load
    def to_request(self, loaded: dict[str, Any], **_: object) -> Any:
        """Return the page asked for, and the other argument beside it."""
        page = PageRequest(limit=loaded.pop("limit"), cursor=loaded.pop("cursor"))
        return {"page": page, **loaded}


class NoteRequest(RequestSchema):
    """What is to be remembered, if anything."""

    note = Text(LONGEST_NOTE, allow_none=True, load_default=None)


class NewNoteRequest(RequestSchema):
    """What is to be remembered."""

    note = Text(LONGEST_NOTE, required=True)


class AssignRequest(RequestSchema):
    """Who is to have it."""

    staff_id = fields.UUID(required=True)


class ResolveRequest(NoteRequest):
    """Why it is closed."""

    resolution = fields.String(required=True, validate=validate.OneOf(RESOLUTIONS))


class AcknowledgeAllRequest(RequestSchema):
    """Alerts of the least pressing tier."""

    ids = fields.List(fields.UUID(), required=True, validate=validate.Length(1, MOST_AT_ONCE))


class AlertFactSchema(ResponseSchema):
    """An answer that met the rule, and what it was compared with."""

    item = fields.String(required=True, metadata={"example": "nrs_leg"})
    value = Scalar(required=True, allow_none=True, metadata={"example": 7})
    date = LocalDate(required=True)
    comparison = fields.Dict(required=True, metadata={"example": {"at_least": 6}})
    text = fields.String(required=True, metadata={"example": "Leg pain: 7"})


class AlertSchema(ResponseSchema):
    """A rule that was met, until somebody has resolved it."""

    id = fields.UUID(required=True)
    rule = fields.String(required=True, metadata={"example": "PAIN3"})
    rule_version = fields.Integer(required=True)
    title = fields.String(required=True)
    tier = fields.String(required=True, metadata={"enum": list(TIERS)})
    state = fields.String(required=True, metadata={"enum": list(AlertState)})
    raised_at = Instant(required=True)
    found_at = Instant(required=True, metadata={"description": "When it was last found"})
    about = LocalDate(
        required=True, allow_none=True, metadata={"description": "The date of the last finding"}
    )
    respond_by = Instant(required=True, allow_none=True)
    overdue = fields.Boolean(required=True)
    escalation = fields.Integer(
        required=True, metadata={"description": "How often nobody looked in time"}
    )
    assigned_to = fields.UUID(required=True, allow_none=True)
    assigned_name = fields.String(required=True, allow_none=True)
    acknowledged_at = Instant(required=True, allow_none=True)
    resolved_at = Instant(required=True, allow_none=True)
    resolution = fields.String(
        required=True, allow_none=True, metadata={"enum": [*RESOLUTIONS, EPISODE_ENDED, None]}
    )
    facts = fields.List(fields.Nested(AlertFactSchema), required=True)
    response = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "enum": [*RESPONSES, None],
            "description": "What the patient last said to have done",
        },
    )
    responded_at = Instant(required=True, allow_none=True)


class AlertBundleSchema(ResponseSchema):
    """All unresolved alerts of one patient: one line, whatever the number of reasons."""

    patient_id = fields.UUID(required=True)
    name = fields.String(required=True)
    episode_id = fields.UUID(required=True)
    procedure = fields.String(required=True)
    days_since_surgery = fields.Integer(required=True, allow_none=True)
    tier = fields.String(
        required=True,
        metadata={"enum": list(TIERS), "description": "The most pressing that nobody has seen"},
    )
    open = fields.Boolean(required=True, metadata={"description": "One has not been seen"})
    respond_by = Instant(required=True, allow_none=True)
    overdue = fields.Boolean(required=True)
    alerts = fields.List(fields.Nested(AlertSchema), required=True)


class AlertEventSchema(ResponseSchema):
    """One thing that happened to an alert."""

    kind = fields.String(required=True, metadata={"example": "acknowledged"})
    at = Instant(required=True)
    tier = fields.String(required=True, metadata={"enum": list(TIERS)})
    by = fields.String(required=True, allow_none=True, metadata={"description": "Who did it"})
    assigned_to = fields.UUID(required=True, allow_none=True)
    check_in_id = fields.UUID(required=True, allow_none=True)
    message_id = fields.UUID(required=True, allow_none=True)
    about = LocalDate(required=True, allow_none=True)
    facts = fields.List(fields.Nested(AlertFactSchema), required=True)
    resolution = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)


class GivenResponseSchema(ResponseSchema):
    """What the patient said to have done."""

    response = fields.String(required=True, metadata={"enum": list(RESPONSES)})
    received_at = Instant(required=True)


class GivenAdviceSchema(ResponseSchema):
    """What the patient was told, word for word in the reader's language, and then did."""

    id = fields.UUID(required=True)
    check_in_id = fields.UUID(required=True, allow_none=True)
    message_id = fields.UUID(required=True, allow_none=True)
    given_at = Instant(required=True)
    tier = fields.String(required=True, metadata={"enum": list(TIERS)})
    text = fields.String(required=True)
    responses = fields.List(fields.Nested(GivenResponseSchema), required=True)


class AlertStorySchema(AlertSchema):
    """An alert with all that happened to it."""

    patient_id = fields.UUID(required=True)
    episode_id = fields.UUID(required=True)
    events = fields.List(fields.Nested(AlertEventSchema), required=True)
    advice = fields.List(fields.Nested(GivenAdviceSchema), required=True)


class AlertListSchema(ResponseSchema):
    """Alerts without pages: an episode has a few."""

    items = fields.List(fields.Nested(AlertSchema), required=True)
