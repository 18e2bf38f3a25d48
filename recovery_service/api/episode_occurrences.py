"""What was planned for an episode, and what was sent for it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest
from recovery_service.api.schemas.episode_occurrences import DeliveryPage
from recovery_service.api.schemas.my_agenda import AgendaSchema, RangeArguments, range_of
from recovery_service.auth import allow, current_actor, request_language, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.local_time import local_date, start_of_day
from recovery_service.extensions import parts
from recovery_service.services import audit
from recovery_service.services.agenda import agenda
from recovery_service.services.delivery_log import Reader, SentDelivery, deliveries_of
from recovery_service.services.scope import episode_in_scope, patient_in_scope

blueprint = ApiBlueprint(
    "episode_occurrences",
    __name__,
    url_prefix="/episodes/<uuid:episode_id>",
    description="What was planned for an episode, and what was sent",
)

_BACK, _AHEAD = 7, 6
_DAY = timedelta(days=1)
_LATEST_FIRST = Keyset("deliveries", datetime, int)


@blueprint.get("/occurrences")
@allow(*CARE)
@blueprint.query(RangeArguments)
@blueprint.response(200, AgendaSchema)
def occurrences(wanted: dict[str, Any], episode_id: UUID) -> dict[str, Any]:
    """Show what is and was planned, by default from a week ago to six days on."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        patient = patient_in_scope(session, actor, episode.patient_id)
        zone_name = patient.time_zone
        first, last = range_of(wanted, local_date(zone_name, now), back=_BACK, ahead=_AHEAD)
        entries = agenda(
            session,
            actor.clinic_id,
            patient.id,
            first,
            last,
            now=now,
            language=request_language(),
            episode_id=episode_id,
        )
        audit.record(
            session, actor, "occurrences_read", "episode", episode_id,
            patient_id=patient.id, now=now,
        )  # fmt: skip
    return {
        "from_date": first,
        "to_date": last,
        "time_zone": zone_name,
        "valid_until": start_of_day(zone_name, last + _DAY),
        "items": entries,
    }


@blueprint.get("/deliveries")
@allow(*CARE)
@blueprint.query(PageArguments)
@blueprint.response(200, DeliveryPage)
def deliveries(page: PageRequest, episode_id: UUID) -> Page[SentDelivery]:
    """List what was sent, why, and whether it reached a device, the latest due first.

    How the patient handled it is not told: whether a notification was opened is theirs to know.
    """
    actor, now = current_actor(), request_time()
    behind = _LATEST_FIRST.decode(page.cursor)
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        reader = Reader(parts().content, request_language(), parts().keys)
        place = (behind[0], behind[1]) if behind else None
        rows = deliveries_of(session, episode, reader, limit=page.limit, behind=place)
        audit.record(
            session, actor, "deliveries_read", "episode", episode_id,
            patient_id=episode.patient_id, now=now,
        )  # fmt: skip
    return _LATEST_FIRST.page(rows, page.limit, lambda row: (row.due_at, row.key))
