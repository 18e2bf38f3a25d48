"""The discharge sheet in the patient's language, and new enrolment codes."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import segno
import structlog
from flask import Response, redirect, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from recovery_service.auth import allow_browser, current_actor, request_time
from recovery_service.dashboard.code_cookie import forget_code, show_code_once, take_code
from recovery_service.dashboard.content_approvals import approval_words
from recovery_service.dashboard.pages import page, pages
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.dates_in_words import short_date
from recovery_service.domain.languages import language_of
from recovery_service.domain.local_time import local_date
from recovery_service.extensions import parts
from recovery_service.models import Episode, Patient, Site
from recovery_service.services import audit
from recovery_service.services.content_gate import missing_for
from recovery_service.services.content_register import approvers_of
from recovery_service.services.enrolment import renew_code
from recovery_service.services.patient_page import waiting_code
from recovery_service.services.scope import current_episode, patient_in_scope

log = structlog.get_logger()

_PHONES = ("clinic", "out_of_hours", "emergency", "crisis")


@pages.get("/patients/<uuid:patient_id>/sheet")
@allow_browser(*CARE)
def sheet(patient_id: UUID) -> Response:
    """Show the sheet that goes home with the patient; a code just made is shown this once."""
    return _show_sheet(patient_id)


def _show_sheet(patient_id: UUID, status: int = 200, *, locked: bool = False) -> Response:
    """Render the sheet; `locked` says that a lost phone was locked and no code was made."""
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
        withheld = {} if code else _withheld(session, patient, episode)
    language = language_of(patient.locale)
    answer = page(
        "sheet.html",
        status,
        locked=locked,
        **withheld,
        patient=patient,
        episode=episode,
        site=site,
        sheet_language=language,
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
    """Make a new code; when the phone is lost, all old devices end at once.

    While content is not approved there is no code, and the sheet says why.
    """
    actor, now = current_actor(), request_time()
    lost = request.form.get("lost_device") == "yes"
    with transaction() as session:
        patient = patient_in_scope(session, actor, patient_id)
        episode = current_episode(session, actor.clinic_id, patient_id)
        made = renew_code(
            session, parts().keys, parts().content, patient, episode,
            created_by=actor.id, lost_device=lost, now=now,
        )  # fmt: skip
        done = "enrolment_code_withheld" if made.code is None else "enrolment_code_made"
        audit.record(session, actor, done, "patient", patient.id, patient_id=patient.id, now=now)
    log.info(done, patient_id=patient_id)
    if made.code is None:
        return _show_sheet(patient_id, 409, locked=lost)
    answer = redirect(url_for("dashboard.sheet", patient_id=patient_id), 303)
    show_code_once(answer, patient_id, made.code)
    return answer


def _withheld(session: Session, patient: Patient, episode: Episode) -> dict[str, Any]:
    """Return what keeps a code back, and who can change that, in the reader's language."""
    if patient.contact_mode != "app" or episode.state == "ended":
        return {}
    missing = missing_for(session, parts().content, episode)
    if not missing:
        return {}
    approvers = approvers_of(session, patient.clinic_id)
    return {"missing": missing, "approvers": approvers, **approval_words(session)}


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
