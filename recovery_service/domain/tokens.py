"""Opaque tokens: the clinic in clear, a random secret beside it, a hash at rest.

The clinic's id lets the database's wall stand before the first look-up; a
forged prefix finds nothing, because the secret's hash is sought inside it.
"""

import hashlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

SECRET_BYTES = 32
CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 8
_TEXT_LENGTH = 66


class MalformedTokenError(ValueError):
    """The text cannot be one of our tokens."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its holder has it."""

    clinic_id: UUID
    secret: bytes = field(repr=False)

    @classmethod
    def issue(cls, clinic_id: UUID) -> Self:
        """Return a token that nobody can guess (256 random bits)."""
        return cls(clinic_id, secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token back; anything that is not exactly one is refused."""
        clinic, dot, secret = text.partition(".")
        if not dot or len(text) != _TEXT_LENGTH:
            raise MalformedTokenError
        try:
            token = cls(UUID(bytes=_decode(clinic)), _decode(secret))
        except (ValueError, Base64Error):
            raise MalformedTokenError from None
        if token.text != text:
            raise MalformedTokenError
        return token

    @property
    def text(self) -> str:
        """The token's wire form."""
        return f"{_encode(self.clinic_id.bytes)}.{_encode(self.secret)}"

    @property
    def hash(self) -> bytes:
        """What is stored: a plain SHA-256 suffices, the secret is random."""
        return hashlib.sha256(self.secret).digest()


def new_enrolment_code() -> str:
    """Return eight characters (40 bits) in two groups, without look-alikes."""
    code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    return f"{code[:4]}-{code[4:]}"


def _encode(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
