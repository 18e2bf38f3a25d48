"""Answering a patient's messages on the patient's page."""

from uuid import UUID, uuid4

import structlog
from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from recovery_service.auth import allow_browser, current_actor, request_time
from recovery_service.dashboard.pages import pages
from recovery_service.dashboard.patient import show_patient
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.messages import LONGEST, NewMessage
from recovery_service.errors import ClientIdReused, EpisodeEnded
from recovery_service.services import message_replies
from recovery_service.services.scope import current_episode, patient_in_scope

log = structlog.get_logger()


@pages.post("/patients/<uuid:patient_id>/messages")
@allow_browser(*CARE)
def send_message(patient_id: UUID) -> Response:
    """Send a reply; the form brings its id, so that sending it twice is one message."""
    actor, now = current_actor(), request_time()
    text = request.form.get("text", "").replace("\r\n", "\n").replace("\x00", "").strip()
    if not 0 < len(text) <= LONGEST:
        return show_patient(patient_id, 422, reply_refused=f"Write 1 to {LONGEST} characters.")
    new = NewMessage(id=_id(request.form.get("id", "")), text=text)
    try:
        with transaction() as session:
            patient = patient_in_scope(session, actor, patient_id)
            episode = current_episode(session, actor.clinic_id, patient.id)
            message_replies.reply(session, actor, episode, new, now=now)
    except (EpisodeEnded, ClientIdReused):
        return show_patient(patient_id, 409, reply_refused="The message was not sent.")
    log.info("message_sent", message_id=new.id)
    return redirect(url_for("dashboard.patient", patient_id=patient_id, _anchor="messages"), 303)


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        return uuid4()
