"""Progress: series, adherence, and where the recovery stands against a reference."""

from marshmallow import fields

from recovery_service.api.schemas.base import LocalDate, ResponseSchema


class PointSchema(ResponseSchema):
    """A value on a date."""

    date = LocalDate(required=True)
    value = fields.Float(required=True)
    median = fields.Float(
        required=True, metadata={"description": "Of the last 3 entries within 7 days"}
    )


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


class ProgressSchema(ResponseSchema):
    """How an episode goes; computed when it is asked for."""

    as_of = LocalDate(required=True, metadata={"description": "The patient's local date"})
    procedure = fields.String(required=True)
    days_since_surgery = fields.Integer(required=True, allow_none=True)
    days_since_discharge = fields.Integer(required=True, allow_none=True)
    status = fields.String(
        required=True,
        metadata={"description": "Against the expected course", "enum": ["no_reference"]},
    )
    reason = fields.String(required=True, metadata={"example": "no_corridor"})
    series = fields.List(fields.Nested(SeriesSchema), required=True)
    adherence = fields.Nested(AdherenceByGroupSchema, required=True)
