"""What a patient does about what is planned: done, skipped, later, or taken back.

An occurrence can be acted on before it is a row, after it was missed, and when its
item is gone. Its schedule is locked first, as the reminder loop and every edit of
the plan do, so that nothing is written twice and nothing unsent survives.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.actions import (
    REACH_BACK,
    NewAction,
    Verdict,
    reopened,
    settle,
    state_now,
)
from recovery_service.domain.local_time import local_date
from recovery_service.domain.occurrence_ids import MalformedOccurrenceId, decode
from recovery_service.errors import (
    ClientIdReused,
    NoSuchObject,
    NothingToReopen,
    OccurrenceTooOld,
)
from recovery_service.models import (
    Occurrence,
    OccurrenceAction,
    Schedule,
)
from recovery_service.services.agenda import AgendaEntry, agenda
from recovery_service.services.device_plan import devices_owed_sync
from recovery_service.services.occurrence_locks import LockedItem, lock_item, lock_row, write_ahead
from recovery_service.services.rounds import last_snooze, open_round, remind
from recovery_service.services.unsent import cancel_unsent, take_back


class Stored(NamedTuple):
    """An action as it is stored, and the occurrence's row; `result` as in `ActionTaken`."""

    row: Occurrence
    action: OccurrenceAction
    repeated: bool

    @property
    def result(self) -> str:
        """Whether it took effect."""
        late = self.action.action == "snooze" and self.action.next_at is None
        return "too_late" if late else "stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTaken:
    """What came of a tap.

    `result` is `stored`, or `too_late` for a snooze that would end after the
    occurrence does; `repeated` says that the phone had sent this before.
    """

    occurrence: AgendaEntry
    action: OccurrenceAction
    result: str
    repeated: bool

    @property
    def next_at(self) -> datetime | None:
        """When a snoozed occurrence speaks again, in UTC."""
        return self.action.next_at

    @property
    def late(self) -> bool:
        """Whether it had been missed."""
        return self.action.late

    @property
    def retired(self) -> bool:
        """Whether the plan no longer has it."""
        return self.action.retired


def act(
    session: Session,
    actor: Actor,
    occurrence_id: str,
    new: NewAction,
    *,
    now: datetime,
    language: str,
) -> ActionTaken:
    """Store what the patient did, and return it with the occurrence as it stands.

    Raises as `store` does.
    """
    stored = store(session, actor, occurrence_id, new, now=now)
    return _taken(session, actor, stored, occurrence_id, now, language)


def store(
    session: Session, actor: Actor, occurrence_id: str, new: NewAction, *, now: datetime
) -> Stored:
    """Store what the patient did; the phone's id makes a retry harmless.

    Raises NoSuchObject, ClientIdReused, OccurrenceTooOld, NothingToReopen.
    """
    lineage, occ_key = _decoded(occurrence_id)
    item = lock_item(session, actor, lineage)
    stored = session.get(OccurrenceAction, (actor.clinic_id, new.id))
    if stored is not None:
        same = _row_of_action(session, actor, stored, lineage, occ_key, new)
        return Stored(row=same, action=stored, repeated=True)
    row = lock_row(session, item, occ_key) or _begin(session, item, occ_key, new)
    if row.local_date < local_date(item.schedule.time_zone, now) - REACH_BACK:
        raise OccurrenceTooOld(REACH_BACK.days)
    action = _apply(session, actor, item, row, new, now=now)
    patient_id = item.schedule.patient_id
    devices_owed_sync(session, actor.clinic_id, patient_id, but_not=actor.device_id, now=now)
    return Stored(row=row, action=action, repeated=False)


def _begin(session: Session, item: LockedItem, occ_key: str, new: NewAction) -> Occurrence:
    """Write the row of an occurrence that is acted on before it is one."""
    if new.action == "reopen":
        raise NothingToReopen
    if new.action == "snooze" and item.gone:
        raise NoSuchObject("occurrence")
    return write_ahead(session, item, occ_key)


def _decoded(occurrence_id: str) -> tuple[UUID, str]:
    try:
        return decode(occurrence_id)
    except MalformedOccurrenceId:
        raise NoSuchObject("occurrence") from None


