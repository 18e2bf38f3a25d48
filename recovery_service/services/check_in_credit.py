"""What a check-in completes beside itself: the day's check-in, and sessions it tells of."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from recovery_service.domain.recurrence import Occurrence as Planned
from recovery_service.domain.recurrence import Place, occurrences_from
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.services.agenda import rule_of
from recovery_service.services.alerting import Ask
from recovery_service.services.device_plan import OWE_OTHERS

EXERCISE = sorted(name for name, kind in REMINDER_KINDS.items() if kind.counts == "exercise")

_CHECK_IN = "check_in"
_DAY = timedelta(days=1)

# Lets nobody else move what the day holds: neither the loop nor an edit of the plan.
LOCK_DAY = """
SELECT id FROM schedule
 WHERE clinic_id = %(clinic_id)s AND patient_id = %(patient_id)s
   AND (kind = 'check_in' OR kind = ANY (%(exercise)s))
 ORDER BY id FOR NO KEY UPDATE
"""

# What the day of a stored report holds. By the patient first: that is what the index of
# schedules knows.
DAY_OF = """
SELECT s.id, s.kind, s.anchor_date, s.time_zone, r.rule::text,
       CASE WHEN s.next_due_at IS NOT NULL THEN s.next_date END, s.next_minute, s.next_due_at,
       o.id, o.occ_key, o.due_at, o.state
  FROM schedule s
  JOIN schedule_rule r ON r.clinic_id = s.clinic_id AND r.hash = s.rule_hash
  LEFT JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
   AND o.occ_key >= %(from_key)s AND o.occ_key < %(until_key)s
 WHERE s.clinic_id = %(clinic_id)s AND s.patient_id = %(patient_id)s
   AND (s.kind = 'check_in' OR s.kind = ANY (%(exercise)s))
   AND s.episode_id = (SELECT own.episode_id FROM check_in own
                        WHERE own.clinic_id = %(clinic_id)s AND own.id = %(id)s)
 ORDER BY s.id, o.due_at
"""

# Deliveries are taken before occurrences, in the order of the plan's edits. A report that
# comes again adds no second action.
_CREDIT = """
WITH dropped AS (
    UPDATE delivery
       SET state = 'dropped', reason = 'done', settled_at = %(now)s, owner = NULL
     WHERE clinic_id = %(clinic_id)s AND occurrence_id = ANY (%(rows)s::bigint[])
       AND state IN ('ready', 'leased')
    RETURNING id
), closed AS (
    UPDATE occurrence
       SET state = 'done', reason = 'check_in', closed_at = %(now)s
     WHERE clinic_id = %(clinic_id)s AND id = ANY (%(rows)s::bigint[])
       AND state IN ('due', 'snoozed', 'missed') AND (SELECT count(*) FROM dropped) >= 0
), ahead AS (
    INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at, state,
                            reason, round, closed_at)
    SELECT %(clinic_id)s, n.lineage_id, n.occ_key, n.local_date, n.due_at, n.expires_at, 'done',
           'check_in', 0, %(now)s
      FROM unnest(%(lineages)s::uuid[], %(keys)s::text[], %(dates)s::date[],
                  %(dues)s::timestamptz[], %(expiries)s::timestamptz[])
           AS n (lineage_id, occ_key, local_date, due_at, expires_at)
    RETURNING id, lineage_id, occ_key
)
INSERT INTO occurrence_action (clinic_id, id, occurrence_id, action, at, received_at, late,
                               retired, source)
SELECT %(clinic_id)s, n.id, coalesce(n.row_id, a.id), 'complete', %(now)s, %(now)s, n.late,
       false, 'check_in'
  FROM unnest(%(ids)s::uuid[], %(row_ids)s::bigint[], %(of)s::uuid[], %(of_keys)s::text[],
              %(late)s::boolean[]) AS n (id, row_id, lineage_id, occ_key, late)
  LEFT JOIN ahead a ON a.lineage_id = n.lineage_id AND a.occ_key = n.occ_key
ON CONFLICT DO NOTHING
"""


class _Spot(NamedTuple):
    """One occurrence of the day: a row, or one that is still ahead (`planned`)."""

    lineage_id: UUID
    kind: str
    key: str
    due_at: datetime
    state: str
    row_id: int | None
    planned: Planned | None


def credit_day(
    ask: Ask, held: Sequence[Any], values: Mapping[str, Any], *, day: date, sessions: int
) -> None:
    """Complete what of the day's check-in is still ahead, and the sessions told of.

    `held` are the rows of `DAY_OF`, taken behind `LOCK_DAY`; `values` are their parameters.
    `sessions` is how many the patient has done that day in all: so many of the day's
    sessions count as done, the earliest open ones first, and never one more.
    """
    spots = sorted(_spots(held, day), key=lambda spot: spot.due_at)
    asked = [spot for spot in spots if spot.kind == _CHECK_IN and spot.planned is not None]
    exercise = [spot for spot in spots if spot.kind != _CHECK_IN]
    done = sum(spot.state == "done" for spot in exercise)
    waiting = [spot for spot in exercise if spot.state in ("due", "snoozed", "missed", "ahead")]
    credited = waiting[: max(sessions - done, 0)]
    if not asked and not credited:
        return
    key = {"clinic_id": values["clinic_id"], "now": values["received_at"]}
    # Only here is anything closed of which a device has still to remind.
    owed = key | {"patient_id": values["patient_id"], "but_not": values["device_id"]}
    ask((_CREDIT, key | _parameters(values["id"], asked, credited)), (OWE_OTHERS, owed))


def _parameters(
    check_in_id: UUID, asked: Sequence[_Spot], credited: Sequence[_Spot]
) -> dict[str, list[Any]]:
    """Return the arrays of `_CREDIT`; an action's id follows from what it is."""
    spots = [*asked, *credited]
    ahead = [(spot.lineage_id, spot.planned) for spot in spots if spot.planned is not None]
    return {
        "rows": [spot.row_id for spot in spots if spot.row_id is not None],
        "lineages": [lineage for lineage, _ in ahead],
        "keys": [planned.occ_key for _, planned in ahead],
        "dates": [planned.local_date for _, planned in ahead],
        "dues": [planned.due_at for _, planned in ahead],
        "expiries": [planned.expires_at for _, planned in ahead],
        "ids": [uuid5(check_in_id, f"{spot.lineage_id}.{spot.key}") for spot in credited],
        "row_ids": [spot.row_id for spot in credited],
        "of": [spot.lineage_id for spot in credited],
        "of_keys": [spot.key for spot in credited],
        "late": [spot.state == "missed" for spot in credited],
    }


def _spots(held: Sequence[Any], day: date) -> Iterator[_Spot]:
    taken = {(row[0], row[9]) for row in held}
    seen: set[UUID] = set()
    for row in held:
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
