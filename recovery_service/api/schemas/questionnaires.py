"""Licensed questionnaires on the wire, and the instruments that they belong to."""

from typing import Any

from marshmallow import fields, post_load

from recovery_service.api.pagination import page_schema
from recovery_service.api.schemas.base import (
    Instant,
    RequestSchema,
    ResponseSchema,
    Text,
    Translations,
    TrueOrFalse,
)
from recovery_service.domain.instruments import HIGHER, LOWER, ORIGINS, SCORINGS
from recovery_service.services.questionnaires import NewQuestionnaire

_EXAMPLE = {
    "resourceType": "Questionnaire",
    "status": "active",
    "language": "en",
    "url": "https://clinic.example/fhir/Questionnaire/rmdq",
    "version": "1",
    "title": "As licensed",
    "item": [
        {
            "linkId": "1",
            "type": "choice",
            "text": "As licensed",
            "answerOption": [
                {
                    "valueCoding": {"code": "yes", "display": "Yes"},
                    "extension": [
                        {
                            "url": "http://hl7.org/fhir/StructureDefinition/ordinalValue",
                            "valueDecimal": 1,
                        }
                    ],
                }
            ],
        }
    ],
}


class ThresholdSchema(ResponseSchema):
    """A change of the score, in points or in percent of the baseline, and where it is from."""

    points = fields.Float(allow_none=True)
    percent = fields.Float(allow_none=True)
    source = fields.List(fields.String(), required=True)
    grade = fields.String(required=True)
    clinician_must_confirm = fields.Boolean(required=True)


class InstrumentSchema(ResponseSchema):
    """An instrument: how it is scored, and which change of it counts."""

    code = fields.String(required=True, metadata={"example": "odi"})
    title = Translations(required=True)
    origin = fields.String(required=True, metadata={"enum": list(ORIGINS)})
    licence = fields.Dict(required=True)
    importable = fields.Boolean(
        required=True, metadata={"description": "Whether a licensed Questionnaire can be imported"}
    )
    procedures = fields.Function(
        lambda one: sorted(one.procedures),
        required=True,
        metadata={"type": "array", "items": {"type": "string"}},
    )
    minimum = fields.Float(required=True)
    maximum = fields.Float(required=True)
    better = fields.String(required=True, metadata={"enum": [LOWER, HIGHER]})
    scoring = fields.String(
        attribute="scoring.kind",
        required=True,
        metadata={"enum": [kind for kinds in SCORINGS.values() for kind in kinds]},
    )
    least_answered = fields.Integer(attribute="scoring.least_answered", required=True)
    earliest_day = fields.Integer(
        required=True, metadata={"description": "Days since surgery before which nothing is judged"}
    )
    loinc = fields.String(required=True, allow_none=True)
    important = fields.List(fields.Nested(ThresholdSchema), required=True)
    judged_by = fields.Nested(ThresholdSchema, required=True)
    detectable = fields.Nested(ThresholdSchema, required=True, allow_none=True)
    source = fields.List(fields.String(), required=True)
    grade = fields.String(required=True)
    clinician_must_confirm = fields.Boolean(required=True)
    why_confirm = Translations(required=True, allow_none=True)


class InstrumentList(ResponseSchema):
    """The registry."""

    version = fields.Integer(required=True)
    status = fields.String(required=True)
    content_hash = fields.String(required=True)
    items = fields.List(fields.Nested(InstrumentSchema), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class QuestionnaireSummarySchema(ResponseSchema):
    """An imported version in a list."""

    id = fields.UUID(required=True)
    instrument = fields.String(required=True)
    language = fields.String(required=True)
    url = fields.String(required=True, allow_none=True)
    version = fields.String(required=True, allow_none=True)
    title = Translations(required=True)
    content_hash = fields.String(required=True)
    active = fields.Boolean(required=True)
    created_by = fields.UUID(required=True)
    created_at = Instant(required=True)


class QuestionnaireSchema(QuestionnaireSummarySchema):
    """An imported version with its content, as the clinic gave it."""

    content = fields.Dict(required=True)


QuestionnairePage = page_schema(QuestionnaireSummarySchema)


class NewQuestionnaireRequest(RequestSchema):
    """A FHIR R4 Questionnaire that the clinic holds a licence for."""

    instrument = Text(64, required=True, metadata={"example": "rmdq"})
    content = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "The resource; its answers carry their scores in ordinalValue",
            "example": _EXAMPLE,
        },
    )
    activate = TrueOrFalse(
        load_default=True, metadata={"description": "Offer it to patients at once"}
    )

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewQuestionnaire:
        """Return what is to be imported."""
        return NewQuestionnaire(**loaded)
