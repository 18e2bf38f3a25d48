"""The start page: who needs somebody today, and why."""

from typing import Any, cast

from flask import Response, request

from recovery_service.auth import allow_browser, current_actor, request_time
from recovery_service.dashboard.content_approvals import open_content
from recovery_service.dashboard.pages import page, pages
from recovery_service.database import transaction
from recovery_service.domain.access import STAFF, may_read_health
from recovery_service.extensions import parts
from recovery_service.services.caseload import SORTS, STATES, Sort, Wish, read_caseload

_MOST = 200
_LONGEST_SEARCH = 200


@pages.get("/")
@allow_browser(*STAFF)
def caseload() -> Response:
    """Show the patients by need; an admin without a clinical role sees why there are none."""
    actor, now = current_actor(), request_time()
    if not may_read_health(actor):
        with transaction() as session:
            return page("no_patients.html", **open_content(session))
    wish = Wish(
        as_of=now,
        sort=cast("Sort", _one_of(SORTS, "sort")),
        search=request.args.get("q", "").replace("\x00", "")[:_LONGEST_SEARCH],
        status=_one_of(STATES, "status"),
        limit=_MOST,
    )
    with transaction() as session:
        entries = read_caseload(session, actor, parts().content, wish, now=now)
        waiting = {} if entries else open_content(session)
    return page(
        "caseload.html",
        **waiting,
        wish=wish,
        entries=entries[:_MOST],
        more=len(entries) > _MOST,
        pressing=sum(entry.score > 0 for entry in entries[:_MOST]),
    )


def _one_of(allowed: Any, name: str) -> str:
    """Return what was chosen, or the first choice for an address that somebody typed."""
    chosen = request.args.get(name, "")
    return chosen if chosen in allowed else next(iter(allowed))
