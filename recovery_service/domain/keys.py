"""Keyed hashes and derived secrets: what is stored never opens a door by itself."""

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Keys:
    """Purpose-bound keys, all derived from the one secret of the installation."""

    secret: str = field(repr=False)

    def keyed_hash(self, purpose: str, *values: bytes) -> bytes:
        """Return 32 bytes that only the holder of the secret can compute."""
        told = b"".join([len(value).to_bytes(4, "big") + value for value in values])
        return hmac.digest(_key(purpose, self.secret), told, "sha256")

    def staff_email(self, email: str) -> bytes:
        """Return the directory's key of an e-mail address."""
        return self.keyed_hash("directory.staff_email", email.strip().lower().encode())

    def enrolment_code(self, code: str) -> bytes:
        """Return the directory's key of an enrolment code, however it was typed."""
        return self.keyed_hash("directory.enrolment_code", normal_code(code).encode())

    def calendar_feed(self, secret: str) -> bytes:
        """Return the directory's key of a calendar's secret address."""
        return self.keyed_hash("directory.calendar_feed", secret.encode())


@lru_cache(maxsize=256)
def _key(purpose: str, secret: str) -> bytes:
    return hashlib.sha256(f"{purpose}\0{secret}".encode()).digest()


def normal_code(code: str) -> str:
    """Return a typed code in its one canonical form (Crockford's look-alikes folded)."""
    plain = "".join(code.split()).replace("-", "").upper()
    return plain.translate(str.maketrans("OIL", "011"))
