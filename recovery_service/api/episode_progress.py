"""The progress of an episode, for staff."""

from uuid import UUID

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.my_progress import ProgressSchema
from recovery_service.auth import allow, current_actor, request_language, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.extensions import parts
from recovery_service.services import audit
from recovery_service.services.progress import Progress, progress_of
from recovery_service.services.recovery_standing import Reader
from recovery_service.services.scope import episode_in_scope, patient_in_scope

blueprint = ApiBlueprint(
    "episode_progress",
    __name__,
    url_prefix="/episodes/<uuid:episode_id>/progress",
    description="How a recovery goes",
)


@blueprint.get("")
@allow(*CARE)
@blueprint.response(200, ProgressSchema)
def show(episode_id: UUID) -> Progress:
    """Show the series and the adherence of an episode."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        patient = patient_in_scope(session, actor, episode.patient_id)
        audit.record(
            session, actor, "progress_read", "episode", episode_id, patient_id=patient.id, now=now
        )
        reader = Reader(language=request_language(), for_staff=True)
        return progress_of(session, episode, patient, parts().content, reader, now=now)
