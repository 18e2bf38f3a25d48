"""Registering a patient: one form, and then the discharge sheet."""

from datetime import datetime

import structlog
from flask import Response, redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from recovery_service.auth import allow_browser, current_actor, request_time
from recovery_service.dashboard.code_cookie import show_code_once
from recovery_service.dashboard.content_approvals import open_content
from recovery_service.dashboard.forms import Form
from recovery_service.dashboard.pages import LANGUAGE, page, pages
from recovery_service.dashboard.registration import (
    CONTACT_MODES,
    LANGUAGE_NAMES,
    PLAN_CHOICES,
    POINTERS,
    SIDE_NAMES,
    Registration,
    read_registration,
)
from recovery_service.database import transaction
from recovery_service.domain.access import CARE, Actor, may_publish_plan
from recovery_service.domain.languages import in_language
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.errors import ExternalIdKnown, Invalid
from recovery_service.extensions import parts
from recovery_service.models import Site
from recovery_service.services import plan_drafts, plans, templates
from recovery_service.services.content_gate import missing_to_publish
from recovery_service.services.patients import Registered, register_patient
from recovery_service.services.publishing import Publication, publish

log = structlog.get_logger()

_SYSTEM = "Hospital number"


@pages.get("/patients/new")
@allow_browser(*CARE)
def new_patient() -> Response:
    """Show the form with what the clinic usually enters."""
    return _form(Form(defaults=_defaults()))


@pages.post("/patients/new")
@allow_browser(*CARE)
def add_patient() -> AnyResponse:
    """Register the patient with plan and code, or show the form again with what is wrong."""
    actor, now = current_actor(), request_time()
    form = Form(request.form)
    wanted = read_registration(form, may_publish=may_publish_plan(actor))
    if wanted is None:
        return _form(form, 422)
    try:
        with transaction() as session:
            done = _register(session, actor, wanted, now=now)
    except (Invalid, ExternalIdKnown) as refusal:
        form.refused(refusal, POINTERS)
        return _form(form, 422 if isinstance(refusal, Invalid) else 409)
    log.info("patient_registered", patient_id=done.patient.id)
    answer = redirect(url_for("dashboard.sheet", patient_id=done.patient.id), 303)
    if done.enrolment_code is not None:
        show_code_once(answer, done.patient.id, done.enrolment_code)
    return answer


def _register(session: Session, actor: Actor, wanted: Registration, *, now: datetime) -> Registered:
    """Store patient, draft and publication together: half of it would be nobody's intention."""
    content = parts().content
    done = register_patient(session, actor, parts().keys, content, wanted.patient, now=now)
    if wanted.plan == "later":
        return done
    template = templates.default_for(session, content, done.episode)
    draft = plan_drafts.draft_from_template(session, actor, done.episode, template, now=now)
    if wanted.plan == "publish" and not missing_to_publish(
        session, content, plans.plan_of(session, done.episode), draft, None
    ):  # else the patient's page says what the draft waits for
        publish(session, actor, done.episode, done.patient, content, Publication(), now=now)
    return done


def _form(form: Form, status: int = 200) -> Response:
    with transaction() as session:
        known = templates.all_templates(session, parts().content)
        waiting = open_content(session)
    grouped = {
        procedure: [
            (each.template.code, in_language(each.template.title, LANGUAGE))
            for each in known
            if each.template.procedure == procedure
        ]
        for procedure in PROCEDURES
    }
    return page(
        "register.html",
        status,
        form=form,
        **waiting,
        templates=grouped,
        contact_modes=CONTACT_MODES.items(),
        languages=LANGUAGE_NAMES.items(),
        sides=SIDE_NAMES.items(),
        plan_choices=[
            choice
            for choice in PLAN_CHOICES.items()
            if choice[0] != "publish" or may_publish_plan(current_actor())
        ],
    )


def _defaults() -> dict[str, str]:
    """Return the site's zone, and the choices that most registrations make."""
    with transaction() as session:
        zone = session.scalar(
            select(Site.time_zone)
            .where(Site.clinic_id == current_actor().clinic_id)
            .order_by(Site.is_default.desc(), Site.id)
            .limit(1)
        )
    return {
        "time_zone": zone or "",
        "locale": LANGUAGE,
        "contact_mode": "app",
        "external_system": _SYSTEM,
        "plan": "draft",
    }
