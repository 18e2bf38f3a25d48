"""Check-ins: the form, what comes in, and what is answered."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, pre_load, validate

from recovery_service.api.pagination import PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.base import (
    Instant,
    LocalDate,
    RequestSchema,
    ResponseSchema,
    Scalar,
    Text,
)
from recovery_service.api.schemas.me import MyMonitoringSchema
from recovery_service.domain.check_in_items import TYPES
from recovery_service.domain.check_ins import SOURCES, NewCheckIn
from recovery_service.domain.red_flag_rules import TIERS

MOST_ANSWERS = 200
LONGEST_NOTE = 2000
_LONGEST_CODE = 64


class AnswerValue(fields.Field[Any]):
    """An answer: boolean, number, code, or null for asked and not answered."""

    json_type = Scalar.json_type

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        if isinstance(value, str) and len(value) > _LONGEST_CODE:
            raise ValidationError(f"At most {_LONGEST_CODE} characters.")
        if not isinstance(value, bool | int | float | str):
            raise ValidationError("Must be true, false, a number, a code or null.")
        return value


class Answers(fields.Dict):
    """Answers by item, each looked at by :class:`AnswerValue`.

    Nearly all are ordinary: those are passed in one look, because asking a field for each
    of them was a tenth of the request that carries nearly all of the load.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            keys=fields.String(validate=validate.Length(1, _LONGEST_CODE)),
            values=AnswerValue(),
            **kwargs,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, dict) and all(map(_is_ordinary, value, value.values())):
            return value
        return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]


def _is_ordinary(code: str, answer: Any) -> bool:
    if not 0 < len(code) <= _LONGEST_CODE:
        return False
    if isinstance(answer, str):
        return len(answer) <= _LONGEST_CODE
    return answer is None or isinstance(answer, bool | int | float)


class DeviceFindingRequest(RequestSchema):
    """A rule that the phone found to be met, and how urgent."""

    rule = Text(32, required=True)
    tier = fields.String(required=True, validate=validate.OneOf(TIERS))


class VerdictRequest(RequestSchema):
    """What the phone told the patient while it had no network, by which rules."""

    version = Text(80, required=True, metadata={"description": "The rule bundle's"})
    findings = fields.List(
        fields.Nested(DeviceFindingRequest), required=True, validate=validate.Length(max=100)
    )


class CheckInRequest(RequestSchema):
    """A report; the phone chooses `id`, so that sending it again changes nothing."""

    id = fields.UUID(required=True)
    date = LocalDate(required=True, metadata={"description": "The local date it is about"})
    recorded_at = Instant(required=True, metadata={"description": "The phone's clock"})
    time_zone = Text(64, required=True, metadata={"example": "Europe/Istanbul"})
    form_version = Text(32, required=True)
    answers = Answers(
        required=True,
        validate=validate.Length(max=MOST_ANSWERS),
        metadata={"example": {"nrs_back": 3, "wound": "dry", "fall": False, "temp_c": None}},
    )
    note = Text(LONGEST_NOTE, allow_none=True, load_default=None)
    supersedes = fields.UUID(
        allow_none=True,
        load_default=None,
        metadata={"description": "The earlier report that this one corrects"},
    )
    verdict = fields.Nested(
        VerdictRequest,
        allow_none=True,
        load_default=None,
        metadata={"description": "What the phone found by itself; kept beside our own verdict"},
    )

    @pre_load
    def forget_empty_note(self, data: Any, **_: object) -> Any:
        """Read an empty note as none: a form has sent its empty box."""
        if (
            isinstance(data, dict)
            and isinstance(data.get("note"), str)
            and not data["note"].strip()
        ):
            return {**data, "note": None}
        return data

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewCheckIn:
        """Return the report."""
        return NewCheckIn(**loaded)


class CheckInIssueSchema(ResponseSchema):
    """What was odd about a report; it is stored all the same."""

    code = fields.String(required=True, metadata={"example": "clock_suspect"})
    item = fields.String(metadata={"description": "Which answer"})
    given = fields.String(metadata={"description": "What was sent where ours stands"})


