"""Doing what a phone sent: read, put in order, each in its savepoint, one commit for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from recovery_service import logs
from recovery_service.api.sync_operations import OPERATIONS, OperationType, Read
from recovery_service.auth import current_actor, current_patient_id, request_language
from recovery_service.database import transaction
from recovery_service.domain.clock_skew import is_suspect
from recovery_service.domain.sync_order import Sent, as_it_happened
from recovery_service.errors import (
    ClientIdReused,
    FieldError,
    Invalid,
    MessagesClosed,
    RecoveryError,
)
from recovery_service.extensions import parts
from recovery_service.services.check_ins import take_turn
from recovery_service.services.occurrence_locks import lock_plan
from recovery_service.services.rejected_reports import keep_rejected
from recovery_service.services.sync_operations import (
    BUSY,
    CONFLICT,
    CREATED,
    DUPLICATE,
    REJECTED,
    RETRY,
    Batch,
    Done,
    Tried,
    attempt,
    note_skew,
)

log = structlog.get_logger()

#: A type that this service does not know: a newer app's.
UNKNOWN_OPERATION = "unknown_operation"
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Understood:
    """An operation that was read: what remains is to do it."""

    sent: Mapping[str, Any]
    kind: OperationType
    read: Read


@dataclass(slots=True)
class _Results:
    """What came of each operation, by its id."""

    of: dict[UUID, dict[str, Any]] = field(default_factory=dict)

    def refuse(self, sent: Mapping[str, Any], error: RecoveryError) -> None:
        self.add(sent, Tried(status=REJECTED, error=error))

    def add(self, sent: Mapping[str, Any], tried: Tried, kind: OperationType | None = None) -> None:
        told = {"id": sent["id"], "type": sent["type"], "status": tried.status}
        if tried.done is not None:
            told |= {name: tried.done.told[name] for name in tried.done.told}
            told.pop("monitoring", None)  # told once, for all, as it stands at the end
        if tried.code is not None:
            told["code"] = tried.code
        if tried.error is not None:
            told["code"] = tried.error.code
            told["errors"] = [each._asdict() for each in pointed(tried.error)]
        instead = isinstance(tried.error, ClientIdReused | MessagesClosed)
        stored = getattr(tried.error, "stored", None) if instead else None
        if stored is not None:
            shown = kind.stored if kind and tried.status == CONFLICT else None
            told["stored"] = stored if shown is None else shown.dump(stored)
        self.of[sent["id"]] = told


def perform(
    operations: Sequence[Mapping[str, Any]], skew: timedelta, *, now: datetime
) -> list[dict[str, Any]]:
    """Do the operations and return a result for each, in the order they were sent.

    Raises Invalid where one id stands for two contents; then nothing is done.
    """
    distinct = _distinct(operations)
    results, understood = _Results(), []
    refused: list[tuple[Mapping[str, Any], RecoveryError]] = []
    for sent in distinct.values():
        kind = OPERATIONS.get(sent["type"])
        if kind is None:
            results.add(sent, Tried(status=REJECTED, code=UNKNOWN_OPERATION))
            continue
        try:
            understood.append(_Understood(sent=sent, kind=kind, read=_read(kind, sent)))
        except Invalid as error:
            refused.append((sent, error))
            results.refuse(sent, error)
    with transaction() as session:
        actor, patient_id = current_actor(), current_patient_id()
        note_skew(session, actor, skew, now=now)
        if distinct:
            take_turn(session, patient_id)
            lock_plan(session, actor.clinic_id, patient_id)
        batch = Batch(
            session=session,
            actor=actor,
            patient_id=patient_id,
            content=parts().content,
            language=request_language(),
            now=now,
            clock_ahead=skew if is_suspect(skew) else None,
        )
        _do(batch, understood, results, refused)
        for sent, why in refused:
            if not _kept(batch, sent, why):
                results.add(sent, Tried(status=RETRY, code=BUSY))
    return _in_order(operations, results)


def _do(
    batch: Batch,
    understood: Sequence[_Understood],
    results: _Results,
    refused: list[tuple[Mapping[str, Any], RecoveryError]],
) -> None:
    sent = [
        Sent(
            id=one.read.id,
            content=one,
            at=one.kind.happened(one.read.content),
            corrects=one.kind.corrects(one.read.content),
        )
        for one in understood
    ]
    for place, each in enumerate(as_it_happened(sent)):
        one = each.content
        # Each a little later than the one before: what counts by when it came keeps its order.
        turn = batch.at(batch.now + place * _TICK)
        perform_it = partial(one.kind.perform, turn, one.read)
        tried = attempt(batch.session, perform_it, _report)
        if tried.status == REJECTED and tried.error is not None:
            refused.append((one.sent, tried.error))
        results.add(one.sent, tried, one.kind)


def _report(error: Exception) -> None:
    log.error("operation_failed", **logs.failure(error))


def _read(kind: OperationType, sent: Mapping[str, Any]) -> Read:
    return kind.read(sent["id"], sent["payload"])


def _kept(batch: Batch, sent: Mapping[str, Any], error: RecoveryError) -> bool:
    """Keep what was rejected, where that is to be kept; say whether the phone may forget it."""
    if not OPERATIONS[sent["type"]].kept:
        return True
    keep = partial(_keep, batch, sent, error)
    return attempt(batch.session, keep, _report).status in (CREATED, DUPLICATE)


def _keep(batch: Batch, sent: Mapping[str, Any], error: RecoveryError) -> Done:
    made = keep_rejected(
        batch.session,
        batch.actor,
        batch.patient_id,
        sent["id"],
        sent["payload"],
        code=error.code,
        errors=pointed(error),
        now=batch.now,
    )
    if made:
        log.warning("check_in_rejected", operation_id=sent["id"], code=error.code)
    return Done(repeated=not made, told={})


def pointed(error: RecoveryError) -> list[FieldError]:
    """Return what was wrong with pointers into the operation, not into its payload."""
    return [FieldError(f"/payload{each.pointer}", each.message) for each in error.errors]


def _distinct(operations: Sequence[Mapping[str, Any]]) -> dict[UUID, Mapping[str, Any]]:
    """Return each operation once; raises Invalid where an id is given to two contents."""
    found: dict[UUID, Mapping[str, Any]] = {}
    twice = [
        FieldError(f"/operations/{place}/id", "Another operation has this id.")
        for place, sent in enumerate(operations)
        if found.setdefault(sent["id"], sent) != sent
    ]
    if twice:
        raise Invalid(errors=twice)
    return found


def _in_order(operations: Sequence[Mapping[str, Any]], results: _Results) -> list[dict[str, Any]]:
    """Return a result for each that was sent; what was sent twice was a duplicate of itself."""
    told: list[dict[str, Any]] = []
    seen: set[UUID] = set()
    for sent in operations:
        result = results.of[sent["id"]]
        if sent["id"] in seen and result["status"] == CREATED:
            result = result | {"status": DUPLICATE}
        seen.add(sent["id"])
        told.append(result)
    return told
