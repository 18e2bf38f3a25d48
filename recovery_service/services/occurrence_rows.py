"""Occurrence rows around an edit: which nobody has met yet, and writing what must stand.

An occurrence is *met* when a sender has touched one of its deliveries or the
patient has acted on it. What nobody has met may still move, so an edit takes
the row away and plans it anew; what was met stands, and its key with it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Boolean, DateTime, String, Uuid
from sqlalchemy.types import Date as DateType

from recovery_service.domain.recurrence import Occurrence
from recovery_service.domain.rescheduling import PASSED_BEFORE_START
from recovery_service.reminders.reach import is_ours, takes


class Standing(NamedTuple):
    """An occurrence row as an edit sees it."""

    id: int
    lineage_id: UUID
    occ_key: str
    local_date: date
    due_at: datetime
    expires_at: datetime
    open: bool
    told: bool
    unmet: bool


class NewRow(NamedTuple):
    """An occurrence to write; with a reason it is missed from the start.

    One that had been `left` without a delivery is a device's if it is at all: what that has
    shown already is not told again because the plan was edited.
    """

    lineage_id: UUID
    occurrence: Occurrence
    reason: str | None = None
    left: bool = False


# Deliveries are locked first: a sender that claims one meanwhile has met the occurrence.
_LOCK_DELIVERIES = text("""
SELECT d.id FROM delivery d
  JOIN occurrence o ON o.clinic_id = d.clinic_id AND o.id = d.occurrence_id
 WHERE o.clinic_id = :clinic_id AND o.lineage_id = ANY(:lineages)
   AND o.state IN ('due', 'snoozed') AND d.state IN ('ready', 'leased')
 ORDER BY d.id FOR UPDATE OF d
""").bindparams(bindparam("lineages", type_=ARRAY(Uuid)))

_STANDING = text("""
SELECT o.id, o.lineage_id, o.occ_key, o.local_date, o.due_at, o.expires_at,
       o.state IN ('due', 'snoozed') AS open,
       EXISTS (SELECT FROM delivery d
                WHERE d.clinic_id = o.clinic_id AND d.occurrence_id = o.id) AS told,
       (o.state = 'due' OR o.reason = :passed)
       AND NOT EXISTS (SELECT FROM delivery d
                        WHERE d.clinic_id = o.clinic_id AND d.occurrence_id = o.id
                          AND (d.state <> 'ready' OR d.attempts > 0))
       AND NOT EXISTS (SELECT FROM occurrence_action a
                        WHERE a.clinic_id = o.clinic_id AND a.occurrence_id = o.id) AS unmet
  FROM occurrence o
 WHERE o.clinic_id = :clinic_id AND o.lineage_id = ANY(:lineages)
   AND (o.occ_key = 'once' OR o.local_date >= :since OR o.state IN ('due', 'snoozed'))
 ORDER BY o.due_at
""").bindparams(bindparam("lineages", type_=ARRAY(Uuid)))

_TAKE_AWAY = (
    text("DELETE FROM delivery WHERE clinic_id = :clinic_id AND occurrence_id = ANY(:ids)"),
    text("DELETE FROM occurrence WHERE clinic_id = :clinic_id AND id = ANY(:ids)"),
)

_CLOSE = text("""
UPDATE occurrence SET state = 'cancelled', reason = :reason, closed_at = :now
 WHERE clinic_id = :clinic_id AND id = ANY(:ids) AND state IN ('due', 'snoozed')
""")

_STORE = text(f"""
WITH n AS (
    SELECT *
      FROM unnest(:lineages, :keys, :dates, :dues, :expiries, :reasons, :left)
           AS n (lineage_id, occ_key, local_date, due_at, expires_at, reason, left_to_device)
), stored AS (
    INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at,
                            state, reason, round, closed_at)
    SELECT :clinic_id, n.lineage_id, n.occ_key, n.local_date, n.due_at, n.expires_at,
           CASE WHEN n.reason IS NULL THEN 'due' ELSE 'missed' END, n.reason, 0,
           CASE WHEN n.reason IS NULL THEN NULL ELSE CAST(:now AS timestamptz) END
      FROM n
    ON CONFLICT (clinic_id, lineage_id, occ_key) DO NOTHING
    RETURNING clinic_id, id, lineage_id, occ_key, due_at, state
)
INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round, cause, state,
                      wake_at, attempts)
SELECT o.clinic_id, o.id, d.id, d.channel, 0,
       CASE s.remind_via WHEN 'device' THEN 'takeover' ELSE 'due' END, 'ready', o.due_at, 0
  FROM stored o
  JOIN n ON n.lineage_id = o.lineage_id AND n.occ_key = o.occ_key
  JOIN schedule s ON s.clinic_id = o.clinic_id AND s.id = o.lineage_id
  JOIN destination d ON d.clinic_id = s.clinic_id AND d.patient_id = s.patient_id
 WHERE o.state = 'due' AND NOT (s.remind_via = 'device' AND n.left_to_device)
   AND {takes("s.kind")} AND {is_ours("s.remind_via", "o.due_at")}
""").bindparams(
    bindparam("clinic_id", type_=Uuid),
    bindparam("lineages", type_=ARRAY(Uuid)),
    bindparam("keys", type_=ARRAY(String)),
    bindparam("dates", type_=ARRAY(DateType)),
    bindparam("dues", type_=ARRAY(DateTime(timezone=True))),
    bindparam("expiries", type_=ARRAY(DateTime(timezone=True))),
    bindparam("reasons", type_=ARRAY(String)),
    bindparam("left", type_=ARRAY(Boolean)),
)


def standing(
    session: Session, clinic_id: UUID, lineages: Sequence[UUID], *, since: date, lock: bool = True
) -> list[Standing]:
    """Return the rows that an edit must know: open ones, recent ones, and single happenings."""
    where = {"clinic_id": clinic_id, "lineages": list(lineages)}
    if lock:
        session.execute(_LOCK_DELIVERIES, where)
    rows = session.execute(_STANDING, where | {"since": since, "passed": PASSED_BEFORE_START})
    return [_standing(row) for row in rows.mappings()]


def _standing(row: RowMapping) -> Standing:
    return Standing(**row)


def take_away(session: Session, clinic_id: UUID, rows: Iterable[Standing]) -> None:
    """Remove rows that nobody has met, with their deliveries; their keys are free again."""
    ids = [row.id for row in rows]
    if ids:
        for statement in _TAKE_AWAY:
            session.execute(statement, {"clinic_id": clinic_id, "ids": ids})


def close(
    session: Session, clinic_id: UUID, rows: Iterable[Standing], *, reason: str, now: datetime
) -> list[int]:
    """Cancel open rows with a reason and return their keys."""
    ids = [row.id for row in rows if row.open]
    if ids:
        session.execute(_CLOSE, {"clinic_id": clinic_id, "ids": ids, "reason": reason, "now": now})
    return ids


def store(session: Session, clinic_id: UUID, rows: Sequence[NewRow], *, now: datetime) -> None:
    """Write occurrences and, for those that are due, one delivery per destination."""
    if not rows:
        return
    session.execute(
        _STORE,
        {
            "clinic_id": clinic_id,
            "now": now,
            "lineages": [row.lineage_id for row in rows],
            "keys": [row.occurrence.occ_key for row in rows],
            "dates": [row.occurrence.local_date for row in rows],
            "dues": [row.occurrence.due_at for row in rows],
            "expiries": [row.occurrence.expires_at for row in rows],
            "reasons": [row.reason for row in rows],
            "left": [row.left for row in rows],
        },
    )
