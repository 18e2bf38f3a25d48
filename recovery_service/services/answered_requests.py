"""Each request once: its answer is kept with what it did, for whoever repeats it."""

import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_bytes
from typing import Any, NamedTuple, Self, cast
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.keys import Keys
from recovery_service.errors import IdempotencyKeyReused, StillRunning
from recovery_service.models import AnsweredRequest

KEPT = timedelta(days=30)
_NONCE = 12


class Answer(NamedTuple):
    """What a client was told."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request under its actor's key, by what is stored of it.

    Neither the key nor the request can be told from the hashes, not even by trying: both are
    keyed by the installation's secret, and the request by the client's key as well.
    """

    clinic_id: UUID
    actor_id: UUID
    key_hash: bytes
    request_hash: bytes
    cipher_key: bytes = field(repr=False)

    @classmethod
    def of(cls, keys: Keys, actor: Actor, key: str, *said: bytes) -> Self:
        """Return the request that consists of what was `said`, in this order."""
        actor_id = cast("UUID", actor.id)
        whose = (actor.clinic_id.bytes, actor_id.bytes, key.encode())
        return cls(
            clinic_id=actor.clinic_id,
            actor_id=actor_id,
            key_hash=keys.keyed_hash("request.key", *whose),
            request_hash=keys.keyed_hash("request.said", *whose, *said),
            cipher_key=keys.keyed_hash("request.answer", *whose),
        )

    @property
    def lock(self) -> int:
        """The number of the lock that whoever answers this request holds."""
        return int.from_bytes(self.key_hash[:8], "big", signed=True)


def earlier_answer(session: Session, request: Request, *, now: datetime) -> Answer | None:
    """Return what the request was answered with; None for a new one, which may begin.

    Raises StillRunning while another transaction answers it, or IdempotencyKeyReused.
    """
    # In a statement of its own: what the next one sees was committed before the lock was free.
    if not session.scalar(select(func.pg_try_advisory_xact_lock(request.lock))):
        raise StillRunning
    row = session.execute(
        select(AnsweredRequest.request_hash, AnsweredRequest.answer).where(
            AnsweredRequest.clinic_id == request.clinic_id,
            AnsweredRequest.actor_id == request.actor_id,
            AnsweredRequest.key_hash == request.key_hash,
            AnsweredRequest.expires_at > now,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.request_hash != request.request_hash:
        raise IdempotencyKeyReused
    return _opened(request, row.answer)


def keep_answer(session: Session, request: Request, answer: Answer, *, now: datetime) -> None:
    """Keep the answer with what the request did, in place of one that has run out."""
    values: dict[str, Any] = {
        "request_hash": request.request_hash,
        "answer": _sealed(request, answer),
        "created_at": now,
        "expires_at": now + KEPT,
    }
    session.execute(
        insert(AnsweredRequest)
        .values(
            clinic_id=request.clinic_id,
            actor_id=request.actor_id,
            key_hash=request.key_hash,
            **values,
        )
        .on_conflict_do_update(
            index_elements=["clinic_id", "actor_id", "key_hash"],
            set_=values,
            where=AnsweredRequest.expires_at <= now,
        )
    )


def _sealed(request: Request, answer: Answer) -> bytes:
    head = orjson.dumps([answer.status, answer.headers])
    plain = zlib.compress(len(head).to_bytes(4, "big") + head + answer.body)
    nonce = token_bytes(_NONCE)
    return nonce + AESGCM(request.cipher_key).encrypt(nonce, plain, _bound_to(request))


def _opened(request: Request, stored: bytes) -> Answer:
    nonce, sealed = stored[:_NONCE], stored[_NONCE:]
    plain = zlib.decompress(AESGCM(request.cipher_key).decrypt(nonce, sealed, _bound_to(request)))
    end = 4 + int.from_bytes(plain[:4], "big")
    status, headers = orjson.loads(plain[4:end])
    return Answer(status, headers, plain[end:])


def _bound_to(request: Request) -> bytes:
    """Return what an answer is sealed to: moved to another row, it does not open."""
    return b"answered_request" + request.key_hash + request.request_hash
