"""The check-ins of an episode, for staff: read, and entered for a patient on the phone."""

from datetime import date
from typing import Any
from uuid import UUID

from flask import Response

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.my_check_ins import NEWEST_FIRST, page_of, record
from recovery_service.api.pagination import Page, PageRequest
from recovery_service.api.schemas.episode_check_ins import StaffCheckInPage, StaffCheckInRequest
from recovery_service.api.schemas.my_check_ins import (
    CheckInAnswerSchema,
    CheckInListArguments,
    CheckInSchema,
)
from recovery_service.auth import allow, current_actor, request_language, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.check_ins import NewCheckIn
from recovery_service.extensions import parts
from recovery_service.services import audit
from recovery_service.services.check_in_reads import check_ins_of
from recovery_service.services.check_ins import Reporter
from recovery_service.services.device_verdicts import difference_as_json, differences_of
from recovery_service.services.scope import episode_in_scope, patient_in_scope

blueprint = ApiBlueprint(
    "episode_check_ins",
    __name__,
    url_prefix="/episodes/<uuid:episode_id>/check-ins",
    description="What the patient of an episode reported",
)


@blueprint.post("")
@allow(*CARE)
@blueprint.arguments(StaffCheckInRequest)
@blueprint.response(201, CheckInAnswerSchema)
@blueprint.alt_response(200, schema=CheckInAnswerSchema, description="Sent before: as it is stored")
@blueprint.idempotent(CheckInSchema)
def report(new: NewCheckIn, episode_id: UUID) -> Response:
    """Store what the patient, or somebody at home, told on the phone; by the same rules."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        patient = patient_in_scope(session, actor, episode.patient_id)
        audit.record(
            session, actor, "check_in_entered", "check_in", new.id, patient_id=patient.id, now=now
        )
    reporter = Reporter(
        clinic_id=actor.clinic_id,
        patient_id=patient.id,
        home_zone=patient.time_zone,
        episode_id=episode_id,
        entered_by=actor.id,
    )
    return record(reporter, new)


@blueprint.get("")
@allow(*CARE)
@blueprint.query(CheckInListArguments)
@blueprint.response(200, StaffCheckInPage)
def reports(
    wanted: tuple[PageRequest, date | None, date | None], episode_id: UUID
) -> Page[dict[str, Any]]:
    """List the check-ins of the episode, newest first, and what phones had told otherwise."""
    actor, now = current_actor(), request_time()
    page, first, last = wanted
    behind = NEWEST_FIRST.decode(page.cursor)
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        rows = check_ins_of(
            session,
            actor.clinic_id,
            episode_id=episode_id,
            limit=page.limit,
            behind=behind,
            first=first,
            last=last,
        )
        differ = differences_of(session, actor.clinic_id, [row.id for row in rows])
        audit.record(
            session, actor, "check_ins_read", "episode", episode_id,
            patient_id=episode.patient_id, now=now,
        )  # fmt: skip
    content, language = parts().content, request_language()
    cut = page_of(rows, page)
    shown = [
        {
            **item,
            "device_differences": [
                difference_as_json(content, each, language) for each in differ.get(item["id"], ())
            ],
        }
        for item in cut.items
    ]
    return Page(shown, cut.next_cursor)
