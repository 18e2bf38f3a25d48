"""The patient's questionnaires: the forms with their time points, and the answers."""

from typing import Any

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.fhir_questionnaire_responses import (
    FhirQuestionnaireResponse,
)
from recovery_service.api.schemas.questionnaire_responses import (
    MyQuestionnaireList,
    QuestionnaireResponseRequest,
    QuestionnaireResponseSchema,
)
from recovery_service.auth import (
    allow,
    current_actor,
    current_patient_id,
    request_language,
    request_time,
)
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.domain.languages import in_language
from recovery_service.extensions import parts
from recovery_service.services.my_questionnaires import MyQuestionnaire, questionnaires_of_patient
from recovery_service.services.questionnaire_export import FHIR
from recovery_service.services.questionnaire_fhir import record_fhir
from recovery_service.services.questionnaire_responses import (
    NewQuestionnaireResponse,
    as_json,
    record_response,
)
from recovery_service.services.scope import current_episode

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "my_questionnaires", __name__, url_prefix="/me", description="Patient-reported outcomes"
)


@blueprint.get("/questionnaires")
@allow(Role.PATIENT)
@blueprint.response(200, MyQuestionnaireList)
def index() -> dict[str, Any]:
    """Show the forms of the operation in the patient's language, what is due first.

    There is a form on every day, whatever the plan's state: `due` says what is asked for now.
    """
    actor, language = current_actor(), request_language()
    with transaction() as session:
        found = questionnaires_of_patient(
            session,
            parts().content,
            current_episode(session, actor.clinic_id, current_patient_id()),
            home_zone=actor.time_zone,
            language=language,
            now=request_time(),
        )
    return {"items": [_shown(one, language) for one in found], "next_cursor": None}


@blueprint.post("/questionnaire-responses")
@allow(Role.PATIENT)
@blueprint.arguments(QuestionnaireResponseRequest)
@blueprint.response(201, QuestionnaireResponseSchema)
@blueprint.alt_response(
    200, schema=QuestionnaireResponseSchema, description="Sent before: as it is stored"
)
@blueprint.idempotent(QuestionnaireResponseSchema)
def answer(new: NewQuestionnaireResponse) -> tuple[dict[str, Any], int]:
    """Store answers and their score.

    Never refused for its age, its window or what was left out; only an answer that its
    question cannot have is.
    """
    actor = current_actor()
    with transaction() as session:
        row, repeated = record_response(
            session,
            parts().content,
            actor,
            current_episode(session, actor.clinic_id, current_patient_id()),
            new,
            home_zone=actor.time_zone,
            now=request_time(),
        )
    log.info("questionnaire_answered", response_id=new.id, repeated=repeated)
    return as_json(row), 200 if repeated else 201


@blueprint.post("/questionnaire-responses/fhir")
@allow(Role.PATIENT)
@blueprint.arguments(FhirQuestionnaireResponse, content_type=FHIR)
@blueprint.response(201, QuestionnaireResponseSchema)
@blueprint.alt_response(
    200, schema=QuestionnaireResponseSchema, description="Sent before: as it is stored"
)
@blueprint.idempotent(QuestionnaireResponseSchema)
def answer_fhir(resource: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Store a QuestionnaireResponse of FHIR R4 and its score.

    It is compared with the form that it names; what does not fit is refused with its path.
    """
    actor = current_actor()
    with transaction() as session:
        row, repeated = record_fhir(
            session,
            parts().content,
            actor,
            current_episode(session, actor.clinic_id, current_patient_id()),
            resource,
            home_zone=actor.time_zone,
            now=request_time(),
        )
        found = as_json(row)
    log.info("questionnaire_answered", response_id=found["id"], repeated=repeated)
    return found, 200 if repeated else 201


def _shown(mine: MyQuestionnaire, language: str) -> dict[str, Any]:
    one = mine.offered
    return {
        "instrument": one.instrument.code,
        "title": in_language(one.form.title, language),
        "language": language if language in one.form.title else next(iter(one.form.title)),
        "questionnaire": one.questionnaire_id,
        "form_version": one.form_version,
        "due": mine.due,
        "occurrence_id": mine.occurrence_id,
        "next": mine.next,
        "carried": mine.carried,
        "items": one.form.as_json(language),
    }
