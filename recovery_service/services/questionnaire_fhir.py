"""A FHIR R4 QuestionnaireResponse taken in: found its form, read, and stored as ours is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.content import Content
from recovery_service.domain.instruments import Instrument
from recovery_service.domain.questionnaire_response_import import (
    IN_PROGRESS,
    Envelope,
    read_answers,
    read_envelope,
)
from recovery_service.errors import FieldError, Invalid, InvalidField
from recovery_service.models import Episode, Questionnaire, QuestionnaireResponse
from recovery_service.services.questionnaire_export import LOCAL_CODES
from recovery_service.services.questionnaire_forms import Offered, form_answered
from recovery_service.services.questionnaire_responses import (
    NewQuestionnaireResponse,
    record_response,
)

# Where a resource has what our own form of a response calls otherwise.
_POINTERS = {"/authored_at": "/authored", "/instrument": "/questionnaire"}


def record_fhir(
    session: Session,
    content: Content,
    actor: Actor,
    episode: Episode,
    raw: Mapping[str, Any],
    *,
    home_zone: str,
    now: datetime,
) -> tuple[QuestionnaireResponse, bool]:
    """Store a resource as a response; the same one again is the one that stands (then True).

    Raises Invalid with pointers into the resource, or ClientIdReused.
    """
    envelope, faults = read_envelope(raw)
    if envelope is None:
        raise Invalid(errors=faults)
    if envelope.subject is not None and not _is(envelope.subject, episode.patient_id):
        raise InvalidField("/subject/reference", "Is another patient than this one.")
    form = _form(session, content, actor.clinic_id, envelope)
    read = read_answers(form.form, raw, completed=envelope.status != IN_PROGRESS)
    if read.faults:
        raise Invalid(errors=read.faults)
    new = NewQuestionnaireResponse(
        id=envelope.id,
        instrument=form.instrument.code,
        authored_at=envelope.authored,
        questionnaire=form.questionnaire_id,
        form_version=envelope.version,
        answers=read.answers,
        supersedes=envelope.supersedes,
    )
    try:
        return record_response(session, content, actor, episode, new, home_zone=home_zone, now=now)
    except Invalid as refusal:
        errors = [FieldError(_POINTERS.get(at, at), why) for at, why in refusal.errors]
        raise Invalid(errors=errors) from None


def _is(reference: str, patient_id: UUID) -> bool:
    return f"/{reference}".lower().endswith(f"/patient/{patient_id}")


def _form(session: Session, content: Content, clinic_id: UUID, envelope: Envelope) -> Offered:
    """Return the form that a canonical address names: a shipped one, or a clinic's version.

    Without a version the one that is active is meant. Raises InvalidField.
    """
    local = content.instruments.get(envelope.address.removeprefix(f"{LOCAL_CODES}:"))
    if local is not None and local.form is not None and _is_local(envelope, local):
        return Offered(instrument=local, form=local.form)
    wanted = select(Questionnaire).where(Questionnaire.clinic_id == clinic_id)
    if local is not None and _is_local(envelope, local):
        wanted = wanted.where(Questionnaire.instrument == local.code, Questionnaire.url.is_(None))
    else:
        wanted = wanted.where(Questionnaire.url == envelope.address)
    if envelope.version is not None:
        wanted = wanted.where(Questionnaire.version == envelope.version)
    newest = (
        Questionnaire.active.desc(), Questionnaire.created_at.desc(), Questionnaire.id.desc()
    )  # fmt: skip
    row = session.scalars(wanted.order_by(*newest).limit(1)).one_or_none()
    instrument = content.instruments.get(row.instrument) if row is not None else None
    if row is None or instrument is None:
        raise InvalidField("/questionnaire", "The clinic has no such questionnaire.")
    return form_answered(session, clinic_id, instrument, row.id)


def _is_local(envelope: Envelope, instrument: Instrument) -> bool:
    return envelope.address == f"{LOCAL_CODES}:{instrument.code}"
