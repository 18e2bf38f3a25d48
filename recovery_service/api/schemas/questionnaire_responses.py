"""Questionnaires as patients get them, and answers as they come back."""

from typing import Any

from marshmallow import (
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from recovery_service.api.pagination import page_schema
from recovery_service.api.schemas.base import (
    Instant,
    LocalDate,
    RealNumber,
    RequestSchema,
    ResponseSchema,
    Scalar,
    Text,
)
from recovery_service.domain.instrument_change import REASONS, STATES
from recovery_service.domain.questionnaire_items import LONGEST_TEXT, TYPES
from recovery_service.services.questionnaire_responses import NewQuestionnaireResponse

MOST_ANSWERS = 200
_LONGEST_LINK = 255
_EXAMPLE = {"activity_1": "Putting on socks", "ability_1": 3}


class ResponseAnswer(fields.Field[Any]):
    """An answer: true or false, a number, a code or a text, or null for not answered."""

    json_type = Scalar.json_type

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise ValidationError(f"At most {LONGEST_TEXT} characters.")
        if not isinstance(value, bool | int | float | str):
            raise ValidationError("Must be true, false, a number, a text or null.")
        return value


def _answers(**kwargs: Any) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(validate=validate.Length(1, _LONGEST_LINK)),
        values=ResponseAnswer(),
        validate=validate.Length(max=MOST_ANSWERS),
        metadata={"description": "By `link_id` of the form", "example": _EXAMPLE},
        **kwargs,
    )


class QuestionnaireResponseRequest(RequestSchema):
    """Answers; the phone chooses `id`, so that sending them again changes nothing."""

    id = fields.UUID(required=True)
    instrument = Text(64, required=True, metadata={"example": "psfs"})
    authored_at = Instant(required=True, metadata={"description": "When it was answered"})
    questionnaire = fields.UUID(
        load_default=None,
        allow_none=True,
        metadata={"description": "Which licensed version was answered; none of a shipped form"},
    )
    form_version = Text(64, load_default=None, allow_none=True)
    time_point = Text(
        64,
        load_default=None,
        allow_none=True,
        metadata={"description": "The one it was answered for; otherwise its day's"},
    )
    supersedes = fields.UUID(
        allow_none=True,
        load_default=None,
        metadata={"description": "The earlier response that this one corrects"},
    )
    answers: Any = _answers(required=True)

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewQuestionnaireResponse:
        """Return the response."""
        return NewQuestionnaireResponse(**loaded)


class StaffQuestionnaireResponseRequest(QuestionnaireResponseRequest):
    """Answers that somebody told, or a score from paper: either of the two."""

    answers: Any = _answers(load_default=None, allow_none=True)
    score = RealNumber(load_default=None, allow_none=True, metadata={"example": 42})

    @validates_schema
    def one_of_two(self, loaded: dict[str, Any], **_: object) -> None:
        """Refuse both, and neither."""
        if (loaded.get("answers") is None) == (loaded.get("score") is None):
            raise ValidationError("Give either answers or a score.", "answers")


class ResponseIssueSchema(ResponseSchema):
    """What was odd about a response; it is stored all the same."""

    code = fields.String(required=True, metadata={"example": "off_window"})


class QuestionnaireResponseSchema(ResponseSchema):
    """A response as it is stored; without `answers` it is a score alone."""

    id = fields.UUID(required=True)
    episode_id = fields.UUID(required=True)
    instrument = fields.String(required=True)
    questionnaire = fields.UUID(attribute="questionnaire_id", required=True, allow_none=True)
    form_version = fields.String(required=True, allow_none=True)
    time_point = fields.String(required=True, allow_none=True)
    date = LocalDate(attribute="local_date", required=True)
    authored_at = Instant(required=True)
    received_at = Instant(required=True)
    answers = fields.Dict(
        keys=fields.String(), values=Scalar(allow_none=True), required=True, allow_none=True
    )
    score = fields.Float(
        required=True, allow_none=True, metadata={"description": "Null: too little was answered"}
    )
    complete = fields.Boolean(required=True)
    issues = fields.List(fields.Nested(ResponseIssueSchema), required=True)
    supersedes = fields.UUID(required=True, allow_none=True)
    source = fields.String(required=True, metadata={"enum": ["app", "staff"]})
    entered_by = fields.UUID(required=True, allow_none=True)


