"""A clinic's licensed questionnaires: imported once, active or not, and never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.content import Content
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.instruments import Instruments
from recovery_service.domain.plan_template_parts import content_hash
from recovery_service.domain.questionnaire_import import Imported, import_questionnaire
from recovery_service.errors import FieldError, Invalid, InvalidField, NoSuchObject
from recovery_service.models import Questionnaire
from recovery_service.services import audit
from recovery_service.services.clinics import clinic_of
from recovery_service.services.questionnaire_switch import follow_clinic


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQuestionnaire:
    """A FHIR R4 Questionnaire as the clinic gave it, and for which instrument it is."""

    instrument: str
    content: Mapping[str, Any]
    activate: bool = True


def questionnaires_of(
    session: Session, actor: Actor, *, before: tuple[Any, ...] | None, limit: int
) -> Sequence[Questionnaire]:
    """Return the clinic's versions, newest first, one more than `limit`."""
    wanted = select(Questionnaire).where(Questionnaire.clinic_id == actor.clinic_id)
    if before is not None:
        wanted = wanted.where(
            func.row(Questionnaire.created_at, Questionnaire.id) < func.row(*before)
        )
    newest_first = wanted.order_by(Questionnaire.created_at.desc(), Questionnaire.id.desc())
    return session.scalars(newest_first.limit(limit + 1)).all()


def questionnaire_in_scope(session: Session, actor: Actor, questionnaire_id: UUID) -> Questionnaire:
    """Return a version of the actor's clinic; raises NoSuchObject."""
    row = session.get(Questionnaire, (actor.clinic_id, questionnaire_id))
    if row is None:
        raise NoSuchObject("questionnaire")
    return row


def import_version(
    session: Session,
    actor: Actor,
    content: Content,
    new: NewQuestionnaire,
    *,
    now: datetime,
) -> tuple[Questionnaire, bool]:
    """Store a version; the same content again is the version that stands (then True).

    Raises Invalid with pointers below `/content`, or InvalidField for an instrument of which
    nothing can be imported.
    """
    read = _read(content.instruments, new)
    clinic = clinic_of(session, actor, lock=True)  # one import and one activation at a time
    digest = content_hash(new.content)
    row = session.scalars(
        select(Questionnaire).where(
            Questionnaire.clinic_id == actor.clinic_id,
            Questionnaire.instrument == new.instrument,
            Questionnaire.content_hash == digest,
        )
    ).one_or_none()
    repeated = row is not None
    if row is None:
        row = _store(session, actor, new, read, digest, now=now)
        audit.record(session, actor, "questionnaire_imported", "questionnaire", row.id, now=now)
    if new.activate:
        _activate(session, actor, row, now=now)
        follow_clinic(session, content, clinic, now=now)
    return row, repeated


def activate(
    session: Session, actor: Actor, content: Content, questionnaire_id: UUID, *, now: datetime
) -> Questionnaire:
    """Offer this version to patients, in place of the one of its language."""
    clinic = clinic_of(session, actor, lock=True)
    row = questionnaire_in_scope(session, actor, questionnaire_id)
    _activate(session, actor, row, now=now)
    follow_clinic(session, content, clinic, now=now)
    return row


def retire(
    session: Session, actor: Actor, content: Content, questionnaire_id: UUID, *, now: datetime
) -> Questionnaire:
    """Offer this version no more; what was answered stays, and what comes late is taken."""
    clinic = clinic_of(session, actor, lock=True)
    row = questionnaire_in_scope(session, actor, questionnaire_id)
    if row.active:
        row.active = False
        session.flush()
        follow_clinic(session, content, clinic, now=now)
        audit.record(session, actor, "questionnaire_retired", "questionnaire", row.id, now=now)
    return row


def _read(instruments: Instruments, new: NewQuestionnaire) -> Imported:
    instrument = instruments.get(new.instrument)
    if instrument is None:
        raise InvalidField("/instrument", "There is no such instrument.")
    if not instrument.importable:
        raise InvalidField("/instrument", "Of this instrument no questionnaire can be imported.")
    read = import_questionnaire(new.content, instrument.scoring)
    if read.faults:
        errors = [FieldError(f"/content{at}", message) for at, message in read.faults]
        raise Invalid("The questionnaire cannot be used.", errors=errors)
    return read


def _store(
    session: Session,
    actor: Actor,
    new: NewQuestionnaire,
    read: Imported,
    digest: str,
    *,
    now: datetime,
) -> Questionnaire:
    row = Questionnaire(
        clinic_id=actor.clinic_id,
        id=new_id(now=now),
        instrument=new.instrument,
        language=read.language,
        url=new.content.get("url"),
        version=new.content.get("version"),
        title=dict(read.form.title) if read.form else {},
        content=dict(new.content),
        content_hash=digest,
        active=False,
        created_by=actor.id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _activate(session: Session, actor: Actor, row: Questionnaire, *, now: datetime) -> None:
    if row.active:
        return
    session.execute(
        update(Questionnaire)
        .where(
            Questionnaire.clinic_id == row.clinic_id,
            Questionnaire.instrument == row.instrument,
            Questionnaire.language == row.language,
            Questionnaire.active,
        )
        .values(active=False)
    )
    row.active = True
    session.flush()
    audit.record(session, actor, "questionnaire_activated", "questionnaire", row.id, now=now)
