"""The questionnaires of an episode, for staff: answers, scores from paper, and the change."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import structlog
from flask import Response, jsonify

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest
from recovery_service.api.schemas.fhir_questionnaire_responses import (
    FhirBundle,
    FhirQuestionnaireResponse,
)
from recovery_service.api.schemas.questionnaire_responses import (
    CourseList,
    FormatArguments,
    QuestionnaireResponsePage,
    QuestionnaireResponseSchema,
    StaffQuestionnaireResponseRequest,
)
from recovery_service.auth import allow, current_actor, request_language, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.instrument_change import Change, Reading
from recovery_service.domain.languages import in_language
from recovery_service.domain.local_time import local_date
from recovery_service.errors import NoSuchObject
from recovery_service.extensions import parts
from recovery_service.services import audit, questionnaire_responses
from recovery_service.services.instrument_readings import InstrumentCourse, instrument_courses
from recovery_service.services.questionnaire_export import FHIR, as_fhir
from recovery_service.services.questionnaire_fhir import record_fhir
from recovery_service.services.questionnaire_forms import form_answered
from recovery_service.services.questionnaire_responses import NewQuestionnaireResponse, as_json
from recovery_service.services.scope import episode_in_scope, patient_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "episode_questionnaires",
    __name__,
    url_prefix="/episodes/<uuid:episode_id>",
    description="Patient-reported outcomes of an episode",
)
_NEWEST_FIRST = Keyset("questionnaire-responses", date, datetime, UUID)
_COMMA = ("tr",)


@blueprint.get("/questionnaire-responses")
@allow(*CARE)
@blueprint.query(PageArguments)
@blueprint.response(200, QuestionnaireResponsePage)
def index(page: PageRequest, episode_id: UUID) -> Page[dict[str, Any]]:
    """List the responses of the episode, newest first."""
    behind = _NEWEST_FIRST.decode(page.cursor)
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        rows = questionnaire_responses.responses_of(
            session, episode, limit=page.limit, behind=behind
        )
        audit.record(
            session, actor, "questionnaire_responses_read", "episode", episode_id,
            patient_id=episode.patient_id, now=now,
        )  # fmt: skip
    cut = _NEWEST_FIRST.page(
        rows, page.limit, lambda row: (row.local_date, row.authored_at, row.id)
    )
    return Page([as_json(row) for row in cut.items], cut.next_cursor)


@blueprint.post("/questionnaire-responses")
@allow(*CARE)
@blueprint.arguments(StaffQuestionnaireResponseRequest)
@blueprint.response(201, QuestionnaireResponseSchema)
@blueprint.alt_response(
    200, schema=QuestionnaireResponseSchema, description="Sent before: as it is stored"
)
@blueprint.idempotent(QuestionnaireResponseSchema)
def create(new: NewQuestionnaireResponse, episode_id: UUID) -> tuple[dict[str, Any], int]:
    """Enter answers that somebody told, or the score of a form that was filled in on paper."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        patient = patient_in_scope(session, actor, episode.patient_id)
        row, repeated = questionnaire_responses.record_response(
            session, parts().content, actor, episode, new, home_zone=patient.time_zone, now=now
        )
        audit.record(
            session, actor, "questionnaire_response_entered", "questionnaire_response", new.id,
            patient_id=patient.id, now=now,
        )  # fmt: skip
    log.info("questionnaire_response_entered", response_id=new.id, repeated=repeated)
    return as_json(row), 200 if repeated else 201


