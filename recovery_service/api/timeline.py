"""The timeline of an episode, for staff."""

from datetime import datetime
from typing import Any
from uuid import UUID

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageRequest, page_schema
from recovery_service.api.schemas.timeline import HappeningSchema, TimelineArguments
from recovery_service.auth import allow, current_actor, request_language, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.languages import in_language
from recovery_service.services import audit
from recovery_service.services.scope import episode_in_scope
from recovery_service.services.timeline import Happening, timeline

blueprint = ApiBlueprint(
    "timeline",
    __name__,
    url_prefix="/episodes/<uuid:episode_id>/timeline",
    description="What happened in an episode",
)
_HAPPENINGS = Keyset("timeline", datetime, str)


@blueprint.get("")
@allow(*CARE)
@blueprint.query(TimelineArguments)
@blueprint.response(200, page_schema(HappeningSchema))
def index(wanted: tuple[PageRequest, tuple[str, ...]], episode_id: UUID) -> Page[dict[str, Any]]:
    """List what happened, newest first: check-ins, actions, plan, episode, appointments."""
    page, types = wanted
    actor = current_actor()
    behind = _HAPPENINGS.decode(page.cursor)
    before = (behind[0], behind[1]) if behind else None
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        rows = timeline(session, episode, types, before=before, limit=page.limit)
        audit.record(
            session,
            actor,
            "timeline_read",
            "episode",
            episode_id,
            patient_id=episode.patient_id,
            now=request_time(),
        )
    cut = _HAPPENINGS.page(rows, page.limit, lambda row: (row.at, row.key))
    language = request_language()
    return Page([_shown(row, language) for row in cut.items], cut.next_cursor)


def _shown(row: Happening, language: str) -> dict[str, Any]:
    return row._asdict() | {"title": in_language(row.title, language) if row.title else None}