QuestionnaireResponsePage = page_schema(QuestionnaireResponseSchema)


class FormatArguments(RequestSchema):
    """In which form a response is wanted."""

    format = fields.String(
        load_default="json",
        validate=validate.OneOf(["json", "fhir"]),
        metadata={"description": "`fhir`: a Bundle of FHIR R4, as `application/fhir+json`"},
    )


class TimePointSchema(ResponseSchema):
    """A time point; both dates are inclusive."""

    code = fields.String(required=True, metadata={"example": "prom_day_42"})
    day = fields.Integer(required=True, metadata={"description": "Days since surgery"})
    target = LocalDate(required=True)
    opens = LocalDate(required=True)
    closes = LocalDate(required=True)


class QuestionnaireItemSchema(ResponseSchema):
    """A group, a text to read (`display`), or a question."""

    link_id = fields.String(required=True)
    type = fields.String(required=True, metadata={"enum": list(TYPES)})
    text = fields.String()
    required = fields.Boolean()
    min = fields.Float()
    max = fields.Float()
    options = fields.List(fields.Dict(metadata={"example": {"code": "a", "label": "As licensed"}}))
    enable_when = fields.List(
        fields.Dict(
            metadata={"example": {"question": "activity_1", "operator": "exists", "answer": True}}
        )
    )
    enable_behavior = fields.String(metadata={"enum": ["all", "any"]})
    items = fields.List(
        fields.Nested("QuestionnaireItemSchema"),
        required=True,
        metadata={"description": "What stands below; asked only where this is"},
    )


class MyQuestionnaireSchema(ResponseSchema):
    """A form in the patient's language, when it is due, and when it is next."""

    instrument = fields.String(required=True)
    title = fields.String(required=True)
    language = fields.String(required=True)
    questionnaire = fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "To be sent back with the answers"},
    )
    form_version = fields.String(required=True, allow_none=True)
    due = fields.Nested(
        TimePointSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Null: nothing is due; the form can be answered all the same"},
    )
    occurrence_id = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Of what is due, in the agenda and in the reminder's deep link "
            "`/questionnaires/{occurrence_id}`; null where the clinic does not remind of it"
        },
    )
    next = fields.Nested(TimePointSchema, required=True, allow_none=True)
    carried = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "Texts of the first response, to be rated again"},
    )
    items = fields.List(fields.Nested(QuestionnaireItemSchema), required=True)


class MyQuestionnaireList(ResponseSchema):
    """All forms of the operation, what is due first."""

    items = fields.List(fields.Nested(MyQuestionnaireSchema), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class ReadingSchema(ResponseSchema):
    """A score on a date."""

    score = fields.Float(required=True)
    date = LocalDate(attribute="day", required=True)
    time_point = fields.String(required=True, allow_none=True)


class ChangeSchema(ResponseSchema):
    """How a score stands against the one before the operation."""

    state = fields.String(required=True, metadata={"enum": list(STATES)})
    reason = fields.String(required=True, metadata={"enum": list(REASONS)})
    text = fields.String(required=True, metadata={"description": "The reason in a sentence"})
    points = fields.Float(
        required=True, allow_none=True, metadata={"description": "Positive is better"}
    )
    needed = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Points that matter and can be told from noise"},
    )


class JudgedSchema(ReadingSchema):
    """A score after the operation, and its change."""

    change = fields.Nested(ChangeSchema, required=True)


class CourseSchema(ResponseSchema):
    """One instrument in one episode."""

    instrument = fields.String(required=True)
    title = fields.String(required=True)
    minimum = fields.Float(required=True)
    maximum = fields.Float(required=True)
    better = fields.String(required=True)
    baseline = fields.Nested(ReadingSchema, required=True, allow_none=True)
    readings = fields.List(fields.Nested(JudgedSchema), required=True)


class CourseList(ResponseSchema):
    """The instruments of an episode that have a score."""

    items = fields.List(fields.Nested(CourseSchema), required=True)
    next_cursor = fields.String(allow_none=True, required=True)