class CheckInSchema(ResponseSchema):
    """A report as it is stored."""

    id = fields.UUID(required=True)
    episode_id = fields.UUID(required=True)
    date = LocalDate(required=True)
    recorded_at = Instant(required=True)
    received_at = Instant(required=True)
    time_zone = fields.String(required=True)
    form_version = fields.String(required=True)
    answers = fields.Dict(keys=fields.String(), values=Scalar(allow_none=True), required=True)
    note = fields.String(required=True, allow_none=True)
    supersedes = fields.UUID(required=True, allow_none=True)
    issues = fields.List(fields.Nested(CheckInIssueSchema), required=True)
    source = fields.String(required=True, metadata={"enum": list(SOURCES)})
    reported_by = fields.String(required=True, allow_none=True)
    entered_by = fields.UUID(required=True, allow_none=True)


class AdviceActionSchema(ResponseSchema):
    """Somebody to call; of the patient's country where that is known to be another."""

    name = fields.String(
        required=True, metadata={"enum": ["clinic", "out_of_hours", "emergency", "crisis"]}
    )
    label = fields.String(required=True)
    phone = fields.String(required=True)


class AdviceSchema(ResponseSchema):
    """What an answer asks to do: one a rule, the most pressing first."""

    id = fields.UUID(required=True)
    rule = fields.String(required=True, metadata={"example": "CES2"})
    version = fields.Integer(required=True)
    tier = fields.String(required=True, metadata={"enum": list(TIERS)})
    title = fields.String(required=True)
    text = fields.String(required=True)
    about = LocalDate(required=True, metadata={"description": "The date it was reported for"})
    late = fields.Boolean(
        required=True, metadata={"description": "It is about an earlier date; the text says so"}
    )
    actions = fields.List(fields.Nested(AdviceActionSchema), required=True)


class CheckInProgressSchema(ResponseSchema):
    """Which day of the recovery the report is about, and plain figures; it judges nothing."""

    days_since_surgery = fields.Integer(required=True, allow_none=True)
    days_since_discharge = fields.Integer(required=True)
    text = fields.String(required=True, allow_none=True)


class CheckInAnswerSchema(ResponseSchema):
    """What a report is answered with. An empty `advice` says nothing about how safe it is."""

    check_in = fields.Nested(CheckInSchema, required=True)
    summary = fields.String(
        required=True, metadata={"example": "No warning sign in what you told us."}
    )
    advice = fields.List(fields.Nested(AdviceSchema), required=True)
    monitoring = fields.Nested(MyMonitoringSchema, required=True)
    progress = fields.Nested(CheckInProgressSchema, required=True)


class FormCodeSchema(ResponseSchema):
    """One of the answers to choose from."""

    code = fields.String(required=True)
    label = fields.String(required=True)


class FormItemSchema(ResponseSchema):
    """One question."""

    code = fields.String(required=True)
    type = fields.String(required=True, metadata={"enum": list(TYPES)})
    label = fields.String(required=True)
    help = fields.String()
    safety = fields.Boolean(required=True, metadata={"description": "In every form"})
    required = fields.Boolean(required=True)
    min = fields.Float()
    max = fields.Float()
    decimals = fields.Integer()
    step = fields.Float()
    codes = fields.List(fields.Nested(FormCodeSchema))
    show_if = fields.Dict(
        metadata={
            "description": "Shown when `item` has one of the answers `in`, or `at_least` a number",
            "example": {"item": "weakness_change", "in": ["worse", "new"]},
        }
    )


class FormSchema(ResponseSchema):
    """Today's questions."""

    form_version = fields.String(required=True)
    procedure = fields.String(required=True)
    days_since_surgery = fields.Integer(required=True, allow_none=True)
    language = fields.String(required=True)
    due = fields.Boolean(
        required=True, metadata={"description": "Whether the whole form is asked today"}
    )
    items = fields.List(fields.Nested(FormItemSchema), required=True)


class CheckInListArguments(PageArguments):
    """A page of check-ins, perhaps of some dates only."""

    from_date = LocalDate(data_key="from", load_default=None)
    to_date = LocalDate(data_key="to", load_default=None)

    @post_load
    def to_request(self, loaded: dict[str, Any], **_: object) -> Any:
        """Return the page asked for, and between which dates."""
        first, last = loaded.pop("from_date"), loaded.pop("to_date")
        if first is not None and last is not None and last < first:
            raise ValidationError("Must not be before `from`.", "to")
        return PageRequest(**loaded), first, last


CheckInPage = page_schema(CheckInSchema)
