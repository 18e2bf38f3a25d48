"""What a check-in completes beside itself: the day's check-in, and sessions it tells of."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    String,
    Uuid,
    bindparam,
    select,
    text,
)
from sqlalchemy.orm import Session

from recovery_service.domain.recurrence import Occurrence as Planned
from recovery_service.domain.recurrence import Place, occurrences_from
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.models import Schedule
from recovery_service.services.agenda import rule_of
from recovery_service.services.unsent import cancel_unsent

EXERCISE = sorted(name for name, kind in REMINDER_KINDS.items() if kind.counts == "exercise")

_DAY = timedelta(days=1)

# By the patient first: that is what the index of schedules knows.
_DAY_OF = """
SELECT s.id, s.kind, s.anchor_date, s.time_zone, r.rule::text,
       CASE WHEN s.next_due_at IS NOT NULL THEN s.next_date END, s.next_minute, s.next_due_at,
       o.id, o.occ_key, o.due_at, o.state
  FROM schedule s
  JOIN schedule_rule r ON r.clinic_id = s.clinic_id AND r.hash = s.rule_hash
  LEFT JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
   AND o.occ_key >= %(from_key)s AND o.occ_key < %(until_key)s
 WHERE s.clinic_id = %(clinic_id)s AND s.patient_id = %(patient_id)s
   AND s.episode_id = %(episode_id)s AND s.kind = ANY (%(kinds)s)
 ORDER BY s.id, o.due_at
"""

_INSERT = text("""
INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at, state,
                        reason, round, closed_at)
SELECT :clinic_id, n.lineage_id, n.occ_key, n.local_date, n.due_at, n.expires_at, 'done',
       'check_in', 0, :now
  FROM unnest(:lineages, :keys, :dates, :dues, :expiries)
       AS n (lineage_id, occ_key, local_date, due_at, expires_at)
RETURNING lineage_id, occ_key, id
""").bindparams(
    bindparam("clinic_id", type_=Uuid),
    bindparam("now", type_=DateTime(timezone=True)),
    bindparam("lineages", type_=ARRAY(Uuid)),
    bindparam("keys", type_=ARRAY(String)),
    bindparam("dates", type_=ARRAY(Date)),
    bindparam("dues", type_=ARRAY(DateTime(timezone=True))),
    bindparam("expiries", type_=ARRAY(DateTime(timezone=True))),
)

_CLOSE = text("""
UPDATE occurrence SET state = 'done', reason = 'check_in', closed_at = :now
 WHERE clinic_id = :clinic_id AND id = ANY(:ids) AND state IN ('due', 'snoozed', 'missed')
""")

_ACTIONS = text("""
INSERT INTO occurrence_action (clinic_id, id, occurrence_id, action, at, received_at, late,
                               retired, source)
SELECT :clinic_id, n.id, n.occurrence_id, 'complete', :now, :now, n.late, false, 'check_in'
  FROM unnest(:ids, :occurrences, :late) AS n (id, occurrence_id, late)
