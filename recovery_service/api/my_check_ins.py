"""The patient's check-ins: today's form, a report, and what was reported."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from flask import Response

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageRequest
from recovery_service.api.schemas.my_check_ins import (
    CheckInAnswerSchema,
    CheckInListArguments,
    CheckInPage,
    CheckInRequest,
    CheckInSchema,
    FormSchema,
)
from recovery_service.auth import (
    allow,
    current_actor,
    current_patient_id,
    request_language,
    request_time,
)
from recovery_service.database import few_trips, transaction
from recovery_service.domain.access import Role
from recovery_service.domain.check_in_forms import form_for
from recovery_service.domain.check_ins import NewCheckIn
from recovery_service.domain.local_time import zone
from recovery_service.domain.recovery_day import RecoveryDay
from recovery_service.extensions import parts
from recovery_service.models import CheckIn, Episode
from recovery_service.services.check_in_answers import answer
from recovery_service.services.check_in_reads import check_ins_of
from recovery_service.services.check_in_views import as_json
from recovery_service.services.check_ins import Reporter, record_check_in
from recovery_service.services.scope import current_episode

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "my_check_ins", __name__, url_prefix="/me", description="Today's questions and answers"
)
NEWEST_FIRST = Keyset("check-ins", date, datetime, UUID)


@blueprint.get("/check-in-form")
@allow(Role.PATIENT)
@blueprint.response(200, FormSchema)
def form() -> dict[str, Any]:
    """Show today's questions; there is a form on every day, whatever the plan's state."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = current_episode(session, actor.clinic_id, current_patient_id())
    return form_on_day(episode, time_zone=actor.time_zone, now=now, language=request_language())


def form_on_day(
    episode: Episode, *, time_zone: str, now: datetime, language: str
) -> dict[str, Any]:
    """Return the questions of a patient's local day."""
    day = RecoveryDay.of(
        surgery=episode.surgery_date,
        discharge=episode.discharge_date,
        now=now,
        zone=zone(time_zone),
    )
    return form_for(
        parts().content.check_ins,
        procedure=episode.procedure,
        days_since_surgery=day.days_since_surgery,
        language=language,
    ).as_json()


@blueprint.post("/check-ins")
@allow(Role.PATIENT)
@blueprint.arguments(CheckInRequest)
@blueprint.response(201, CheckInAnswerSchema)
@blueprint.alt_response(200, schema=CheckInAnswerSchema, description="Sent before: as it is stored")
@blueprint.idempotent(CheckInSchema)
def report(new: NewCheckIn) -> Response:
    """Store what the patient reports and answer with what to do, and whom to call.

    Never refused for the clock, its age, the form's version, the state of plan or
    episode, or an unknown item: what is odd is stored with it as `issues`.
    """
    actor = current_actor()
    reporter = Reporter(
        clinic_id=actor.clinic_id,
        patient_id=current_patient_id(),
        home_zone=actor.time_zone,
        device_id=actor.device_id,
    )
    return record(reporter, new)


@blueprint.get("/check-ins")
@allow(Role.PATIENT)
@blueprint.query(CheckInListArguments)
@blueprint.response(200, CheckInPage)
def reports(wanted: tuple[PageRequest, date | None, date | None]) -> Page[dict[str, Any]]:
    """List what the patient reported, newest first."""
    page, first, last = wanted
    with transaction() as session:
        rows = check_ins_of(
            session,
            current_actor().clinic_id,
            patient_id=current_patient_id(),
            limit=page.limit,
            behind=NEWEST_FIRST.decode(page.cursor),
            first=first,
            last=last,
        )
    return page_of(rows, page)


def page_of(rows: Sequence[CheckIn], page: PageRequest) -> Page[dict[str, Any]]:
    """Cut a page and show its reports."""
    cut = NEWEST_FIRST.page(rows, page.limit, lambda row: (row.local_date, row.recorded_at, row.id))
    return Page([as_json(row) for row in cut.items], cut.next_cursor)


def record(reporter: Reporter, new: NewCheckIn) -> Response:
    """Store a report and write its answer by hand: this request carries nearly all the load."""
    content, now = parts().content, request_time()
    recorded = record_check_in(few_trips, transaction, content, reporter, new, now=now)
    log.info("check_in_recorded", check_in_id=new.id, repeated=recorded.repeated)
    if recorded.verdict.differs:
        # How many rules, and not which: those say how the patient is.
        log.warning(
            "device_verdict_differs", check_in_id=new.id, count=len(recorded.verdict.differs)
        )
    told = answer(content, recorded, now=now, language=request_language())
    body = orjson.dumps(told, option=orjson.OPT_UTC_Z)
    return Response(body, 200 if recorded.repeated else 201, mimetype="application/json")
