"""Saying on a patient's page that somebody has read what could not be taken as a check-in."""

from uuid import UUID

import structlog
from flask import redirect, url_for
from werkzeug.wrappers import Response

from recovery_service.auth import allow_browser, current_actor, request_time
from recovery_service.dashboard.pages import pages
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.services import audit
from recovery_service.services.rejected_reports import see_rejected
from recovery_service.services.scope import current_episode

log = structlog.get_logger()


@pages.post("/patients/<uuid:patient_id>/rejected-reports/<uuid:report_id>/seen")
@allow_browser(*CARE)
def see_rejected_report(patient_id: UUID, report_id: UUID) -> Response:
    """Take it from the reasons for attention; it stays in the timeline."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = current_episode(session, actor.clinic_id, patient_id)
        see_rejected(session, actor, episode.id, report_id, now=now)
        audit.record(
            session, actor, "rejected_report_seen", "rejected_report", report_id,
            patient_id=patient_id, now=now,
        )  # fmt: skip
    log.info("rejected_report_seen", report_id=report_id)
    return redirect(url_for("dashboard.patient", patient_id=patient_id), 303)
