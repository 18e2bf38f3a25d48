"""What the patient was told in answer to check-ins, and what they did about it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.my_advice import (
    AdviceResponseRequest,
    AdviceResponseSchema,
    MyAdviceSchema,
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
from recovery_service.models import Advice, AdviceResponse, Alert
from recovery_service.services.advice import advice_of_patient, respond

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "my_advice", __name__, url_prefix="/me/advice", description="What a check-in was answered with"
)
_NEWEST_FIRST = Keyset("advice", datetime, UUID)


@blueprint.get("")
@allow(Role.PATIENT)
@blueprint.query(PageArguments)
@blueprint.response(200, page_schema(MyAdviceSchema))
def index(page: PageRequest) -> Page[dict[str, Any]]:
    """List what the patient was told, newest first, and whether staff have seen it."""
    with transaction() as session:
        rows = advice_of_patient(
            session,
            current_actor().clinic_id,
            current_patient_id(),
            before=_NEWEST_FIRST.decode(page.cursor),
            limit=page.limit,
        )
    cut = _NEWEST_FIRST.page(rows, page.limit, lambda row: (row[0].given_at, row[0].id))
    language = request_language()
    return Page([shown(advice, alert, language) for advice, alert in cut.items], cut.next_cursor)


@blueprint.post("/<uuid:advice_id>/response")
@allow(Role.PATIENT)
@blueprint.arguments(AdviceResponseRequest)
@blueprint.response(201, AdviceResponseSchema)
@blueprint.alt_response(
    200, schema=AdviceResponseSchema, description="Sent before: as it is stored"
)
@blueprint.idempotent(AdviceResponseSchema)
def answer(given: dict[str, Any], advice_id: UUID) -> tuple[AdviceResponse, int]:
    """Say what was done about an advice; staff see it beside the alert."""
    actor = current_actor()
    with transaction() as session:
        stored, repeated = respond(
            session,
            actor.clinic_id,
            current_patient_id(),
            advice_id,
            given["id"],
            given["response"],
            device_id=actor.device_id,
            now=request_time(),
        )
    log.info("advice_answered", advice_id=advice_id, repeated=repeated)
    return stored, 200 if repeated else 201


def shown(advice: Advice, alert: Alert, language: str) -> dict[str, Any]:
    """Return an advice as `MyAdviceSchema` declares it."""
    return {
        "id": advice.id,
        "check_in_id": advice.check_in_id,
        "message_id": advice.message_id,
        "rule": advice.rule_id,
        "version": advice.rule_version,
        "tier": advice.tier,
        "title": in_language(advice.title, language),
        "text": in_language(advice.text, language),
        "about": advice.about,
        "given_at": advice.given_at,
        "state": alert.state,
        "seen_at": _seen_at(advice, alert),
    }


def _seen_at(advice: Advice, alert: Alert) -> datetime | None:
    """Return when staff looked, if that was after this was reported and not before."""
    seen = alert.acknowledged_at
    return seen if seen is not None and seen >= advice.given_at else None
