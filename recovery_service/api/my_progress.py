"""The patient's own progress."""

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.my_progress import ProgressSchema
from recovery_service.auth import (
    allow,
    current_actor,
    current_patient_id,
    request_language,
    request_time,
)
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.extensions import parts
from recovery_service.services.progress import Progress, progress_of
from recovery_service.services.recovery_standing import Reader
from recovery_service.services.scope import current_episode, patient_in_scope

blueprint = ApiBlueprint(
    "my_progress", __name__, url_prefix="/me/progress", description="How the recovery goes"
)


@blueprint.get("")
@allow(Role.PATIENT)
@blueprint.response(200, ProgressSchema)
def show() -> Progress:
    """Show the series and the adherence of the current episode."""
    actor, patient_id = current_actor(), current_patient_id()
    with transaction() as session:
        return progress_of(
            session,
            current_episode(session, actor.clinic_id, patient_id),
            patient_in_scope(session, actor, patient_id),
            parts().content,
            Reader(language=request_language(), for_staff=False),
            now=request_time(),
        )
