"""The phase of an episode, for staff: what is proposed, and what a clinician decides."""

from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.phases import PhaseDecisionRequest, PhaseViewSchema
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE, CLINICIANS
from recovery_service.services import audit
from recovery_service.services.phases import NewDecision, PhaseView, decide_phase, view_phase
from recovery_service.services.scope import episode_in_scope, patient_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "phases",
    __name__,
    url_prefix="/episodes/<uuid:episode_id>/phase",
    description="Phases that begin with a clinician's word",
)


@blueprint.get("")
@allow(*CARE)
@blueprint.response(200, PhaseViewSchema)
def show(episode_id: UUID) -> PhaseView:
    """Show the phase that holds, and what speaks for the next one where a clinician decides."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        patient = patient_in_scope(session, actor, episode.patient_id)
        audit.record(
            session, actor, "phase_read", "episode", episode_id, patient_id=patient.id, now=now
        )
        return view_phase(session, episode, patient, now=now)


@blueprint.post("")
@allow(*CLINICIANS)
@blueprint.arguments(PhaseDecisionRequest)
@blueprint.response(200, PhaseViewSchema)
def decide(new: NewDecision, episode_id: UUID) -> PhaseView:
    """Accept or defer a phase; what it asks for begins, or goes on waiting, at once.

    Only the proposed phase can be decided, and the last accepted one: deferring that takes
    an acceptance back. Deferring needs a reason, and so does accepting while a criterion
    is not met.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id, lock=True)
        patient = patient_in_scope(session, actor, episode.patient_id)
        decide_phase(session, actor, episode, patient, new, now=now)
        view = view_phase(session, episode, patient, now=now)
    log.info("phase_decided", episode_id=episode_id)
    return view
