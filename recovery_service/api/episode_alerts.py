"""The alerts of an episode, for staff."""

from typing import Any
from uuid import UUID

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.alerts import AlertListSchema
from recovery_service.auth import allow, current_actor, request_language, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.extensions import parts
from recovery_service.services import audit
from recovery_service.services.alert_reads import alerts_of_episode
from recovery_service.services.alert_views import alert_as_json
from recovery_service.services.scope import episode_in_scope

blueprint = ApiBlueprint(
    "episode_alerts",
    __name__,
    url_prefix="/episodes/<uuid:episode_id>/alerts",
    description="What the patient of an episode reported that needed a look",
)


@blueprint.get("")
@allow(*CARE)
@blueprint.response(200, AlertListSchema)
def index(episode_id: UUID) -> dict[str, Any]:
    """List all alerts of the episode, newest first, the resolved ones as well."""
    actor, now, content = current_actor(), request_time(), parts().content
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        rows = alerts_of_episode(session, actor.clinic_id, episode_id)
        audit.record(
            session, actor, "alerts_read", "episode", episode_id,
            patient_id=episode.patient_id, now=now,
        )  # fmt: skip
    language = request_language()
    return {"items": [alert_as_json(content, row, now=now, language=language) for row in rows]}
