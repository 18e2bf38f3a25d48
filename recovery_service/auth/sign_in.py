"""Signing in by e-mail and password, for the API and for the dashboard."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from recovery_service.database import transaction
from recovery_service.domain.keys import Keys
from recovery_service.errors import SecondFactorNeeded, SignInFailed
from recovery_service.models import StaffMember
from recovery_service.services import directory, passwords, totp
from recovery_service.services.attempts import clear_attempts, count_attempt

LIMIT = 10
WINDOW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who proved to be who."""

    clinic_id: UUID
    staff_id: UUID


def sign_in(
    keys: Keys, email: str, password: str, otp: str | None = None, *, now: datetime
) -> SignedIn:
    """Return who it is; raises SignInFailed, SecondFactorNeeded or TooManyRequests.

    A known and an unknown address take the same time and get the same answer.
    """
    bucket = keys.keyed_hash("attempts.sign_in", email.strip().lower().encode())
    with transaction() as session:
        count_attempt(session, bucket, limit=LIMIT, window=WINDOW, now=now)
    with transaction() as session:
        clinics = directory.clinics_of(session, "staff_email", keys.staff_email(email))
    candidates: list[UUID | None] = [*clinics] or [None]
    for clinic_id in candidates:
        found = _password_fits(clinic_id, email, password)
        if found is not None:
            _second_factor(keys, found, otp, now=now)
            with transaction() as session:
                clear_attempts(session, bucket)
            return found
    raise SignInFailed


def _password_fits(clinic_id: UUID | None, email: str, password: str) -> SignedIn | None:
    member = _member(clinic_id, email)
    stored = member.password_hash if member and member.disabled_at is None else None
    if not passwords.verify_password(stored, password) or member is None:
        return None
    return SignedIn(member.clinic_id, member.id)


def _member(clinic_id: UUID | None, email: str) -> StaffMember | None:
    if clinic_id is None:
        return None
    with transaction(clinic_id) as session:
        wanted = select(StaffMember).where(
            StaffMember.clinic_id == clinic_id, StaffMember.email == email.strip().lower()
        )
        return session.scalars(wanted).one_or_none()


def _second_factor(keys: Keys, found: SignedIn, otp: str | None, *, now: datetime) -> None:
    with transaction(found.clinic_id) as session:
        member = session.get_one(
            StaffMember, (found.clinic_id, found.staff_id), with_for_update=True
        )
        if member.totp_seed is None:
            return
        if not otp:
            raise SecondFactorNeeded
        if not totp.accept_code(keys, member, otp, now=now):
            raise SignInFailed
