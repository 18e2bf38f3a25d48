"""Redeeming an enrolment code: the phone's way in.

A wrong birth date is counted and must be committed, so a refusal is returned
rather than raised: raising would undo the count with the transaction.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from hmac import compare_digest
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor, Role
from recovery_service.domain.identifiers import new_id
from recovery_service.errors import (
    EnrolmentCodeExpired,
    EnrolmentCodeInvalid,
    EnrolmentCodeLocked,
    EnrolmentCodeUsed,
    RecoveryError,
)
from recovery_service.models import Consent, EnrolmentCode, Episode, Patient
from recovery_service.services import audit
from recovery_service.services.destinations import ensure_inbox
from recovery_service.services.devices import NewDevice, enrol_device
from recovery_service.services.late_reminders import remind_late
from recovery_service.services.sandbox import clinic_time
from recovery_service.services.tokens import Issuer, TokenPair, issue_tokens

MAX_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEnrolment:
    """What the app sends: the code as it was typed, and who claims to hold it."""

    code: str
    date_of_birth: date
    device: NewDevice
    consents: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A patient's phone that is in, and the tokens that it calls with."""

    patient: Patient
    tokens: TokenPair


def redeem_code(
    session: Session,
    issuer: Issuer,
    clinic_id: UUID,
    new: NewEnrolment,
    *,
    request_id: str | None,
    now: datetime,
) -> Enrolled | RecoveryError:
    """Let the phone in, or return why not; raises DeviceIdTaken.

    The code's row is locked: of two phones with one code, one gets in. The tokens live by the
    real time, all else by the clinic's.
    """
    issued_at, now = now, clinic_time(session, clinic_id, now=now)
    code = _locked_code(session, issuer, clinic_id, new.code)
    actor = Actor(clinic_id=clinic_id, kind="system", id=None, request_id=request_id)
    refusal = EnrolmentCodeInvalid() if code is None else _refusal(session, code, now=now)
    if code is None or refusal is not None:
        return refusal or EnrolmentCodeInvalid()
    patient = session.get_one(Patient, (clinic_id, code.patient_id))
    if not _is_born_on(patient, new.date_of_birth):
        code.failed_tries += 1
        audit.record(
            session,
            actor,
            "enrolment_refused",
            "enrolment_code",
            code.id,
            patient_id=patient.id,
            now=now,
        )
        return EnrolmentCodeInvalid()
    code.used_at = now
    return _let_in(session, issuer, patient, code, new, actor, issued_at=issued_at, now=now)


def _locked_code(
    session: Session, issuer: Issuer, clinic_id: UUID, code: str
) -> EnrolmentCode | None:
    wanted = select(EnrolmentCode).where(
        EnrolmentCode.clinic_id == clinic_id,
        EnrolmentCode.code_hash == issuer.keys.enrolment_code(code),
    )
    return session.scalars(wanted.with_for_update()).one_or_none()


def _refusal(session: Session, code: EnrolmentCode, *, now: datetime) -> RecoveryError | None:
    """Return what keeps anybody from using the code, whatever else they know."""
    if code.used_at is not None:
        return EnrolmentCodeUsed()
    if code.expires_at <= now:
        return EnrolmentCodeExpired()
    if code.revoked_at is not None:
        return EnrolmentCodeInvalid()  # as the directory says, which has forgotten it
    if code.failed_tries >= MAX_TRIES:
        return EnrolmentCodeLocked()
    if not _is_followed(session, code):
        return EnrolmentCodeExpired()
    return None


def _is_followed(session: Session, code: EnrolmentCode) -> bool:
    """Tell whether the patient has an episode that has not ended: perhaps a newer one."""
    current = select(Episode.id).where(
        Episode.clinic_id == code.clinic_id,
        Episode.patient_id == code.patient_id,
        Episode.state != "ended",
    )
    return session.scalar(current) is not None


def _is_born_on(patient: Patient, told: date) -> bool:
    return compare_digest(patient.date_of_birth.isoformat(), told.isoformat())


def _let_in(
    session: Session,
    issuer: Issuer,
    patient: Patient,
    code: EnrolmentCode,
    new: NewEnrolment,
    actor: Actor,
    *,
    issued_at: datetime,
    now: datetime,
) -> Enrolled:
    enrol_device(session, patient, new.device, now=now)
    ensure_inbox(session, patient, now=now)
    remind_late(session, patient, now=now)
    _store_consents(session, patient, new, now=now)
    tokens = issue_tokens(
        session,
        issuer,
        patient.clinic_id,
        now=issued_at,
        patient_id=patient.id,
        device_id=new.device.id,
    )
    patient_itself = replace(
        actor,
        kind="patient",
        id=patient.id,
        roles=frozenset({Role.PATIENT}),
        device_id=new.device.id,
    )
    audit.record(
        session,
        patient_itself,
        "enrolment_code_redeemed",
        "enrolment_code",
        code.id,
        patient_id=patient.id,
        now=now,
    )
    return Enrolled(patient, tokens)


def _store_consents(
    session: Session, patient: Patient, new: NewEnrolment, *, now: datetime
) -> None:
    rows = [
        {
            "clinic_id": patient.clinic_id,
            "id": new_id(now=now),
            "patient_id": patient.id,
            "device_id": new.device.id,
            "document": document,
            "document_version": version,
            "given_at": now,
        }
        for document, version in new.consents
    ]
    if rows:
        # A device that enrols again agrees again; the first time stands.
        session.execute(insert(Consent).values(rows).on_conflict_do_nothing())
