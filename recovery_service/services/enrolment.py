"""Enrolment codes: how a clinic lets a patient's phone in.

A code is shown once and kept as a keyed hash; the directory says which clinic
it belongs to, because whoever types it has not said so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.keys import Keys
from recovery_service.domain.local_time import start_of_day
from recovery_service.domain.tokens import new_enrolment_code
from recovery_service.errors import ContentNotApproved, EpisodeEnded
from recovery_service.models import EnrolmentCode, Episode, Patient
from recovery_service.services import directory
from recovery_service.services.content_gate import require_approved
from recovery_service.services.devices import locked_patient, revoke_every_device

VALID_FOR = timedelta(days=7)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What became of a wish for a new code: the code, or why there is none."""

    code: str | None = None
    refusal: ContentNotApproved | None = None


def renew_code(
    session: Session,
    keys: Keys,
    content: Content,
    patient: Patient,
    episode: Episode,
    *,
    created_by: UUID | None,
    lost_device: bool,
    now: datetime,
) -> Renewal:
    """Return a new code; where content is not approved, a lost phone is locked all the same.

    Then earlier unused codes end as well: they are on a sheet that may be lost with the
    phone. Raises EpisodeEnded.
    """
    try:
        code = create_code(
            session,
            keys,
            content,
            patient,
            episode,
            created_by=created_by,
            lost_device=lost_device,
            now=now,
        )
    except ContentNotApproved as refusal:
        if lost_device:
            locked_patient(session, patient.clinic_id, patient.id)
            revoke_unused_codes(session, patient.clinic_id, patient.id, now=now)
            revoke_every_device(session, patient.clinic_id, patient.id, reason="lost", now=now)
        return Renewal(refusal=refusal)
    return Renewal(code=code)


def create_code(
    session: Session,
    keys: Keys,
    content: Content,
    patient: Patient,
    episode: Episode,
    *,
    created_by: UUID | None,
    lost_device: bool,
    now: datetime,
) -> str:
    """Return a new code in plain, the only time that anybody sees it.

    It lives through the seventh local day after discharge, and seven days from now
    at least. Earlier unused codes of the patient end. Old devices stay unless staff
    say that the phone is lost; then all of them end at once. Raises EpisodeEnded, or
    ContentNotApproved, with nothing changed.
    """
    if episode.state == "ended":
        raise EpisodeEnded(episode.id)
    require_approved(session, content, episode)
    # Of two codes made at once the later ends the earlier. And a phone that redeems an old
    # code at this moment has either finished, and is seen below, or finds its code revoked.
    locked_patient(session, patient.clinic_id, patient.id)
    revoke_unused_codes(session, patient.clinic_id, patient.id, now=now)
    if lost_device:
        revoke_every_device(session, patient.clinic_id, patient.id, reason="lost", now=now)
    code, code_hash = _unknown_code(session, keys, patient.clinic_id)
    session.add(
        EnrolmentCode(
            clinic_id=patient.clinic_id,
            id=new_id(now=now),
            patient_id=patient.id,
            episode_id=episode.id,
            code_hash=code_hash,
            expires_at=_expiry(patient, episode, now=now),
            created_by=created_by,
            created_at=now,
        )
    )
    directory.enter(session, "enrolment_code", code_hash, patient.clinic_id)
    session.flush()
    return code


def revoke_unused_codes(
    session: Session, clinic_id: UUID, patient_id: UUID, *, now: datetime
) -> None:
    """End the patient's codes that nobody has used, and forget them in the directory."""
    unused = select(EnrolmentCode).where(
        EnrolmentCode.clinic_id == clinic_id,
        EnrolmentCode.patient_id == patient_id,
        EnrolmentCode.used_at.is_(None),
        EnrolmentCode.revoked_at.is_(None),
    )
    for code in session.scalars(unused.order_by(EnrolmentCode.id).with_for_update()):
        code.revoked_at = now
        directory.remove(session, "enrolment_code", code.code_hash, clinic_id)
    session.flush()


def _expiry(patient: Patient, episode: Episode, *, now: datetime) -> datetime:
    day_after = episode.discharge_date + VALID_FOR + _DAY
    return max(start_of_day(patient.time_zone, day_after), now + VALID_FOR)


def _unknown_code(session: Session, keys: Keys, clinic_id: UUID) -> tuple[str, bytes]:
    """Return a code that the clinic never gave out; old ones are kept, to say that they are."""
    while True:
        code = new_enrolment_code()
        code_hash = keys.enrolment_code(code)
        known = select(EnrolmentCode.id).where(
            EnrolmentCode.clinic_id == clinic_id, EnrolmentCode.code_hash == code_hash
        )
        if session.scalar(known) is None:
            return code, code_hash
