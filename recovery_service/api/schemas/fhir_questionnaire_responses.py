"""Answers to a questionnaire as other systems of health care write them down."""

from marshmallow import INCLUDE, Schema, fields, validate

from recovery_service.api.schemas.base import ResponseSchema
from recovery_service.domain.questionnaire_response_import import STATUSES

_FHIR_EXAMPLE = {
    "resourceType": "QuestionnaireResponse",
    "identifier": {"system": "urn:made-up", "value": "7"},
    "questionnaire": "https://clinic.example/fhir/Questionnaire/odi|1",
    "status": "completed",
    "authored": "2026-04-10T08:00:00Z",
    "item": [{"linkId": "1", "answer": [{"valueCoding": {"code": "a"}}]}],
}


class FhirQuestionnaireResponse(Schema):
    """A QuestionnaireResponse of FHIR R4; the form that it names says what may be in it."""

    class Meta:
        """Read by `domain.questionnaire_response_import`, which names what it refuses."""

        unknown = INCLUDE

    resourceType = fields.Raw(metadata={"type": "string", "enum": ["QuestionnaireResponse"]})  # noqa: N815
    id = fields.Raw(metadata={"type": "string", "description": "A UUID, without an identifier"})
    identifier = fields.Raw(
        metadata={
            "type": "object",
            "description": "By which the same response, sent again, is known",
            "example": _FHIR_EXAMPLE["identifier"],
        }
    )
    questionnaire = fields.Raw(
        metadata={
            "type": "string",
            "description": "The canonical address, `url|version`",
            "example": _FHIR_EXAMPLE["questionnaire"],
        }
    )
    status = fields.Raw(metadata={"type": "string", "enum": list(STATUSES)})
    authored = fields.Raw(metadata={"type": "string", "format": "date-time"})
    subject = fields.Raw(metadata={"type": "object"})
    item = fields.Raw(
        metadata={"type": "array", "items": {"type": "object"}, "example": _FHIR_EXAMPLE["item"]}
    )


class FhirEntry(ResponseSchema):
    """One resource of a Bundle."""

    fullUrl = fields.String(required=True, metadata={"example": "urn:uuid:5f0c6d1e-9a54-4f3b"})  # noqa: N815
    resource = fields.Dict(required=True, metadata={"example": _FHIR_EXAMPLE})


class FhirBundle(ResponseSchema):
    """A response as FHIR R4: the QuestionnaireResponse, and its score as an Observation."""

    resourceType = fields.String(required=True, validate=validate.Equal("Bundle"))  # noqa: N815
    type = fields.String(required=True, validate=validate.Equal("collection"))
    timestamp = fields.AwareDateTime(required=True)
    entry = fields.List(fields.Nested(FhirEntry), required=True)
