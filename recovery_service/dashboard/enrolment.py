"""The discharge sheet in the patient's language, and new enrolment codes."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

import segno
import structlog
from flask import Response, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from recovery_service.auth import allow_browser, current_actor, request_time
from recovery_service.dashboard.code_cookie import forget_code, show_code_once, take_code
from recovery_service.dashboard.pages import page, pages
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.dates_in_words import short_date
from recovery_service.domain.languages import language_of
from recovery_service.domain.local_time import local_date
from recovery_service.extensions import parts
from recovery_service.models import Patient, Site
from recovery_service.services import audit
from recovery_service.services.enrolment import create_code
from recovery_service.services.patient_page import waiting_code
from recovery_service.services.scope import current_episode, patient_in_scope

log = structlog.get_logger()

_PHONES = ("clinic", "out_of_hours", "emergency", "crisis")


@pages.get("/patients/<uuid:patient_id>/sheet")
@allow_browser(*CARE)
def sheet(patient_id: UUID) -> Response:
    """Show the sheet that goes home with the patient; a code just made is shown this once."""
    actor, now = current_actor(), request_time()
    code = take_code(patient_id)
    with transaction() as session:
        patient = patient_in_scope(session, actor, patient_id)
        episode = current_episode(session, actor.clinic_id, patient_id)
        site = session.get_one(Site, (episode.clinic_id, episode.site_id))
        expires_at = waiting_code(session, patient, now=now)
        audit.record(
            session, actor, "sheet_read", "patient", patient.id, patient_id=patient.id, now=now
        )
    language = language_of(patient.locale)
    answer = page(
        "sheet.html",
        patient=patient,
        episode=episode,
        site=site,
        language=language,
        say=_speaker(language),
        lines=lambda key, **params: parts().content.lines(key, language, **params),
        signs=lambda tier: parts().content.warning_signs(
            tier, procedure=episode.procedure, language=language
        ),
        day=lambda day: short_date(parts().content, day, language),
        phones=[(name, site.phones[name]) for name in _PHONES if site.phones.get(name)],
        code=code,
        qr=_qr(code) if code else None,
        valid_until=_last_day(patient, expires_at),
        today=local_date(patient.time_zone, now),
    )
    forget_code(answer, patient_id)
    return answer


@pages.post("/patients/<uuid:patient_id>/enrolment-codes")
@allow_browser(*CARE)
def new_code(patient_id: UUID) -> AnyResponse:
    """Make a new code; when the phone is lost, all old devices end at once."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        patient = patient_in_scope(session, actor, patient_id)
        episode = current_episode(session, actor.clinic_id, patient_id)
        code = create_code(
            session,
            parts().keys,
            patient,
            episode,
            created_by=actor.id,
            lost_device=request.form.get("lost_device") == "yes",
            now=now,
        )
        audit.record(
            session,
            actor,
            "enrolment_code_made",
            "patient",
            patient.id,
            patient_id=patient.id,
            now=now,
        )
    log.info("enrolment_code_made", patient_id=patient_id)
    answer = redirect(url_for("dashboard.sheet", patient_id=patient_id), 303)
    show_code_once(answer, patient_id, code)
    return answer


def _speaker(language: str) -> Callable[..., str]:
    def say(key: str, **params: object) -> str:
        return parts().content.text(key, language, **params)

    return say


def _last_day(patient: Patient, expires_at: datetime | None) -> date | None:
    """Return the last local day of a code; it ends with the day, as the next one begins."""
    if expires_at is None:
        return None
    return local_date(patient.time_zone, expires_at - timedelta(seconds=1))


def _qr(code: str) -> Markup:
    """Return the drawing that the app scans: where this service is, and the code."""
    told = urlencode({"server": parts().base_url, "code": code})
    drawing = segno.make(f"recovery-enrolment:?{told}", error="m", micro=False)
    svg: str = drawing.svg_inline(border=2, omitsize=True, dark="#000", light="#fff")
    return Markup(svg)  # noqa: S704 - drawn here, of dots
