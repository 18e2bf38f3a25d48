"""The caseload, for staff: the clinic's patients, who needs somebody first."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, page_schema
from recovery_service.api.schemas.caseload import CaseloadArguments, CaseloadEntrySchema, Wanted
from recovery_service.auth import allow, current_actor, request_language, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.attention import Reason
from recovery_service.domain.languages import in_language
from recovery_service.extensions import parts
from recovery_service.services.caseload import CaseloadEntry, Wish, read_caseload
from recovery_service.services.reason_words import reason_in_words

blueprint = ApiBlueprint(
    "caseload", __name__, url_prefix="/patients", description="The clinic's patients by need"
)


@blueprint.get("")
@allow(*CARE)
@blueprint.query(CaseloadArguments)
@blueprint.response(200, page_schema(CaseloadEntrySchema))
def ranking(wanted: Wanted) -> Page[dict[str, Any]]:
    """List patients: by need (the default), by name, or the newest first.

    The order by need is pinned: later pages rank by the instant of the first.
    """
    now = request_time()
    sort, page = wanted["sort"], wanted["page"]
    keyset = _KEYSETS[sort]
    behind = keyset.decode(page.cursor)
    as_of, *after = behind or (now,)
    wish = Wish(
        as_of=as_of,
        sort=sort,
        search=wanted["q"],
        status=wanted["status"],
        limit=page.limit,
        after=tuple(after) or None,
    )
    with transaction() as session:
        entries = read_caseload(session, current_actor(), parts().content, wish, now=now)
    cut = keyset.page(entries, page.limit, lambda entry: (as_of, *_KEYS[sort](entry)))
    language = request_language()
    return Page([_shown(entry, language) for entry in cut.items], cut.next_cursor)


# What each order is sorted by, the instant of the first page before it.
_KEYSETS = {
    "attention": Keyset("caseload-attention", datetime, int, str, UUID),
    "name": Keyset("caseload-name", datetime, str, UUID),
    "newest": Keyset("caseload-newest", datetime, datetime, UUID),
}
_KEYS: dict[str, Callable[[CaseloadEntry], tuple[Any, ...]]] = {
    "attention": lambda entry: (entry.score, entry.name, entry.id),
    "name": lambda entry: (entry.name, entry.id),
    "newest": lambda entry: (entry.created_at, entry.id),
}


def _shown(entry: CaseloadEntry, language: str) -> dict[str, Any]:
    booked = entry.booked
    return {
        "id": entry.id,
        "name": entry.name,
        "time_zone": entry.time_zone,
        "contact_mode": entry.contact_mode,
        "episode_id": entry.episode_id,
        "procedure": entry.procedure,
        "episode_state": entry.episode_state,
        "plan_state": entry.plan_state,
        "days_since_surgery": entry.day.days_since_surgery,
        "days_since_discharge": entry.day.days_since_discharge,
        "reasons": [_reason(each, language) for each in entry.reasons],
        "last_check_in": entry.last_check_in,
        "pain": entry.pain,
        "adherence": entry.exercise,
        "next_appointment": booked
        and {"starts_at": booked.starts_at, "title": in_language(booked.title, language)},
        "to_book": [
            {
                "title": in_language(each.title, language),
                "window_from": each.window_from,
                "window_to": each.window_to,
            }
            for each in entry.follow_ups
        ],
    }


def _reason(reason: Reason, language: str) -> dict[str, Any]:
    facts = dict(reason.facts)
    if "title" in facts:
        facts["title"] = in_language(facts["title"], language)
    return {
        "code": reason.code,
        "urgency": reason.urgency,
        "text": reason_in_words(parts().content, reason, language),
        "facts": facts,
    }