ON CONFLICT DO NOTHING
""").bindparams(
    bindparam("clinic_id", type_=Uuid),
    bindparam("now", type_=DateTime(timezone=True)),
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("occurrences", type_=ARRAY(BigInteger)),
    bindparam("late", type_=ARRAY(Boolean)),
)


class _Spot(NamedTuple):
    """One occurrence of the day: a row, or one that is still ahead (`planned`)."""

    lineage_id: UUID
    kind: str
    key: str
    due_at: datetime
    state: str
    row_id: int | None
    planned: Planned | None


def lock_day(session: Session, clinic_id: UUID, patient_id: UUID) -> None:
    """Let nobody else move what the day holds: neither the loop nor an edit of the plan."""
    session.execute(
        select(Schedule.id)
        .where(Schedule.clinic_id == clinic_id, Schedule.patient_id == patient_id)
        .order_by(Schedule.id)
        .with_for_update(key_share=True)
    )


def credit_day(
    session: Session,
    clinic_id: UUID,
    patient_id: UUID,
    episode_id: UUID,
    *,
    check_in_id: UUID,
    day: date,
    sessions: int,
    now: datetime,
) -> None:
    """Complete what of the day's check-in is still ahead, and the sessions told of.

    `sessions` is how many the patient has done that day in all: so many of the day's
    sessions count as done, the earliest open ones first, and never one more.
    """
    found = _spots(session, clinic_id, patient_id, episode_id, day)
    spots = sorted(found, key=lambda spot: spot.due_at)
    asked = [spot for spot in spots if spot.kind == "check_in" and spot.planned is not None]
    exercise = [spot for spot in spots if spot.kind != "check_in"]
    done = sum(spot.state == "done" for spot in exercise)
    waiting = [spot for spot in exercise if spot.state in ("due", "snoozed", "missed", "ahead")]
    credited = waiting[: max(sessions - done, 0)]
    ids = _complete(session, clinic_id, [*asked, *credited], now=now)
    if credited:
        _tell(session, clinic_id, check_in_id, credited, ids, now=now)


def _complete(
    session: Session, clinic_id: UUID, spots: Sequence[_Spot], *, now: datetime
) -> dict[tuple[UUID, str], int]:
    """Close these and return their internal keys; one statement a kind of thing, not a row."""
    ids = {(spot.lineage_id, spot.key): spot.row_id for spot in spots if spot.row_id is not None}
    rows = list(ids.values())
    if rows:
        session.execute(_CLOSE, {"clinic_id": clinic_id, "ids": rows, "now": now})
        cancel_unsent(session, clinic_id, rows, reason="done", now=now)
    ahead = [(spot.lineage_id, spot.planned) for spot in spots if spot.planned is not None]
    if ahead:
        values = {
            "clinic_id": clinic_id,
            "now": now,
            "lineages": [lineage for lineage, _ in ahead],
            "keys": [planned.occ_key for _, planned in ahead],
            "dates": [planned.local_date for _, planned in ahead],
            "dues": [planned.due_at for _, planned in ahead],
            "expiries": [planned.expires_at for _, planned in ahead],
        }
        for row in session.execute(_INSERT, values):
            ids[row.lineage_id, row.occ_key] = row.id
    return ids


def _tell(
    session: Session,
    clinic_id: UUID,
    check_in_id: UUID,
    spots: Sequence[_Spot],
    ids: Mapping[tuple[UUID, str], int],
    *,
    now: datetime,
) -> None:
    """Keep that the report completed these sessions; a repeated report adds nothing."""
    values = {
        "clinic_id": clinic_id,
        "now": now,
        "ids": [uuid5(check_in_id, f"{spot.lineage_id}.{spot.key}") for spot in spots],
        "occurrences": [ids[spot.lineage_id, spot.key] for spot in spots],
        "late": [spot.state == "missed" for spot in spots],
    }
    session.execute(_ACTIONS, values)


def _spots(
    session: Session, clinic_id: UUID, patient_id: UUID, episode_id: UUID, day: date
) -> Iterator[_Spot]:
    values = {
        "clinic_id": clinic_id,
        "patient_id": patient_id,
        "episode_id": episode_id,
        "kinds": [*EXERCISE, "check_in"],
        "from_key": f"{day:%Y%m%d}",
        "until_key": f"{day + _DAY:%Y%m%d}",
    }
    rows = session.connection().exec_driver_sql(_DAY_OF, values).all()
    taken = {(row[0], row[9]) for row in rows}
    seen: set[UUID] = set()
    for row in rows:
        lineage, kind = row[0], row[1]
        if row[8] is not None:
            yield _Spot(lineage, kind, row[9], row[10], row[11], row[8], None)
        if lineage not in seen:
            seen.add(lineage)
            for planned in _ahead(row, day):
                if (lineage, planned.occ_key) not in taken:
                    key, due = planned.occ_key, planned.due_at
                    yield _Spot(lineage, kind, key, due, "ahead", None, planned)


def _ahead(row: Any, day: date) -> Iterator[Planned]:
    """Yield what the schedule still holds for the day."""
    _, _, anchor, zone, rule, next_date, next_minute, next_due_at = row[:8]
    if next_date is None or next_date > day:
        return
    place = Place(next_date, next_minute, next_due_at)
    if next_date < day - _DAY:
        place = Place(day - _DAY, 0)
    for planned in occurrences_from(rule_of(rule), anchor, zone, place):
        if planned.local_date > day:
            return
        if planned.local_date == day:
            yield planned
