"""The clinic's licensed questionnaires: imported, offered to patients, and taken back."""

from datetime import datetime
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest
from recovery_service.api.schemas.questionnaires import (
    NewQuestionnaireRequest,
    QuestionnairePage,
    QuestionnaireSchema,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CLINICIANS, STAFF, Role
from recovery_service.extensions import parts
from recovery_service.models import Questionnaire
from recovery_service.services import questionnaires
from recovery_service.services.questionnaires import NewQuestionnaire, questionnaire_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "questionnaires",
    __name__,
    url_prefix="/questionnaires",
    description="FHIR R4 Questionnaires that the clinic holds a licence for",
)
_NEWEST_FIRST = Keyset("questionnaires", datetime, UUID)


@blueprint.get("")
@allow(*STAFF)
@blueprint.query(PageArguments)
@blueprint.response(200, QuestionnairePage)
def index(page: PageRequest) -> Page[Questionnaire]:
    """List the imported versions, newest first."""
    before = _NEWEST_FIRST.decode(page.cursor)
    with transaction() as session:
        rows = questionnaires.questionnaires_of(
            session, current_actor(), before=before, limit=page.limit
        )
    return _NEWEST_FIRST.page(rows, page.limit, lambda row: (row.created_at, row.id))


@blueprint.post("")
@allow(*CLINICIANS, Role.ADMIN)
@blueprint.arguments(NewQuestionnaireRequest)
@blueprint.response(201, QuestionnaireSchema)
@blueprint.alt_response(
    200, schema=QuestionnaireSchema, description="Imported before: as it is stored"
)
def create(new: NewQuestionnaire) -> tuple[Questionnaire, int]:
    """Import a licensed questionnaire.

    Refused with a pointer below `/content`: what has no scores, conditions that go in circles,
    more than 5 levels or 200 items, and whatever could not be asked, answered or scored here
    as it is meant. The same content again is the version that stands.
    """
    with transaction() as session:
        row, repeated = questionnaires.import_version(
            session, current_actor(), parts().content, new, now=request_time()
        )
    log.info("questionnaire_imported", questionnaire_id=row.id, repeated=repeated)
    return row, 200 if repeated else 201


@blueprint.get("/<uuid:questionnaire_id>")
@allow(*STAFF)
@blueprint.response(200, QuestionnaireSchema)
def show(questionnaire_id: UUID) -> Questionnaire:
    """Show a version with its content."""
    with transaction() as session:
        return questionnaire_in_scope(session, current_actor(), questionnaire_id)


@blueprint.post("/<uuid:questionnaire_id>/activate")
@allow(*CLINICIANS, Role.ADMIN)
@blueprint.response(200, QuestionnaireSchema)
def activate(questionnaire_id: UUID) -> Questionnaire:
    """Offer this version to patients, in place of the one of its language."""
    with transaction() as session:
        row = questionnaires.activate(
            session, current_actor(), parts().content, questionnaire_id, now=request_time()
        )
    log.info("questionnaire_activated", questionnaire_id=questionnaire_id)
    return row


@blueprint.post("/<uuid:questionnaire_id>/retire")
@allow(*CLINICIANS, Role.ADMIN)
@blueprint.response(200, QuestionnaireSchema)
def retire(questionnaire_id: UUID) -> Questionnaire:
    """Offer this version no more; answers that come late are taken."""
    with transaction() as session:
        row = questionnaires.retire(
            session, current_actor(), parts().content, questionnaire_id, now=request_time()
        )
    log.info("questionnaire_retired", questionnaire_id=questionnaire_id)
    return row
