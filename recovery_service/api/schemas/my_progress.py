"""Progress: series, adherence, and where the recovery stands against a reference."""

from marshmallow import fields

from recovery_service.api.schemas.base import LocalDate, ResponseSchema
from recovery_service.domain.corridor import INTERPOLATED, LABELS
from recovery_service.domain.recovery_curves import KINDS
from recovery_service.domain.recovery_status import (
    BETTER,
    NO_CLEAR_CHANGE,
    PERHAPS_BETTER,
    REASONS,
    STATUSES,
    WORSE,
)
from recovery_service.services.progress_words import DISCUSS

_STATUS = {
    "description": "Two weekly medians in a row outside the expected course make `behind` or"
    " `ahead`. Patients read `discuss` in place of `behind`: it is no alarm, and no status says"
    " anything about warning signs",
    "enum": [*STATUSES, DISCUSS],
    "example": "on_track",
}
_REASON = {"enum": list(REASONS), "example": "within_corridor"}
_SENTENCE = {
    "description": "Why, in the reader's language; what patients read is worded for them",
    "example": "Leg pain: 8 before the operation, 2 in the last 7 days. In the last 7 days you"
    " reported about as much as most people at this stage. This compares numbers only and says"
    " nothing about warning signs.",
}


class PointSchema(ResponseSchema):
    """A value on a date."""

    date = LocalDate(required=True)
    value = fields.Float(required=True)
    median = fields.Float(
        required=True, metadata={"description": "Of the last 3 entries within 7 days"}
    )


class OwnBaselineSchema(ResponseSchema):
    """The last 7 days (their median) against the patient's own value before surgery."""

    before = fields.Float(required=True)
    now = fields.Float(required=True)
    change = fields.Float(required=True, metadata={"description": "Negative: less pain"})
    verdict = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Told apart by the scale's own noise; null before answers can be"
            " judged. Patients read `discuss` in place of `worse`",
            "enum": [BETTER, PERHAPS_BETTER, NO_CLEAR_CHANGE, WORSE, DISCUSS, None],
        },
    )
    sentence = fields.String(required=True)


class StandingSchema(ResponseSchema):
    """Where a question stands against the expected course, and why."""

    status = fields.String(required=True, metadata=_STATUS)
    reason = fields.String(required=True, metadata=_REASON)
    sentence = fields.String(required=True, metadata=_SENTENCE)
    own_baseline = fields.Nested(OwnBaselineSchema, required=True, allow_none=True)


class ExpectedSchema(ResponseSchema):
    """What is expected on a day; without a band `low` and `high` are null."""

    day = fields.Integer(required=True, metadata={"description": "Since surgery"})
    value = fields.Float(required=True)
    low = fields.Float(required=True, allow_none=True)
    high = fields.Float(required=True, allow_none=True)
    label = fields.String(
        required=True,
        metadata={
            "description": "found: published and read; memory: not looked up; interpolated: drawn"
            " between two of them, straight on log(day + 1)",
            "enum": [*LABELS, INTERPOLATED],
        },
    )


class BeforeSurgerySchema(ResponseSchema):
    """What the people of a source had said before surgery."""

    mean = fields.Float(required=True)
    deviation = fields.Float(required=True, allow_none=True)


class ReferenceSchema(ResponseSchema):
    """A published course; the band is the mean and one standard deviation to either side."""

    code = fields.String(required=True, metadata={"example": "disc_leg"})
    kind = fields.String(
        required=True,
        metadata={
            "description": "change: counted from the patient's own value before surgery",
            "enum": list(KINDS),
        },
    )
    people = fields.String(
        required=True, metadata={"example": "A Korean cohort after disc surgery"}
    )
    caution = fields.String(
        required=True, allow_none=True, metadata={"description": "What is doubtful; for staff"}
    )
    sources = fields.List(fields.String(), required=True)
    before_surgery = fields.Nested(BeforeSurgerySchema, required=True, allow_none=True)
    course = fields.List(fields.Nested(ExpectedSchema), required=True)


