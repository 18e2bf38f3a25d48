"""The live plan on the wire, as the patient's app reads it."""

from marshmallow import fields

from recovery_service.api.schemas.base import ResponseSchema
from recovery_service.api.schemas.me import PLAN_STATES


class DatedSchema(ResponseSchema):
    """Recovery days, and the local dates that they are; `current` says whether today is one."""

    from_date = fields.Date(required=True)
    to_date = fields.Date(required=True, allow_none=True)
    current = fields.Boolean(required=True)
    waits = fields.Boolean(
        required=True,
        metadata={"description": "Whether it does not begin before a clinician says so"},
    )


class MyPhaseSchema(DatedSchema):
    """A stretch of the recovery, in days since surgery."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    from_day = fields.Integer(required=True)
    to_day = fields.Integer(required=True)


class MySlotSchema(ResponseSchema):
    """A time of day at which an item is due, the patient's own where one was chosen."""

    slot = fields.String(required=True, metadata={"example": "morning"})
    time = fields.String(required=True, metadata={"example": "09:00"})


class WhenSchema(ResponseSchema):
    """When an item is due: days counted from `anchor`, either every N days or on weekdays."""

    anchor = fields.String(required=True, metadata={"enum": ["surgery", "discharge"]})
    from_day = fields.Integer(required=True)
    to_day = fields.Integer(required=True, allow_none=True)
    every_days = fields.Integer(required=True, allow_none=True)
    weekdays = fields.List(fields.Integer(), required=True, metadata={"example": [1, 3, 5]})
    slots = fields.List(fields.Nested(MySlotSchema), required=True)
    valid_for_minutes = fields.Integer(required=True)
    remind_via = fields.String(required=True, metadata={"enum": ["push", "device", "none"]})


class MyMediumSchema(ResponseSchema):
    """A picture or film; `alt` is for who cannot see it."""

    url = fields.String(required=True)
    sha256 = fields.String()
    bytes = fields.Integer()
    type = fields.String(required=True)
    alt = fields.String(required=True, allow_none=True)
    caption = fields.String(required=True, allow_none=True)


class MyDoseSchema(ResponseSchema):
    """How much; what is absent is not said."""

    sets = fields.Integer()
    reps = fields.Integer()
    minutes = fields.Integer()
    hold_seconds = fields.Integer()
    times_per_day = fields.Integer()
    max_prompts_per_day = fields.Integer()
    note = fields.String()


class MyItemSchema(DatedSchema):
    """One thing to do or to keep to."""

    id = fields.UUID(required=True)
    code = fields.String(required=True)
    kind = fields.String(required=True)
    phase = fields.String(required=True, allow_none=True)
    title = fields.String(required=True)
    instructions = fields.String(required=True, allow_none=True)
    dose = fields.Nested(MyDoseSchema, required=True)
    media = fields.List(fields.Nested(MyMediumSchema), required=True)
    when = fields.Nested(WhenSchema, required=True)
    rests = fields.Boolean(
        required=True, metadata={"description": "Whether a restriction holds it today"}
    )
    rests_until = fields.Date(
        required=True,
        allow_none=True,
        metadata={"description": "The last day of its rest; null while nobody knows"},
    )
    source = fields.List(fields.String(), required=True)
    grade = fields.String(required=True, metadata={"enum": ["A", "B", "C", "D"]})


class MyRestrictionSchema(DatedSchema):
    """A limit, in days since surgery."""

    id = fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "Of one that was added for this patient; null for the plan's own"},
    )
    code = fields.String(required=True)
    limit = fields.Float(required=True, allow_none=True)
    unit = fields.String(required=True, allow_none=True)
    from_day = fields.Integer(required=True)
    to_day = fields.Integer(required=True, allow_none=True)
    text = fields.String(required=True)
    source = fields.List(fields.String(), required=True)
    grade = fields.String(required=True, metadata={"enum": ["A", "B", "C", "D"]})


CHANGED_FIELDS = (
    "title", "instructions", "dose", "media", "days", "times", "reminder", "phase",
)  # fmt: skip


class ChangedItemSchema(ResponseSchema):
    """An item that is new, gone or different."""

    id = fields.UUID(required=True)
    title = fields.String(required=True)
    fields_ = fields.List(
        fields.String(metadata={"enum": list(CHANGED_FIELDS)}),
        attribute="fields",
        data_key="fields",
        required=True,
        metadata={"description": "What of it is different", "example": ["times"]},
    )


class ChangedLimitSchema(ResponseSchema):
    """A restriction that is new, gone or different."""

    code = fields.String(required=True)
    change = fields.String(required=True, metadata={"enum": ["added", "removed", "changed"]})
    text = fields.String(required=True)
    fields_ = fields.List(
        fields.String(metadata={"enum": ["limit_value", "unit", "to_day", "text"]}),
        attribute="fields",
        data_key="fields",
        required=True,
    )


class WhatChangedSchema(ResponseSchema):
    """What is different from the revision that the patient followed before."""

    since = fields.Integer(required=True, metadata={"description": "Number of that revision"})
    added = fields.List(fields.Nested(ChangedItemSchema), required=True)
    removed = fields.List(fields.Nested(ChangedItemSchema), required=True)
    changed = fields.List(fields.Nested(ChangedItemSchema), required=True)
    restrictions = fields.Boolean(
        required=True, metadata={"description": "Whether the restrictions differ"}
    )
    limits = fields.List(
        fields.Nested(ChangedLimitSchema),
        required=True,
        metadata={"description": "The restrictions that differ"},
    )
    restored_from = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Number of the earlier revision that was brought back"},
    )
    summary = fields.List(
        fields.String(),
        required=True,
        metadata={
            "description": "The same in sentences, in the reader's language",
            "example": ["Changed: Short walks (times)"],
        },
    )


class MyPlanSchema(ResponseSchema):
    """The plan that the patient follows; empty until a clinician has published one."""

    plan_state = fields.String(required=True, metadata={"enum": list(PLAN_STATES)})
    revision = fields.Integer(required=True, allow_none=True)
    effective_from = fields.Date(required=True, allow_none=True)
    published_at = fields.AwareDateTime(required=True, allow_none=True)
    phases = fields.List(fields.Nested(MyPhaseSchema), required=True)
    items = fields.List(fields.Nested(MyItemSchema), required=True)
    restrictions = fields.List(fields.Nested(MyRestrictionSchema), required=True)
    sources = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        allow_none=True,
        metadata={"description": "Where the facts are from, by the keys in `source`"},
    )
    what_changed = fields.Nested(WhatChangedSchema, required=True, allow_none=True)
    valid_until = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "When a phase, an item or a restriction begins or has ended"},
    )
