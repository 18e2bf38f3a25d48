"""Alerts, for staff: who needs somebody, and what was done about it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, page_schema
from recovery_service.api.schemas.alerts import (
    AcknowledgeAllRequest,
    AlertArguments,
    AlertBundleSchema,
    AlertListSchema,
    AlertStorySchema,
    AssignRequest,
    NewNoteRequest,
    NoteRequest,
    ResolveRequest,
    Wanted,
)
from recovery_service.auth import allow, current_actor, request_language, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.extensions import parts
from recovery_service.models import Alert
from recovery_service.services import alerts
from recovery_service.services.alert_reads import Place, read_bundles, read_story, story_of
from recovery_service.services.alert_views import alert_as_json, bundle_as_json, story_as_json

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "alerts", __name__, url_prefix="/alerts", description="What patients reported that needs a look"
)
_PLACES = Keyset("alerts", datetime, int, int, datetime, str, UUID)


@blueprint.get("")
@allow(*CARE)
@blueprint.query(AlertArguments)
@blueprint.response(200, page_schema(AlertBundleSchema))
def ranking(wanted: Wanted) -> Page[dict[str, Any]]:
    """List unresolved alerts by patient: unseen first, then by tier, then who waits longest."""
    page = wanted["page"]
    behind = _PLACES.decode(page.cursor)
    now = behind[0] if behind else request_time()
    with transaction() as session:
        bundles = read_bundles(
            session,
            current_actor(),
            mine=wanted["mine"],
            behind=Place(*behind[1:]) if behind else None,
            limit=page.limit,
            as_of=now,
            now=request_time(),
        )
    cut = _PLACES.page(bundles, page.limit, lambda one: (now, *one.place))
    content, language = parts().content, request_language()
    shown = [bundle_as_json(content, one, now=now, language=language) for one in cut.items]
    return Page(shown, cut.next_cursor)


@blueprint.get("/<uuid:alert_id>")
@allow(*CARE)
@blueprint.response(200, AlertStorySchema)
def show(alert_id: UUID) -> dict[str, Any]:
    """Show an alert, its facts and history, and what the patient was told and did."""
    now = request_time()
    with transaction() as session:
        story = read_story(session, current_actor(), alert_id, now=now)
    return story_as_json(parts().content, story, now=now, language=request_language())


@blueprint.post("/<uuid:alert_id>/acknowledge")
@allow(*CARE)
@blueprint.arguments(NoteRequest)
@blueprint.response(200, AlertStorySchema)
def acknowledge(given: dict[str, Any], alert_id: UUID) -> dict[str, Any]:
    """Say that somebody looks at it; the patient sees when. Twice is once."""
    now = request_time()
    with transaction() as session:
        alert = alerts.acknowledge(session, current_actor(), alert_id, given["note"], now=now)
        return _shown(session, alert, now)


@blueprint.post("/acknowledge")
@allow(*CARE)
@blueprint.arguments(AcknowledgeAllRequest)
@blueprint.response(200, AlertListSchema)
def acknowledge_all(given: dict[str, Any]) -> dict[str, Any]:
    """Acknowledge several alerts of the least pressing tier at once: all of them, or none."""
    now, content, language = request_time(), parts().content, request_language()
    with transaction() as session:
        rows = alerts.acknowledge_all(session, current_actor(), given["ids"], now=now)
        stories = [story_of(session, each).alert for each in rows]
    log.info("alerts_acknowledged", count=len(rows))
    return {"items": [alert_as_json(content, one, now=now, language=language) for one in stories]}


@blueprint.post("/<uuid:alert_id>/assign")
@allow(*CARE)
@blueprint.arguments(AssignRequest)
@blueprint.response(200, AlertStorySchema)
def assign(given: dict[str, Any], alert_id: UUID) -> dict[str, Any]:
    """Give it to a colleague, who gets a mail that names nobody."""
    now = request_time()
    with transaction() as session:
        alert = alerts.assign(session, current_actor(), alert_id, given["staff_id"], now=now)
        return _shown(session, alert, now)


@blueprint.post("/<uuid:alert_id>/resolve")
@allow(*CARE)
@blueprint.arguments(ResolveRequest)
@blueprint.response(200, AlertStorySchema)
def resolve(given: dict[str, Any], alert_id: UUID) -> dict[str, Any]:
    """Close it with its reason; what is pressing only a physiotherapist or surgeon can."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        alert = alerts.resolve(
            session, actor, alert_id, given["resolution"], given["note"], now=now
        )
        return _shown(session, alert, now)


@blueprint.post("/<uuid:alert_id>/reopen")
@allow(*CARE)
@blueprint.arguments(NoteRequest)
@blueprint.response(200, AlertStorySchema)
def reopen(given: dict[str, Any], alert_id: UUID) -> dict[str, Any]:
    """Take a resolution back; whoever does has it again."""
    now = request_time()
    with transaction() as session:
        alert = alerts.reopen(session, current_actor(), alert_id, given["note"], now=now)
        return _shown(session, alert, now)


@blueprint.post("/<uuid:alert_id>/notes")
@allow(*CARE)
@blueprint.arguments(NewNoteRequest)
@blueprint.response(200, AlertStorySchema)
def note(given: dict[str, Any], alert_id: UUID) -> dict[str, Any]:
    """Add a note to it, whatever its state."""
    now = request_time()
    with transaction() as session:
        alert = alerts.add_note(session, current_actor(), alert_id, given["note"], now=now)
        return _shown(session, alert, now)


def _shown(session: Any, alert: Alert, now: datetime) -> dict[str, Any]:
    log.info("alert_changed", alert_id=alert.id, state=alert.state)
    story = story_of(session, alert)
    return story_as_json(parts().content, story, now=now, language=request_language())
