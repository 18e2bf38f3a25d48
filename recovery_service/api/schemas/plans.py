"""Plans on the wire: revisions, items, restrictions."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from recovery_service.api.schemas.base import (
    LocalDate,
    RealNumber,
    RequestSchema,
    ResponseSchema,
    Text,
    Translations,
    TrueOrFalse,
    WholeNumber,
)
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.plan_template_fields import DOSE_LIMITS, LAST_DAY
from recovery_service.domain.reminder_kinds import PLANNABLE
from recovery_service.services.plan_edits import NewItem, NewRestriction
from recovery_service.services.publishing import Publication

MAX_RESTRICTIONS = 40
MAX_MEDIA = 10
UNITS = ("kg", "min")


class Translated(fields.Dict):
    """A text in one or more of the shipped languages, at least one."""

    def __init__(self, longest: int, **kwargs: Any) -> None:
        super().__init__(
            keys=fields.String(validate=validate.OneOf(LANGUAGES)),
            values=Text(longest),
            validate=validate.Length(min=1),
            metadata={"example": {"en": "Short walk", "tr": "Kısa yürüyüş"}},  # noqa: RUF001
            **kwargs,
        )


class DoseSchema(RequestSchema):
    """How much: whole numbers, and a note."""

    sets = WholeNumber(validate=validate.Range(1, DOSE_LIMITS["sets"]))
    reps = WholeNumber(validate=validate.Range(1, DOSE_LIMITS["reps"]))
    minutes = WholeNumber(validate=validate.Range(1, DOSE_LIMITS["minutes"]))
    hold_seconds = WholeNumber(validate=validate.Range(1, DOSE_LIMITS["hold_seconds"]))
    times_per_day = WholeNumber(validate=validate.Range(1, DOSE_LIMITS["times_per_day"]))
    max_prompts_per_day = WholeNumber(
        validate=validate.Range(1, DOSE_LIMITS["max_prompts_per_day"])
    )
    note = Translated(500)


class MediumSchema(RequestSchema):
    """A picture or film; ``alt`` is for who cannot see it."""

    url = fields.Url(required=True, schemes={"https"}, require_tld=True)
    sha256 = fields.String(validate=validate.Regexp(r"^[0-9a-f]{64}$"))
    bytes = WholeNumber(validate=validate.Range(1, 500_000_000))
    type = Text(100, required=True)
    alt = Translated(300, required=True)
    caption = Translated(300)


_RULE_HELP = (
    "When it happens: anchor (surgery or discharge), from_day, to_day, every_days or weekdays, "
    "slots or every_minutes with from and to, valid_for_minutes, catch_up, remind_via, quiet, "
    "priority"
)


class NewItemRequest(RequestSchema):
    """An item to add to the draft."""

    kind = fields.String(required=True, validate=validate.OneOf(list(PLANNABLE)))
    code = fields.String(validate=validate.Regexp(r"^[a-z][a-z0-9_]{0,63}$"))
    phase = Text(64, load_default=None, allow_none=True)
    title = Translated(200, required=True)
    instructions = Translated(4000)
    dose = fields.Nested(DoseSchema)
    media = fields.List(fields.Nested(MediumSchema), validate=validate.Length(max=MAX_MEDIA))
    rule = fields.Dict(keys=fields.String(), required=True, metadata={"description": _RULE_HELP})

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewItem:
        """Return the item as the service takes it."""
        return NewItem(**loaded)


class ItemChanges(RequestSchema):
    """Fields of an item to change; what is absent stays."""

    phase = Text(64, allow_none=True)
    title = Translated(200)
    instructions = Translated(4000)
    dose = fields.Nested(DoseSchema)
    media = fields.List(fields.Nested(MediumSchema), validate=validate.Length(max=MAX_MEDIA))
    rule = fields.Dict(
        keys=fields.String(),
        metadata={"description": f"Merged into the rule that stands. {_RULE_HELP}"},
    )

    @post_load
    def some(self, loaded: dict[str, Any], **_: object) -> dict[str, Any]:
        """Refuse a change that changes nothing."""
        if not loaded:
            raise ValidationError("Name at least one field to change.")
        return loaded


class RestrictionRequest(RequestSchema):
    """A limit for some days since surgery."""

    code = fields.String(required=True, validate=validate.Regexp(r"^[a-z][a-z0-9_]{0,63}$"))
    limit = RealNumber(load_default=None, allow_none=True, validate=validate.Range(0, 1000))
    unit = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(UNITS))
    from_day = WholeNumber(required=True, validate=validate.Range(0, LAST_DAY))
    to_day = WholeNumber(load_default=None, allow_none=True, validate=validate.Range(0, LAST_DAY))
    text = Translated(500, required=True)
    source = fields.List(Text(32), load_default=["D"], validate=validate.Length(1, 10))
    grade = fields.String(load_default="D", validate=validate.OneOf("ABCD"))

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewRestriction:
        """Return the restriction as the service takes it."""
        return NewRestriction(**loaded)


class DraftRequest(RequestSchema):
    """Which template the draft begins with; without one the live plan is copied, if any."""

    template = Text(64, load_default=None, allow_none=True)


class DraftChanges(RequestSchema):
    """Changes of the draft as a whole."""

    note = Text(2000, allow_none=True)
    restrictions = fields.List(
        fields.Nested(RestrictionRequest), validate=validate.Length(max=MAX_RESTRICTIONS)
    )


class PublishRequest(RequestSchema):
    """When the draft takes effect, and whether the surgery date may be assumed."""

    effective_from = LocalDate(load_default=None, allow_none=True)
    surgery_date_assumed = TrueOrFalse(load_default=False)

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> Publication:
        """Return the wish as the service takes it."""
        return Publication(**loaded)


class ItemSchema(ResponseSchema):
    """An item; its id stays the same through all revisions."""

    id = fields.UUID(attribute="lineage_id", required=True)
    code = fields.String(required=True)
    kind = fields.String(required=True)
    phase = fields.String(allow_none=True)
    title = Translations(required=True)
    instructions = Translations()
    dose = fields.Nested(DoseSchema)
    media = fields.List(fields.Nested(MediumSchema))
    rule = fields.Dict(required=True)
    appointment = fields.String(allow_none=True)
    source = fields.List(fields.String())
    grade = fields.String()
    clinician_must_confirm = fields.Boolean()
    why_confirm = Translations(allow_none=True)


class RestrictionSchema(ResponseSchema):
    """A limit; days count from surgery, `to_day` is inclusive.

    One that was added for this patient has an `id` and says who added it, when and why.
    """

    id = fields.UUID(attribute="lineage_id", allow_none=True)
    reason = fields.String(allow_none=True)
    added_by = fields.UUID(allow_none=True)
    added_at = fields.AwareDateTime(allow_none=True)
    holds = fields.List(
        fields.UUID(),
        attribute="held_items",
        allow_none=True,
        metadata={"description": "Items that are not asked for meanwhile"},
    )
    item = fields.UUID(
        attribute="worn_item",
        allow_none=True,
        metadata={"description": "The item that came with it"},
    )
    code = fields.String(required=True)
    limit = fields.Float(attribute="limit_value", allow_none=True)
    unit = fields.String(allow_none=True)
    range_seen = fields.List(fields.Float(), allow_none=True)
    from_day = fields.Integer(required=True)
    to_day = fields.Integer(allow_none=True)
    text = Translations(required=True)
    source = fields.List(fields.String())
    grade = fields.String()
    clinician_must_confirm = fields.Boolean()
    why_confirm = Translations(allow_none=True)


class RevisionSchema(ResponseSchema):
    """One revision, without what it holds."""

    number = fields.Integer(required=True)
    state = fields.String(required=True, metadata={"enum": ["draft", "live", "superseded"]})
    note = fields.String(allow_none=True)
    effective_from = fields.Date(allow_none=True)
    published_at = fields.AwareDateTime(allow_none=True)
    published_by = fields.UUID(allow_none=True)
    restored_from = fields.Integer(
        allow_none=True, metadata={"description": "Number of the revision that it brings back"}
    )
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    version = fields.Integer(required=True)


class RevisionViewSchema(ResponseSchema):
    """One revision with its phases, items and restrictions."""

    number = fields.Integer(attribute="revision.number", required=True)
    state = fields.String(attribute="revision.state", required=True)
    note = fields.String(attribute="revision.note", allow_none=True)
    effective_from = fields.Date(attribute="revision.effective_from", allow_none=True)
    published_at = fields.AwareDateTime(attribute="revision.published_at", allow_none=True)
    published_by = fields.UUID(attribute="revision.published_by", allow_none=True)
    restored_from = fields.Integer(
        attribute="revision.restored_from",
        allow_none=True,
        metadata={"description": "Number of the revision that it brings back"},
    )
    version = fields.Integer(attribute="revision.version", required=True)
    phases = fields.List(fields.Dict(), attribute="revision.phases")
    items = fields.List(fields.Nested(ItemSchema), required=True)
    restrictions = fields.List(fields.Nested(RestrictionSchema), required=True)


class PlanSchema(ResponseSchema):
    """A plan as staff see it."""

    id = fields.UUID(attribute="plan.id", required=True)
    episode_id = fields.UUID(attribute="plan.episode_id", required=True)
    template = fields.String(attribute="plan.template_code", required=True)
    template_version = fields.Integer(attribute="plan.template_version", required=True)
    template_hash = fields.String(attribute="plan.template_hash", required=True)
    live = fields.Nested(RevisionViewSchema, allow_none=True)
    draft = fields.Nested(RevisionViewSchema, allow_none=True)


class RevisionList(ResponseSchema):
    """All revisions of a plan, the newest first."""

    items = fields.List(fields.Nested(RevisionSchema), required=True)
    next_cursor = fields.String(allow_none=True, required=True)
