"""Dealing with alerts on a patient's page."""

from uuid import UUID

import structlog
from flask import redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from recovery_service.auth import allow_browser, current_actor, request_time
from recovery_service.dashboard.pages import LANGUAGE, pages
from recovery_service.dashboard.patient import show_patient
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.alerts import RESOLUTIONS
from recovery_service.errors import Conflict, NoSuchObject, NotAllowed
from recovery_service.extensions import parts
from recovery_service.services import alerts

log = structlog.get_logger()
_LONGEST_NOTE = 2000


@pages.post("/patients/<uuid:patient_id>/alerts/<uuid:alert_id>/acknowledge")
@allow_browser(*CARE)
def acknowledge_alert(patient_id: UUID, alert_id: UUID) -> Response:
    """Say that somebody looks at it."""
    now = request_time()
    try:
        with transaction() as session:
            _require(session, patient_id, alert_id)
            alerts.acknowledge(session, current_actor(), alert_id, None, now=now)
    except Conflict as refusal:
        return show_patient(patient_id, 409, told=_words(refusal))
    log.info("alert_changed", alert_id=alert_id)
    return _back(patient_id)


@pages.post("/patients/<uuid:patient_id>/alerts/<uuid:alert_id>/resolve")
@allow_browser(*CARE)
def resolve_alert(patient_id: UUID, alert_id: UUID) -> Response:
    """Close it with its reason, and what is to be remembered."""
    now, how = request_time(), request.form.get("resolution", "")
    note = request.form.get("note", "").replace("\x00", "").strip()[:_LONGEST_NOTE] or None
    if how not in RESOLUTIONS:
        return show_patient(patient_id, 422, told="Choose how it ended.")
    try:
        with transaction() as session:
            _require(session, patient_id, alert_id)
            alerts.resolve(session, current_actor(), alert_id, how, note, now=now)
    except Conflict as refusal:
        return show_patient(patient_id, 409, told=_words(refusal))
    except NotAllowed:
        told = "Only a physiotherapist or a surgeon closes an alert that is this pressing."
        return show_patient(patient_id, 403, told=told)
    log.info("alert_changed", alert_id=alert_id)
    return _back(patient_id)


def _require(session: Session, patient_id: UUID, alert_id: UUID) -> None:
    if alerts.alert_in_scope(session, current_actor(), alert_id).patient_id != patient_id:
        raise NoSuchObject("alert")


def _words(refusal: Conflict) -> str:
    return parts().content.text(f"error.{refusal.code}", LANGUAGE)


def _back(patient_id: UUID) -> Response:
    return redirect(url_for("dashboard.patient", patient_id=patient_id, _anchor="alerts"), 303)