class SeriesSchema(ResponseSchema):
    """The numbers of one question, one a date: the newest report counts."""

    item = fields.String(required=True, metadata={"example": "nrs_back"})
    label = fields.String(required=True)
    minimum = fields.Float(required=True, allow_none=True)
    maximum = fields.Float(required=True, allow_none=True)
    baseline = fields.Float(
        required=True, allow_none=True, metadata={"description": "Before the operation"}
    )
    points = fields.List(fields.Nested(PointSchema), required=True)
    standing = fields.Nested(
        StandingSchema, required=True, allow_none=True, metadata={"description": "Of pain alone"}
    )
    references = fields.List(
        fields.Nested(ReferenceSchema),
        required=True,
        metadata={"description": "Published courses, those from the own baseline first"},
    )


class AdherenceSchema(ResponseSchema):
    """What was done of what was due; the rate is null while nothing was due."""

    done = fields.Integer(required=True)
    due = fields.Integer(required=True)
    rate = fields.Float(required=True, allow_none=True, metadata={"example": 0.75})
    late = fields.Integer(
        required=True, metadata={"description": "Of those done, after they had been missed"}
    )
    not_reached = fields.Integer(
        required=True, metadata={"description": "Left out: no reminder had reached the patient"}
    )
    paused = fields.Integer(required=True, metadata={"description": "Left out: paused days"})


class WindowsSchema(ResponseSchema):
    """One figure over three stretches of time, today included."""

    last_7_days = fields.Nested(AdherenceSchema, required=True)
    last_28_days = fields.Nested(AdherenceSchema, required=True)
    whole = fields.Nested(AdherenceSchema, required=True)


class AdherenceByGroupSchema(ResponseSchema):
    """By what is counted together; posture stands apart, cautions never count."""

    exercise = fields.Nested(WindowsSchema, required=True)
    posture = fields.Nested(WindowsSchema, required=True)


class WeeksOnTargetSchema(ResponseSchema):
    """Weeks of seven days from discharge on; a week on hold or paused never counts against."""

    share = fields.Float(required=True, metadata={"description": "The target", "example": 0.8})
    met = fields.Integer(required=True)
    counted = fields.Integer(required=True, metadata={"description": "Weeks that are over"})
    frozen = fields.Integer(
        required=True, metadata={"description": "On hold, paused, or with nothing due"}
    )
    in_a_row = fields.Integer(
        required=True,
        metadata={"description": "The latest ones met; frozen weeks neither add nor break"},
    )
    done = fields.Integer(required=True, metadata={"description": "This week, so far"})
    due = fields.Integer(required=True, metadata={"description": "This week, so far"})


class MilestoneSchema(ResponseSchema):
    """What was reached on the way; a correction can take it back."""

    code = fields.String(required=True, metadata={"example": "walked_30_minutes"})
    title = fields.String(required=True, metadata={"example": "30 minutes of walking in a day"})
    reached_on = LocalDate(required=True, allow_none=True)


class ProgressSchema(ResponseSchema):
    """How an episode goes; computed when it is asked for."""

    as_of = LocalDate(required=True, metadata={"description": "The patient's local date"})
    procedure = fields.String(required=True)
    days_since_surgery = fields.Integer(required=True, allow_none=True)
    days_since_discharge = fields.Integer(required=True, allow_none=True)
    status = fields.String(required=True, attribute="standing.status", metadata=_STATUS)
    reason = fields.String(required=True, attribute="standing.reason", metadata=_REASON)
    sentence = fields.String(required=True, attribute="standing.sentence", metadata=_SENTENCE)
    series = fields.List(fields.Nested(SeriesSchema), required=True)
    adherence = fields.Nested(AdherenceByGroupSchema, required=True)
    weeks_on_target = fields.Nested(WeeksOnTargetSchema, required=True)
    milestones = fields.List(fields.Nested(MilestoneSchema), required=True)
