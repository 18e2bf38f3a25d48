"""What a phone sends in one go: each operation for itself, and all of them committed at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

import psycopg
import sqlalchemy.exc
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.content import Content
from recovery_service.errors import ClientIdReused, RecoveryError
from recovery_service.models import SyncOperation

CREATED, DUPLICATE, CONFLICT = "created", "duplicate", "conflict"
REJECTED, RETRY = "rejected", "retry"
STATUSES = (CREATED, DUPLICATE, CONFLICT, REJECTED, RETRY)

#: Of an operation that may work later: what stood in its way.
BUSY, UNEXPECTED = "busy", "internal_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What the operations of one request share.

    `clock_ahead` is by how much the phone's clock is off, where that is not believed.
    """

    session: Session
    actor: Actor
    patient_id: UUID
    content: Content
    language: str
    now: datetime
    clock_ahead: timedelta | None = None

    def at(self, now: datetime) -> Self:
        """Return the same at another instant."""
        return replace(self, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of an operation that took effect, now or before (`repeated`)."""

    repeated: bool
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How an operation ended: what it did, or why it did nothing."""

    status: str
    done: Done | None = None
    error: RecoveryError | None = None
    code: str | None = None


def attempt(
    session: Session, perform: Callable[[], Done], unexpected: Callable[[Exception], None]
) -> Tried:
    """Perform one operation in a savepoint of its own; a failure undoes it and nothing else.

    Raises only what ends the transaction as a whole: a connection that is gone.
    `unexpected` hears of what nobody foresaw; the phone then asks again later, and is not
    held up by it.
    """
    try:
        with session.begin_nested():
            done = perform()
    except ClientIdReused as error:
        return Tried(status=CONFLICT, error=error)
    except RecoveryError as error:
        return Tried(status=REJECTED, error=error)
    except Exception as error:
        if _is_over(error):
            raise
        if _may_pass(error):
            return Tried(status=RETRY, code=BUSY)
        unexpected(error)
        return Tried(status=RETRY, code=UNEXPECTED)
    return Tried(status=DUPLICATE if done.repeated else CREATED, done=done)


def _is_over(error: Exception) -> bool:
    """Say whether the transaction has gone with its connection."""
    cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None


def _may_pass(error: Exception) -> bool:
    """Say whether it was a lock, a deadlock, a serialization failure or lack of time."""
    cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    return isinstance(cause, psycopg.OperationalError)


def taken_before(batch: Batch, operation_id: UUID, kind: str, payload: Mapping[str, Any]) -> bool:
    """Note an operation that has no row of its own; say whether it had been noted before.

    Raises ClientIdReused where the id stands for something else.
    """
    clinic_id = batch.actor.clinic_id
    noted = batch.session.scalar(
        insert(SyncOperation)
        .values(
            clinic_id=clinic_id,
            id=operation_id,
            patient_id=batch.patient_id,
            device_id=batch.actor.device_id,
            type=kind,
            payload=dict(payload),
            received_at=batch.now,
        )
        .on_conflict_do_nothing()
        .returning(SyncOperation.id)
    )
    if noted is not None:
        return False
    row = batch.session.scalars(
        select(SyncOperation).where(
            SyncOperation.clinic_id == clinic_id, SyncOperation.id == operation_id
        )
    ).one()
    mine = row.patient_id == batch.patient_id
    if not mine or (row.type, row.payload) != (kind, dict(payload)):
        raise ClientIdReused("operation", operation_id, dict(row.payload) if mine else None)
    return True


_COMPARED = text("""
UPDATE device SET clock_skew = :skew, clock_compared_at = :now
 WHERE clinic_id = :clinic_id AND id = :device_id
""")


def note_skew(session: Session, actor: Actor, skew: timedelta, *, now: datetime) -> None:
    """Keep by how much the clock of the actor's device is ahead of ours."""
    if actor.device_id is None:
        return
    values = {"clinic_id": actor.clinic_id, "device_id": actor.device_id}
    seconds = round(skew.total_seconds())
    session.execute(_COMPARED, values | {"skew": seconds, "now": now})
