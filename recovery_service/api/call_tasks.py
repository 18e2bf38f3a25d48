"""Call tasks, for staff: whom to ring on a day, and why."""

from datetime import date
from typing import Any
from uuid import UUID

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, page_schema
from recovery_service.api.schemas.call_tasks import CallTaskArguments, CallTaskSchema, Wanted
from recovery_service.auth import allow, current_actor, request_language, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.dates_in_words import short_date
from recovery_service.domain.languages import in_language
from recovery_service.extensions import parts
from recovery_service.services.call_tasks import CallReason, CallTask, ranked, read_call_tasks

blueprint = ApiBlueprint(
    "call_tasks", __name__, url_prefix="/call-tasks", description="Patients to be called"
)
# The day first: the later pages of a list are of the same day.
_PLACES = Keyset("call-tasks", date, int, date, str, UUID)


@blueprint.get("")
@allow(*CARE)
@blueprint.query(CallTaskArguments)
@blueprint.response(200, page_schema(CallTaskSchema))
def ranking(wanted: Wanted) -> Page[dict[str, Any]]:
    """List who is to be called on a day: check-ins first, then who waits longest.

    They are patients without a smartphone (`contact_mode` is `phone`) whose recovery is
    open. A task ends by itself when its check-in is entered or its visit is booked.
    """
    page = wanted["page"]
    behind = _PLACES.decode(page.cursor)
    on, *after = behind or (wanted["on"],)
    with transaction() as session:
        day, tasks = read_call_tasks(session, current_actor(), on, now=request_time())
    if after:
        first, since, name, patient_id = after
        seen = (first, since, name.casefold(), str(patient_id))
        tasks = [task for task in tasks if ranked(task) > seen]
    cut = _PLACES.page(tasks[: page.limit + 1], page.limit, lambda task: (day, *task.place))
    language = request_language()
    return Page([_shown(task, day, language) for task in cut.items], cut.next_cursor)


def _shown(task: CallTask, day: date, language: str) -> dict[str, Any]:
    return {
        "on": day,
        "patient_id": task.patient_id,
        "name": task.name,
        "time_zone": task.time_zone,
        "locale": task.locale,
        "episode_id": task.episode_id,
        "procedure": task.procedure,
        "phones": task.phones,
        "reasons": [_reason(each, language) for each in task.reasons],
    }


def _reason(reason: CallReason, language: str) -> dict[str, Any]:
    content = parts().content
    words = {
        "title": in_language(reason.title, language) if reason.title else "",
        "since": short_date(content, reason.since, language),
        "until": short_date(content, reason.until or reason.since, language),
    }
    return {
        "code": reason.code,
        "text": content.text(f"call.{reason.code}", language, **words),
        "since": reason.since,
        "until": reason.until,
        "missed": reason.missed,
    }
