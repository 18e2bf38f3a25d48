"""What publishing a draft would do, on the wire."""

from typing import Any

from marshmallow import fields, post_load, validate

from recovery_service.api.schemas.base import LocalDate, RequestSchema, ResponseSchema
from recovery_service.api.schemas.content_approvals import MissingPieceSchema
from recovery_service.api.schemas.my_plan import WhatChangedSchema
from recovery_service.domain.plan_preview import CHANGES, REASONS
from recovery_service.services.plan_preview import LONGEST, USUAL
from recovery_service.services.publishing import Publication


class PreviewArguments(RequestSchema):
    """The publication to look at, and how many days of it to list."""

    effective_from = LocalDate(
        load_default=None, metadata={"description": "As in publishing; today by default"}
    )
    surgery_date_assumed = fields.Boolean(
        load_default=False, metadata={"description": "As in publishing"}
    )
    days = fields.Integer(
        load_default=USUAL,
        validate=validate.Range(1, LONGEST),
        metadata={"description": "How many days from the first on which the draft holds"},
    )

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> tuple[Publication, int]:
        """Return the publication and the number of days."""
        days = loaded.pop("days")
        return Publication(**loaded), days


class MomentSchema(ResponseSchema):
    """When an occurrence is due, on the patient's calendar and clock."""

    local_date = fields.String(required=True, metadata={"format": "date"})
    local_time = fields.String(required=True, metadata={"example": "09:00"})
    due_at = fields.AwareDateTime(required=True)


class ShiftSchema(MomentSchema):
    """An occurrence that appears, moves or vanishes."""

    id = fields.String(required=True, metadata={"description": "As in the agenda"})
    item_id = fields.UUID(required=True)
    title = fields.String(required=True)
    kind = fields.String(required=True)
    slot = fields.String(required=True)
    change = fields.String(required=True, metadata={"enum": list(CHANGES)})
    reason = fields.String(
        required=True,
        metadata={
            "enum": list(REASONS),
            "description": "`phase_waits`: its phase waits for a clinician",
        },
    )
    was = fields.Nested(
        MomentSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Where one that moves stood"},
    )


class CountsSchema(ResponseSchema):
    """How many occurrences change."""

    appears = fields.Integer(required=True)
    moves = fields.Integer(required=True)
    vanishes = fields.Integer(required=True)


class ItemTotalSchema(ResponseSchema):
    """One item: how many occurrences change in the days listed, and in the year after them."""

    item_id = fields.UUID(required=True)
    title = fields.String(required=True)
    kind = fields.String(required=True)
    shown = fields.Nested(CountsSchema, required=True)
    later = fields.Nested(CountsSchema, required=True)


class PreviewSchema(ResponseSchema):
    """What publishing the draft at this moment would do; nothing is written.

    Without a draft nothing changes. Nothing changes either on the agenda of an episode on
    hold, which is empty until its release.
    """

    live = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Number of the live revision"}
    )
    draft = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Number of the draft"}
    )
    effective_from = fields.Date(required=True, allow_none=True)
    from_date = fields.Date(required=True)
    to_date = fields.Date(required=True, metadata={"description": "The last day listed"})
    later_until = fields.Date(required=True, metadata={"description": "The last day counted"})
    occurrences = fields.List(
        fields.Nested(ShiftSchema), required=True, metadata={"description": "In order of time"}
    )
    totals = fields.List(fields.Nested(ItemTotalSchema), required=True)
    what_changed = fields.Nested(
        WhatChangedSchema,
        required=True,
        allow_none=True,
        metadata={"description": "What the patient will read of it"},
    )
    not_approved = fields.List(
        fields.Nested(MissingPieceSchema),
        required=True,
        metadata={"description": "Content without whose approval publishing would be refused"},
    )
