"""What the patient does about what is planned."""

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.my_occurrences import (
    ActionRequest,
    ActionSchema,
    ActionTakenSchema,
)
from recovery_service.auth import allow, current_actor, request_language, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.domain.actions import NewAction
from recovery_service.services.occurrences import ActionTaken, act

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "my_occurrences",
    __name__,
    url_prefix="/me/occurrences",
    description="Done, skipped, later, or taken back",
)


@blueprint.post("/<string:occurrence_id>/actions")
@allow(Role.PATIENT)
@blueprint.arguments(ActionRequest)
@blueprint.response(201, ActionTakenSchema)
@blueprint.alt_response(200, schema=ActionTakenSchema, description="Sent before: as it is stored")
@blueprint.idempotent(ActionSchema)
def take(new: NewAction, occurrence_id: str) -> tuple[ActionTaken, int]:
    """Act on an occurrence, also on one that is still ahead or was missed.

    Completing or skipping ends its reminders. What was missed, or is no longer in the
    plan, is stored with `late` or `retired`, up to 7 days back.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        taken = act(session, actor, occurrence_id, new, now=now, language=request_language())
    log.info("occurrence_action_stored", action_id=new.id, repeated=taken.repeated)
    return taken, 200 if taken.repeated else 201
