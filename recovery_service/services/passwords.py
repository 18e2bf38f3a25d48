"""Passwords: argon2id, and never many at a time, because hashing is a lever for an attacker."""

from threading import BoundedSemaphore

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from recovery_service.errors import InvalidField

SHORTEST = 15
LONGEST = 256
LEAST_WORD = 4
LEAST_DISTINCT = 5
COMMON = frozenset(
    {"password", "recovery", "service", "welcome", "123456789", "12345678", "1234567", "123456"}
    | {"qwerty", "letmein", "clinic", "hospital", "spine", "parola", "sifre", "abcdef", "iloveyou"}
)
# OWASP's cheat sheet gives 46 MiB with one pass as one of its equal choices.
_hasher = PasswordHasher(time_cost=1, memory_cost=46 * 1024, parallelism=1, type=Type.ID)
_at_once = BoundedSemaphore(2)
_nobody: list[str] = []


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password."""
    with _at_once:
        return _hasher.hash(password)


def verify_password(stored: str | None, given: str) -> bool:
    """Tell whether the password fits; an unknown account takes as long as a known one."""
    if not _nobody:
        _nobody.append(hash_password("nobody has this password"))
    with _at_once:
        try:
            _hasher.verify(stored or _nobody[0], given[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def needs_rehash(stored: str) -> bool:
    """Tell whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def require_strong(
    password: str, *, about: tuple[str, ...] = (), pointer: str = "/password"
) -> None:
    """Refuse a password that is short or says who owns it; no rule on its composition."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidField(pointer, f"Use {SHORTEST} to {LONGEST} characters.")
    plain = password.casefold()
    words = {word for text in about for word in text.casefold().replace("@", " ").split()}
    left = plain
    for word in sorted(words | COMMON, key=len, reverse=True):
        left = left.replace(word, "") if len(word) >= LEAST_WORD else left
    if len(set(left)) < LEAST_DISTINCT:
        raise InvalidField(pointer, "This password is too easy to guess.")
