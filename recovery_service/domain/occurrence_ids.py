"""Public ids of occurrences: opaque to clients, reversible for us, never an index.

An id says which plan item (its lineage, the UUID that all revisions of an item
share) and which `occ_key`. So a client may act on an occurrence that is not a
row yet, and its id outlives edits, travel and DST.
"""

import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date, timedelta
from functools import lru_cache
from uuid import UUID

from recovery_service.domain.recurrence import Occurrence, Place, Rule, occurrences_from
from recovery_service.domain.recurrence_rules import MAX_DAY

MAX_LENGTH = 80

_LINEAGE = 16
_CHECK = 4
_RECURRING = re.compile(r"(\d{4})(\d{2})(\d{2})\.[a-z][a-z0-9_]{0,23}", re.ASCII)
_APPOINTMENT = re.compile(r"\d{8}T\d{4}Z-\d{1,5}", re.ASCII)
_KEY = re.compile(rf"once|{_RECURRING.pattern}|{_APPOINTMENT.pattern}", re.ASCII)
_DAY = timedelta(days=1)
# Ids come from outside: a date beyond every plan is refused before it meets the calendar.
_HORIZON = timedelta(days=2 * MAX_DAY)


class MalformedOccurrenceId(ValueError):
    """The text is no id that this service gave out."""


@lru_cache(maxsize=1024)
def encode(lineage: UUID, occ_key: str) -> str:
    """Return the URL-safe id of an occurrence; raises ValueError for an impossible key.

    Base64url of the lineage's 16 bytes, the key and a CRC-32 over both. The check
    catches a mangled id, it does not authenticate: whose item it is decides a query.
    """
    if not _KEY.fullmatch(occ_key):
        raise ValueError("not an occurrence key")
    body = lineage.bytes + occ_key.encode()
    return urlsafe_b64encode(body + _check_of(body)).rstrip(b"=").decode()


def address_of(lineage: UUID, occ_key: str, kind: str | None = None) -> str:
    """Return the address inside the app of what a reminder is about.

    A push is not told the `kind`: what is on a lock screen or in a provider's log does not
    say that there is a questionnaire. The app finds that in its agenda, by the same id.
    """
    if _APPOINTMENT.fullmatch(occ_key):
        return f"/appointments/{lineage}"
    if kind == "questionnaire":
        return f"/questionnaires/{encode(lineage, occ_key)}"
    return f"/occurrences/{encode(lineage, occ_key)}"


def decode(text: str) -> tuple[UUID, str]:
    """Return the lineage and `occ_key` of an id; raises `MalformedOccurrenceId`.

    Only the exact text that `encode` gives is taken, so that an occurrence has one id.
    """
    try:
        packed = urlsafe_b64decode(text[:MAX_LENGTH] + "=" * (-len(text) % 4))
        lineage, occ_key = UUID(bytes=packed[:_LINEAGE]), packed[_LINEAGE:-_CHECK].decode()
        exact = encode(lineage, occ_key) == text
    except ValueError:
        exact = False
    if not exact:
        raise MalformedOccurrenceId("not an occurrence id")
    return lineage, occ_key


def matches(rule: Rule, anchor_date: date, zone: str, occ_key: str) -> Occurrence | None:
    """Return the occurrence of that key, or None if the rule does not produce it."""
    if rule.identity == "once":
        once = next(occurrences_from(rule, anchor_date, zone, Place(anchor_date, 0)), None)
        return once if occ_key == "once" else None
    day = _date_of(occ_key)
    if day is None or not timedelta(0) <= day - anchor_date <= _HORIZON:
        return None
    # From the day before: a slot of it may land on the same instant.
    for occurrence in occurrences_from(rule, anchor_date, zone, Place(day - _DAY, 0)):
        if occurrence.occ_key == occ_key:
            return occurrence
        if occurrence.local_date > day:
            return None
    return None


def _date_of(occ_key: str) -> date | None:
    found = _RECURRING.fullmatch(occ_key)
    try:
        return found and date(*(int(part) for part in found.groups()))
    except ValueError:
        return None


def _check_of(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(_CHECK, "big")
