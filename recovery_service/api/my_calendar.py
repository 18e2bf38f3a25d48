"""The patient's appointments for a calendar: as a file, and as an address to subscribe to."""

from typing import Any

import structlog
from flask import Response

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.calendar_feeds import as_calendar
from recovery_service.api.schemas.appointment_feeds import FeedRequest, FeedSchema
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
from recovery_service.services import audit
from recovery_service.services.appointment_views import appointments_of
from recovery_service.services.calendar_feeds import (
    appointments_calendar,
    create_feed,
    revoke_feed,
)

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "my_calendar", __name__, url_prefix="/me", description="Appointments in the patient's calendar"
)


@blueprint.get("/appointments.ics")
@allow(Role.PATIENT)
@blueprint.response(200, content_type="text/calendar")
@blueprint.alt_response(304, description="Nothing has changed, by `If-None-Match`")
def file() -> Response:
    """Give the patient's appointments as an iCalendar (RFC 5545), with their titles."""
    with transaction() as session:
        views = appointments_of(
            session,
            current_actor().clinic_id,
            patient_id=current_patient_id(),
            now=request_time(),
        )
        body = appointments_calendar(
            parts().content, views, detail=True, language=request_language()
        )
    return as_calendar(body)


@blueprint.post("/appointment-feed")
@allow(Role.PATIENT)
@blueprint.arguments(FeedRequest)
@blueprint.response(201, FeedSchema)
def subscribe(given: dict[str, Any]) -> dict[str, Any]:
    """Make the address at which a calendar reads the appointments; it is shown this once.

    Whoever has the address can read them, so by default each is called "Appointment" and
    nothing else is told. The address before ends at once.
    """
    actor, now, detail = current_actor(), request_time(), given["detail"]
    patient_id = current_patient_id()
    with transaction() as session:
        secret = create_feed(
            session, parts().keys, actor.clinic_id, patient_id, detail=detail, now=now
        )
        audit.record(
            session, actor, "calendar_feed_created", "patient", patient_id,
            patient_id=patient_id, now=now,
        )  # fmt: skip
    log.info("calendar_feed_created")
    return {"url": f"{parts().base_url.rstrip('/')}/calendar/{secret}.ics", "detail": detail}


@blueprint.delete("/appointment-feed", unconditional="a feed is never changed")
@allow(Role.PATIENT)
@blueprint.response(204)
def unsubscribe() -> None:
    """Take the address back: it is 404 from now on, for whoever has it."""
    actor, now, patient_id = current_actor(), request_time(), current_patient_id()
    with transaction() as session:
        revoke_feed(session, actor.clinic_id, patient_id, now=now)
        audit.record(
            session, actor, "calendar_feed_revoked", "patient", patient_id,
            patient_id=patient_id, now=now,
        )  # fmt: skip
    log.info("calendar_feed_revoked")
