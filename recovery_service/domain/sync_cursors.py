"""What a phone has seen, as it gives it back: a snapshot of the database, sealed.

A time or a number from a sequence would lose what was begun before and committed after. A
snapshot (`pg_current_snapshot()`) says exactly which transactions had been seen.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from json import dumps, loads
from typing import Any, Self
from uuid import UUID

from recovery_service.domain.keys import Keys

#: Counts up when what a phone keeps has another form: every phone then begins anew.
FORMAT = 1
#: So long is it remembered what was deleted.
LONGEST_AWAY = timedelta(days=90)
#: What a client has to take and give back, in characters.
MOST_CHARACTERS = 8192
#: A snapshot that names more transactions than fit here is widened.
MOST_SNAPSHOT = 4096

_SEAL = 16
_SNAPSHOT = re.compile(r"\d{1,20}:\d{1,20}:(\d{1,20}(,\d{1,20})*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What makes two snapshots comparable, and texts the same.

    `database` names the server, its timeline and the database: after a restore or a failover
    the numbers of transactions begin to mean something else.
    """

    database: str
    patient_id: UUID
    episode_id: UUID | None
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncCursor:
    """What one answer held: the snapshot it was read in, when, and each document's hash."""

    scope: Scope
    snapshot: str
    at: datetime
    documents: Mapping[str, str] = field(default_factory=dict)

    def encode(self, keys: Keys) -> str:
        """Return the opaque text."""
        told = {
            "v": FORMAT,
            "scope": {name: value and str(value) for name, value in asdict(self.scope).items()},
            "seen": bounded(self.snapshot),
            "at": self.at.isoformat(),
            "docs": dict(self.documents),
        }
        body = dumps(told, separators=(",", ":")).encode()
        return urlsafe_b64encode(_seal(keys, body) + body).rstrip(b"=").decode()

    @classmethod
    def decode(cls, keys: Keys, text: str) -> Self | None:
        """Read a cursor; None for what this service did not make, or made in another form."""
        try:
            raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        except (NotBase64, ValueError):
            return None
        seal, body = raw[:_SEAL], raw[_SEAL:]
        if not compare_digest(seal, _seal(keys, body)):
            return None
        told = loads(body)
        return cls._of(told) if told["v"] == FORMAT else None

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Self:
        scope = told["scope"]
        return cls(
            scope=Scope(
                database=scope["database"],
                patient_id=UUID(scope["patient_id"]),
                episode_id=scope["episode_id"] and UUID(scope["episode_id"]),
                language=scope["language"],
            ),
            snapshot=told["seen"],
            at=datetime.fromisoformat(told["at"]),
            documents=told["docs"],
        )

    def goes_on(self, scope: Scope, *, now: datetime) -> bool:
        """Say whether what changed since can be told apart; else the phone begins anew."""
        return self.scope == scope and now - self.at <= LONGEST_AWAY


def bounded(snapshot: str) -> str:
    """Return a snapshot that fits into a cursor.

    Where very many transactions were running, it is as if none of them had been seen, nor
    any that is newer: something may come twice, and nothing is left out.
    """
    if not _SNAPSHOT.fullmatch(snapshot):
        raise ValueError("not a snapshot")
    if len(snapshot) <= MOST_SNAPSHOT:
        return snapshot
    lowest = snapshot.partition(":")[0]
    return f"{lowest}:{lowest}:"


def _seal(keys: Keys, body: bytes) -> bytes:
    return keys.keyed_hash("sync.cursor", body)[:_SEAL]
