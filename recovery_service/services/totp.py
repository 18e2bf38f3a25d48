"""Time-based one-time passwords (RFC 6238); the seed is sealed to its owner's row."""

import secrets
from datetime import datetime
from uuid import UUID

import pyotp
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from recovery_service.domain.keys import Keys
from recovery_service.models import StaffMember

STEP_SECONDS = 30
_NONCE_BYTES = 12


def new_seed() -> str:
    """Return a fresh seed in base32, as authenticator apps take it."""
    return pyotp.random_base32()


def seal_seed(keys: Keys, clinic_id: UUID, staff_id: UUID, seed: str) -> bytes:
    """Encrypt a seed so that it opens only in its own row."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    cipher = AESGCM(keys.keyed_hash("totp.seed"))
    return nonce + cipher.encrypt(nonce, seed.encode(), clinic_id.bytes + staff_id.bytes)


def open_seed(keys: Keys, member: StaffMember) -> str:
    """Decrypt the seed of a staff member; raises InvalidTag when it was moved or changed."""
    sealed = member.totp_seed or b""
    cipher = AESGCM(keys.keyed_hash("totp.seed"))
    bound = member.clinic_id.bytes + member.id.bytes
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound).decode()


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