@blueprint.post("/questionnaire-responses/fhir")
@allow(*CARE)
@blueprint.arguments(FhirQuestionnaireResponse, content_type=FHIR)
@blueprint.response(201, QuestionnaireResponseSchema)
@blueprint.alt_response(
    200, schema=QuestionnaireResponseSchema, description="Sent before: as it is stored"
)
@blueprint.idempotent(QuestionnaireResponseSchema)
def create_fhir(resource: dict[str, Any], episode_id: UUID) -> tuple[dict[str, Any], int]:
    """Take in a QuestionnaireResponse of FHIR R4 from another system.

    It is compared with the form that it names; what does not fit is refused with its path.
    `amended` corrects what had come under the same identifier.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        patient = patient_in_scope(session, actor, episode.patient_id)
        row, repeated = record_fhir(
            session, parts().content, actor, episode, resource,
            home_zone=patient.time_zone, now=now,
        )  # fmt: skip
        audit.record(
            session, actor, "questionnaire_response_entered", "questionnaire_response", row.id,
            patient_id=patient.id, now=now,
        )  # fmt: skip
        found = as_json(row)
    log.info("questionnaire_response_entered", response_id=found["id"], repeated=repeated)
    return found, 200 if repeated else 201


@blueprint.get("/questionnaire-responses/<uuid:response_id>")
@allow(*CARE)
@blueprint.query(FormatArguments)
@blueprint.response(200, QuestionnaireResponseSchema)
@blueprint.alt_response(200, schema=FhirBundle, content_type=FHIR)
def show(wanted: dict[str, str], episode_id: UUID, response_id: UUID) -> Any:
    """Show a response, or as FHIR R4: a Bundle of the QuestionnaireResponse and its score."""
    actor, now, content = current_actor(), request_time(), parts().content
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        row = questionnaire_responses.response_in_scope(session, episode, response_id)
        audit.record(
            session, actor, "questionnaire_response_read", "questionnaire_response", response_id,
            patient_id=episode.patient_id, now=now,
        )  # fmt: skip
        if wanted["format"] == "json":
            return as_json(row)
        instrument = content.instruments.get(row.instrument)
        if instrument is None:  # it left the registry: there is nothing to read its answers by
            raise NoSuchObject("instrument")
        form = None
        if row.answers is not None:
            form = form_answered(session, actor.clinic_id, instrument, row.questionnaire_id).form
    bundle = as_fhir(
        row, instrument, form, patient_id=episode.patient_id, language=request_language()
    )
    answer: Response = jsonify(bundle)
    answer.mimetype = FHIR
    return answer


@blueprint.get("/instruments")
@allow(*CARE)
@blueprint.response(200, CourseList)
def courses(episode_id: UUID) -> dict[str, Any]:
    """Show each instrument's scores and how they stand against the one before the operation."""
    actor, now, language = current_actor(), request_time(), request_language()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        patient = patient_in_scope(session, actor, episode.patient_id)
        found = instrument_courses(
            session, parts().content, episode, today=local_date(patient.time_zone, now)
        )
        audit.record(
            session, actor, "instruments_read", "episode", episode_id,
            patient_id=patient.id, now=now,
        )  # fmt: skip
    return {"items": [_course(one, language) for one in found], "next_cursor": None}


def _course(course: InstrumentCourse, language: str) -> dict[str, Any]:
    one = course.instrument
    return {
        "instrument": one.code,
        "title": in_language(one.title, language),
        "minimum": one.minimum,
        "maximum": one.maximum,
        "better": one.better,
        "baseline": course.baseline,
        "readings": [
            _reading(each.reading) | {"change": _change(each.change, one.earliest_day, language)}
            for each in course.readings
        ],
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {"score": reading.score, "day": reading.day, "time_point": reading.time_point}


def _change(change: Change, earliest_day: int, language: str) -> dict[str, Any]:
    text = parts().content.text(
        f"instrument_change.{change.reason}",
        language,
        points=_number(abs(change.points or 0), language),
        needed=_number(change.needed or 0, language),
        day=earliest_day,
    )
    return {
        "state": change.state,
        "reason": change.reason,
        "text": text,
        "points": change.points,
        "needed": change.needed,
    }


def _number(value: float, language: str) -> str:
    """Write a number as its readers do: 3.6 in English, 3,6 in Turkish."""
    text = f"{value:.1f}".removesuffix(".0")
    return text.replace(".", ",") if language in _COMMA else text