def _apply(
    session: Session,
    actor: Actor,
    item: LockedItem,
    row: Occurrence,
    new: NewAction,
    *,
    now: datetime,
) -> OccurrenceAction:
    last = last_snooze(session, row)
    reads, _ = state_now(
        row.state, row.reason, row.due_at, row.expires_at, last.next_at if last else None, now=now
    )
    if new.action == "snooze":
        can_wait = reads in ("due", "snoozed", "upcoming") and not item.gone
        next_at = _snoozed(session, item, row, last, new, now=now) if can_wait else None
        return _record(session, actor, row, new, next_at=next_at, now=now)
    if new.action == "reopen":
        verdict = _taken_back(session, item, row, now=now)
    else:
        verdict = settle(new.action, reads, gone=item.gone)
    action = _record(session, actor, row, new, late=verdict.late, retired=verdict.retired, now=now)
    _close(session, row, verdict, now=now)
    return action


def _snoozed(
    session: Session,
    item: LockedItem,
    row: Occurrence,
    last: OccurrenceAction | None,
    new: NewAction,
    *,
    now: datetime,
) -> datetime | None:
    next_at = open_round(session, item.schedule, row, last, minutes=new.minutes, now=now)
    if next_at is None and row.due_at > now:
        # Refused ahead of its time: it is a row now, which the loop passes over when it falls due.
        remind(session, item.schedule, row, wake_at=row.due_at)
    return next_at


def _taken_back(session: Session, item: LockedItem, row: Occurrence, *, now: datetime) -> Verdict:
    if row.state not in ("done", "skipped"):
        raise NothingToReopen
    verdict = reopened(row.expires_at, retired=item.gone, now=now)
    if verdict.open and row.due_at > now:
        # Answered ahead of its time, so nothing has been sent: it reminds when it is due.
        remind(session, item.schedule, row, wake_at=row.due_at)
    if verdict.open:
        take_back(session, row, now=now)
    return verdict


def _close(session: Session, row: Occurrence, verdict: Verdict, *, now: datetime) -> None:
    row.state, row.reason = verdict.state, verdict.reason
    row.closed_at = None if verdict.open else now
    session.flush()
    if not verdict.open:
        cancel_unsent(session, row.clinic_id, [row.id], reason=verdict.state, now=now)


def _record(
    session: Session,
    actor: Actor,
    row: Occurrence,
    new: NewAction,
    *,
    now: datetime,
    next_at: datetime | None = None,
    late: bool = False,
    retired: bool = False,
) -> OccurrenceAction:
    values: dict[str, Any] = {
        "clinic_id": actor.clinic_id, "id": new.id, "occurrence_id": row.id,
        "action": new.action, "at": new.at, "received_at": now, "minutes": new.minutes,
        "next_at": next_at, "reason": new.reason, "done": new.done and dict(new.done),
        "pain": new.pain, "note": new.note, "late": late, "retired": retired,
        "device_id": actor.device_id,
    }  # fmt: skip
    made = session.scalars(
        upsert(OccurrenceAction).values(values).on_conflict_do_nothing().returning(OccurrenceAction)
    ).one_or_none()
    if made is None:  # another occurrence took the id at this very moment
        raise ClientIdReused("action", new.id, None)
    return made


def _row_of_action(
    session: Session,
    actor: Actor,
    stored: OccurrenceAction,
    lineage: UUID,
    occ_key: str,
    new: NewAction,
) -> Occurrence:
    """Return the occurrence of a stored action that says the same; raises ClientIdReused."""
    row = session.get_one(Occurrence, (actor.clinic_id, stored.occurrence_id))
    if (row.lineage_id, row.occ_key) != (lineage, occ_key):
        mine = session.get_one(Schedule, (actor.clinic_id, row.lineage_id)).patient_id == actor.id
        raise ClientIdReused("action", new.id, _as_stored(stored) if mine else None)
    said = (
        stored.action, stored.at.astimezone(UTC), stored.minutes, stored.reason, stored.done,
        stored.pain, stored.note,
    )  # fmt: skip
    says = (
        new.action, new.at.astimezone(UTC), new.minutes, new.reason, new.done and dict(new.done),
        new.pain, new.note,
    )  # fmt: skip
    if said != says:
        raise ClientIdReused("action", new.id, _as_stored(stored))
    return row


def _as_stored(action: OccurrenceAction) -> dict[str, Any]:
    """Return the values that stand; the row itself is gone with the transaction."""
    return {column.key: getattr(action, column.key) for column in OccurrenceAction.__table__.c}


def _taken(
    session: Session,
    actor: Actor,
    stored: Stored,
    occurrence_id: str,
    now: datetime,
    language: str,
) -> ActionTaken:
    day = stored.row.local_date
    assert actor.id is not None  # noqa: S101 - a patient has an id
    entries = agenda(session, actor.clinic_id, actor.id, day, day, now=now, language=language)
    entry = next(each for each in entries if each.id == occurrence_id)
    return ActionTaken(
        occurrence=entry, action=stored.action, result=stored.result, repeated=stored.repeated
    )
