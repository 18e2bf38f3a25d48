"""Restrictions of one patient on the wire."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from recovery_service.api.schemas.base import (
    LocalDate,
    RealNumber,
    RequestSchema,
    ResponseSchema,
    Text,
    WholeNumber,
)
from recovery_service.api.schemas.plans import (
    UNITS,
    DoseSchema,
    RestrictionSchema,
    Translated,
)
from recovery_service.domain.plan_template_fields import LAST_DAY
from recovery_service.domain.reminder_kinds import PLANNABLE
from recovery_service.services.plan_edits import NewItem
from recovery_service.services.restriction_rows import OwnRestriction
from recovery_service.services.restrictions import RestrictionEnd

LONGEST_REASON = 2000
MOST_HELD = 50


class BroughtItemRequest(RequestSchema):
    """An item that comes and goes with a restriction, such as the wearing of a brace."""

    kind = fields.String(load_default="movement_caution", validate=validate.OneOf(list(PLANNABLE)))
    title = Translated(200, required=True)
    instructions = Translated(4000)
    dose = fields.Nested(DoseSchema)
    rule = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "Slots and how it reminds; its days are those of the restriction",
            "example": {"slots": {"morning": "08:00"}, "valid_for_minutes": 600},
        },
    )

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewItem:
        """Return the item as the service takes it."""
        rule = {"every_days": 1, **loaded.pop("rule")}
        if "weekdays" in rule:
            del rule["every_days"]
        return NewItem(rule=rule, **loaded)


class OwnRestrictionRequest(RequestSchema):
    """A restriction for this patient; each end is a day since surgery or a local date.

    Without a beginning it begins today, without an end it holds until it is ended.
    """

    code = fields.String(required=True, validate=validate.Regexp(r"^[a-z][a-z0-9_]{0,63}$"))
    text = Translated(500, required=True)
    limit = RealNumber(load_default=None, allow_none=True, validate=validate.Range(0, 1000))
    unit = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(UNITS))
    from_day = WholeNumber(load_default=None, allow_none=True, validate=validate.Range(0, LAST_DAY))
    from_date = LocalDate(load_default=None, allow_none=True)
    to_day = WholeNumber(load_default=None, allow_none=True, validate=validate.Range(0, LAST_DAY))
    to_date = LocalDate(load_default=None, allow_none=True)
    reason = Text(LONGEST_REASON, required=True)
    holds = fields.List(
        fields.UUID(),
        load_default=list,
        validate=validate.Length(max=MOST_HELD),
        metadata={"description": "Items of the live plan that are not asked for meanwhile"},
    )
    item = fields.Nested(BroughtItemRequest, load_default=None, allow_none=True)

    @validates_schema
    def one_of_each(self, loaded: dict[str, Any], **_: object) -> None:
        """Refuse two words for one end."""
        for end in ("from", "to"):
            if loaded.get(f"{end}_day") is not None and loaded.get(f"{end}_date") is not None:
                raise ValidationError("Give a day or a date, not both.", f"{end}_date")

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> OwnRestriction:
        """Return the restriction as the service takes it."""
        return OwnRestriction(**loaded)


class RestrictionEndRequest(RequestSchema):
    """Why a restriction ends."""

    reason = Text(LONGEST_REASON, required=True)

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> RestrictionEnd:
        """Return the end as the service takes it."""
        return RestrictionEnd(**loaded)


class RestrictionListSchema(ResponseSchema):
    """All limits of the live plan: the plan's own and this patient's."""

    items = fields.List(fields.Nested(RestrictionSchema), required=True)
