"""Restrictions of one patient: added, ended, looked at first."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.plans import RestrictionSchema
from recovery_service.api.schemas.restrictions import (
    OwnRestrictionRequest,
    RestrictionEndRequest,
    RestrictionListSchema,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE, CLINICIANS
from recovery_service.models import PlanRestriction
from recovery_service.services import audit, restrictions
from recovery_service.services.restriction_rows import OwnRestriction
from recovery_service.services.restrictions import RestrictionEnd
from recovery_service.services.scope import episode_in_scope, patient_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "restrictions",
    __name__,
    url_prefix="/episodes/<uuid:episode_id>/restrictions",
    description="Restrictions that a clinician adds for one patient",
)


@blueprint.get("")
@allow(*CARE)
@blueprint.response(200, RestrictionListSchema)
def index(episode_id: UUID) -> dict[str, Sequence[PlanRestriction]]:
    """List the limits of the live plan; those of this patient say who added them and why."""
    return _listed(episode_id)


@blueprint.post("")
@allow(*CLINICIANS)
@blueprint.arguments(OwnRestrictionRequest)
@blueprint.response(201, RestrictionSchema)
def create(new: OwnRestriction, episode_id: UUID) -> PlanRestriction:
    """Let a restriction hold at once: in the plan, the reminders, and what the patient reads.

    It makes a live revision of its own; a draft stays a draft and gets the restriction too.
    While it holds, the plan's own limit of the same code steps back, the items in `holds` are
    not asked for, and `item` is added.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id, lock=True)
        patient = patient_in_scope(session, actor, episode.patient_id)
        made = restrictions.add_restriction(session, actor, episode, patient, new, now=now)
    log.info("restriction_added", episode_id=episode_id)
    return made


@blueprint.post("/<uuid:restriction_id>/end")
@allow(*CLINICIANS)
@blueprint.arguments(RestrictionEndRequest)
@blueprint.response(200, RestrictionListSchema)
def end(
    wish: RestrictionEnd, episode_id: UUID, restriction_id: UUID
) -> dict[str, Sequence[PlanRestriction]]:
    """End a restriction: from today on it does not hold, and what it held is asked for again."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id, lock=True)
        patient = patient_in_scope(session, actor, episode.patient_id)
        restrictions.end_restriction(
            session, actor, episode, patient, restriction_id, wish, now=now
        )
        rows = restrictions.live_restrictions(session, episode)
    log.info("restriction_ended", episode_id=episode_id)
    return {"items": rows}


def _listed(episode_id: UUID) -> dict[str, Any]:
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        audit.record(
            session, actor, "restrictions_read", "episode", episode_id,
            patient_id=episode.patient_id, now=now,
        )  # fmt: skip
        return {"items": restrictions.live_restrictions(session, episode)}
