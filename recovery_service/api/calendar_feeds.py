"""The secret address of a calendar: public, because calendars know no tokens.

It stands outside of `/api/v1`: no program of ours reads it, and it must never change.
"""

import hashlib
from datetime import datetime, timedelta

import structlog
from flask import Blueprint, Response, request

from recovery_service.auth import allow_anyone, request_time
from recovery_service.auth.enrolment import subscriber
from recovery_service.database import transaction
from recovery_service.errors import NoSuchObject
from recovery_service.extensions import parts
from recovery_service.services import directory
from recovery_service.services.attempts import count_attempt
from recovery_service.services.calendar_feeds import KIND, read_feed
from recovery_service.services.calendars import REFRESH

log = structlog.get_logger()
public_calendars = Blueprint("calendars", __name__)

ICS = "text/calendar; charset=utf-8"
#: How often one subscriber may ask for what is not there, and anybody for one calendar.
MISSES, HITS = 30, 60
WINDOW = timedelta(minutes=15)


@public_calendars.get("/calendar/<secret>.ics")
@allow_anyone("the secret in the address is the proof")
def calendar(secret: str) -> Response:
    """Give what a calendar subscribes to; 404 as soon as it was taken back."""
    now = request_time()
    key = parts().keys.calendar_feed(secret)
    with transaction() as session:
        clinics = directory.clinics_of(session, KIND, key)
    _count(key if clinics else None, now=now)
    if not clinics:
        raise NoSuchObject("calendar")
    with transaction(clinics[0]) as session:
        body = read_feed(session, parts().content, clinics[0], key, now=now)
    log.info("calendar_read")
    return as_calendar(body)


def as_calendar(body: bytes) -> Response:
    """Return a calendar as an answer that is asked for anew, and sent again only if it changed."""
    response = Response(body, content_type=ICS)
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    response.headers["Cache-Control"] = f"private, max-age={int(REFRESH.total_seconds()) // 4}"
    response.headers["Content-Disposition"] = 'inline; filename="appointments.ics"'
    response.make_conditional(request)
    return response


def _count(known: bytes | None, *, now: datetime) -> None:
    """Count a look at a calendar, or one into the dark; raises TooManyRequests."""
    keys = parts().keys
    if known is None:
        bucket, limit = ("attempts.calendar", subscriber(request.remote_addr).encode()), MISSES
    else:
        bucket, limit = ("attempts.calendar_feed", known), HITS
    with transaction() as session:
        count_attempt(session, keys.keyed_hash(*bucket), limit=limit, window=WINDOW, now=now)
