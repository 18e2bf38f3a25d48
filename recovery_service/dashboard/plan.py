"""Drafting and publishing a plan with buttons."""

from uuid import UUID

import structlog
from flask import redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from recovery_service.auth import allow_browser, current_actor, request_time
from recovery_service.dashboard.pages import LANGUAGE, pages
from recovery_service.dashboard.patient import show_patient
from recovery_service.database import transaction
from recovery_service.domain.access import CARE, CLINICIANS
from recovery_service.errors import Conflict, Invalid, NoSuchObject, SurgeryDateNeeded
from recovery_service.extensions import parts
from recovery_service.models import Episode, Patient
from recovery_service.services import plan_drafts, templates
from recovery_service.services.publishing import Publication, publish
from recovery_service.services.scope import current_episode, patient_in_scope

log = structlog.get_logger()


@pages.post("/patients/<uuid:patient_id>/plan/draft")
@allow_browser(*CARE)
def draft_plan(patient_id: UUID) -> Response:
    """Begin a draft from the template that was chosen."""
    actor, now = current_actor(), request_time()
    try:
        with transaction() as session:
            _, episode = _found(session, patient_id)
            code = request.form.get("template", "")[:64].replace("\x00", "")
            template = templates.find(session, parts().content, code)
            if template is None or template.procedure != episode.procedure:
                raise NoSuchObject("template")
            plan_drafts.draft_from_template(session, actor, episode, template, now=now)
    except (Conflict, Invalid) as refusal:
        return show_patient(patient_id, 409, problem=_words(refusal))
    log.info("plan_drafted", episode_id=episode.id)
    return _back(patient_id)


@pages.post("/patients/<uuid:patient_id>/plan/publish")
@allow_browser(*CLINICIANS)
def publish_plan(patient_id: UUID) -> Response:
    """Let the draft reach the patient."""
    wish = Publication(surgery_date_assumed=request.form.get("surgery_date_assumed") == "yes")
    try:
        with transaction() as session:
            patient, episode = _found(session, patient_id)
            _publish(session, episode, patient, wish)
    except SurgeryDateNeeded:
        return show_patient(
            patient_id,
            422,
            problem="This plan counts from the surgery, whose date is not known. Enter it, or "
            "say that it may be assumed from the usual stay.",
        )
    except (Conflict, Invalid) as refusal:
        return show_patient(patient_id, 409, problem=_words(refusal))
    log.info("plan_published", episode_id=episode.id)
    return _back(patient_id)


def _publish(session: Session, episode: Episode, patient: Patient, wish: Publication) -> None:
    content = parts().content
    publish(session, current_actor(), episode, patient, content, wish, now=request_time())


def _found(session: Session, patient_id: UUID) -> tuple[Patient, Episode]:
    patient = patient_in_scope(session, current_actor(), patient_id)
    return patient, current_episode(session, patient.clinic_id, patient.id)


def _words(refusal: Conflict | Invalid) -> str:
    return refusal.detail or parts().content.text(f"error.{refusal.code}", LANGUAGE)


def _back(patient_id: UUID) -> Response:
    return redirect(url_for("dashboard.patient", patient_id=patient_id, _anchor="plan"), 303)
