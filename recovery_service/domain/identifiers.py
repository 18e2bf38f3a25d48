"""UUIDv7 identifiers (RFC 9562 section 5.7): they sort by the time they were made."""

import secrets
from datetime import datetime
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_A = 12
_RANDOM_B = 62


def new_id(*, now: datetime) -> UUID:
    """Return a fresh UUIDv7 of the given instant.

    Own code because Python gained ``uuid7`` only in 3.14 and because the
    clock is injected: a library would read the wall's.
    """
    milliseconds = int(now.timestamp() * 1000) & ((1 << 48) - 1)
    value = milliseconds << 80 | _VERSION | _VARIANT
    value |= secrets.randbits(_RANDOM_A) << 64 | secrets.randbits(_RANDOM_B)
    return UUID(int=value)


def lowest_id(at: datetime) -> UUID:
    """Return the id that no UUIDv7 of the instant or later sorts before: a place in a list."""
    return UUID(int=(int(at.timestamp() * 1000) & ((1 << 48) - 1)) << 80)
