"""Time-based one-time passwords (RFC 6238); the seed is sealed to its owner's row."""

import secrets
from datetime import datetime
from uuid import UUID

import pyotp

from recovery_service.domain.keys import Keys
from recovery_service.models import StaffMember
from recovery_service.reminders.sealing import open_sealed, seal

STEP_SECONDS = 30
_SEALED_AS = "totp.seed"


def new_seed() -> str:
    """Return a fresh seed in base32, as authenticator apps take it."""
    return pyotp.random_base32()


def seal_seed(keys: Keys, clinic_id: UUID, staff_id: UUID, seed: str) -> bytes:
    """Encrypt a seed so that it opens only in its own row."""
    return seal(keys, _SEALED_AS, clinic_id.bytes + staff_id.bytes, seed.encode())


def open_seed(keys: Keys, member: StaffMember) -> str:
    """Decrypt the seed of a staff member; raises InvalidTag when it was moved or changed."""
    owner = member.clinic_id.bytes + member.id.bytes
    return open_sealed(keys, _SEALED_AS, owner, member.totp_seed or b"").decode()


def accept_code(keys: Keys, member: StaffMember, code: str, *, now: datetime) -> bool:
    """Tell whether the code is right, one step of drift allowed, and never accept it twice."""
    totp = pyotp.TOTP(open_seed(keys, member), interval=STEP_SECONDS)
    step = int(now.timestamp()) // STEP_SECONDS
    last = member.totp_last_step if member.totp_last_step is not None else -1
    for candidate in (step, step - 1, step + 1):
        expected = totp.at(candidate * STEP_SECONDS)
        if candidate > last and secrets.compare_digest(expected, code.strip()):
            member.totp_last_step = candidate
            return True
    return False
