"""Deciding on a phase that waits, on a patient's page."""

from uuid import UUID

import structlog
from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from recovery_service.auth import allow_browser, current_actor, request_time
from recovery_service.dashboard.pages import LANGUAGE, pages
from recovery_service.dashboard.patient import show_patient
from recovery_service.database import transaction
from recovery_service.domain.access import CLINICIANS
from recovery_service.domain.progression import DECISIONS
from recovery_service.errors import Conflict, InvalidField, NoSuchObject
from recovery_service.extensions import parts
from recovery_service.services.phases import NewDecision, decide_phase
from recovery_service.services.scope import current_episode, episode_in_scope, patient_in_scope

log = structlog.get_logger()
_LONGEST_REASON = 2000


@pages.post("/patients/<uuid:patient_id>/phase")
@allow_browser(*CLINICIANS)
def decide_on_phase(patient_id: UUID) -> Response:
    """Accept or defer the phase that is proposed, on the facts that the page showed."""
    actor, now = current_actor(), request_time()
    wish = _wish()
    try:
        with transaction() as session:
            patient = patient_in_scope(session, actor, patient_id)
            found = current_episode(session, patient.clinic_id, patient.id)
            episode = episode_in_scope(session, actor, found.id, lock=True)
            decide_phase(session, actor, episode, patient, wish, now=now)
    except Conflict as refusal:
        told = parts().content.text(f"error.{refusal.code}", LANGUAGE)
        return show_patient(patient_id, 409, phase_told=told, phase_reason=wish.reason)
    except InvalidField:
        told = parts().content.text("phase_card.needs_reason", LANGUAGE)
        return show_patient(patient_id, 422, phase_told=told)
    log.info("phase_decided", episode_id=episode.id)
    return redirect(url_for("dashboard.patient", patient_id=patient_id, _anchor="plan"), 303)


def _wish() -> NewDecision:
    decision = request.form.get("decision", "")
    if decision not in DECISIONS:
        raise NoSuchObject("decision")
    reason = request.form.get("reason", "").replace("\x00", "").strip()[:_LONGEST_REASON]
    return NewDecision(
        phase=request.form.get("phase", "")[:64].replace("\x00", ""),
        decision=decision,
        reason=reason or None,
        facts_version=request.form.get("facts_version", "")[:64],
    )
