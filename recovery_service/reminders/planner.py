"""Materialise: due schedules become occurrences and deliveries, a batch at a time.

One transaction and two statements a batch, whatever its size. The first locks the batch,
so that an edit of the plan waits for us or we skip what it holds; the second writes
everything from arrays and advances the schedules. Foreign keys and indexes are nearly all
of the time, so what helps is fewer rows, columns and indexes, not faster Python. Measured
and of no use: joining the update on `ctid` (the primary key is as fast). Of great use: that a
worker's connections go by index (`app.BY_INDEX`), without which each batch scanned all schedules.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import structlog
from sqlalchemy.orm import Session

from recovery_service.domain.recurrence import AnyRule, parse_rule
from recovery_service.reminders.expansion import Advance, Claimed, advance
from recovery_service.reminders.reach import is_ours, takes
from recovery_service.reminders.work import Transaction, array, run

log = structlog.get_logger(__name__)

_FIRST_DELAY = timedelta(minutes=1)
_LONGEST_DELAY = timedelta(hours=6)
_RULES_KEPT = 50_000

_CLAIM = """
SELECT clinic_id::text, id::text, patient_id::text, kind, remind_via, revision, failures,
       rule_hash, anchor_date, time_zone, next_date, next_minute, next_due_at
  FROM schedule
 WHERE next_due_at <= %(now)s
 ORDER BY next_due_at
 LIMIT %(batch)s
   FOR NO KEY UPDATE SKIP LOCKED
"""

_RULES = """
SELECT r.clinic_id::text, r.hash, r.rule
  FROM unnest(%(clinics)s::uuid[], %(hashes)s::text[]) AS wanted (clinic_id, hash)
  JOIN schedule_rule r USING (clinic_id, hash)
"""

_WRITE = f"""
WITH claimed AS (
    SELECT *
      FROM unnest(%(clinics)s::uuid[], %(lineages)s::uuid[], %(patients)s::uuid[],
                  %(kinds)s::text[], %(carriers)s::text[], %(revisions)s::int[],
                  %(next_dates)s::date[], %(next_minutes)s::smallint[],
                  %(next_dues)s::timestamptz[])
           AS c (clinic_id, lineage_id, patient_id, kind, carrier, revision,
                 next_date, next_minute, next_due_at)
), fallen AS (
    INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at,
                            state, reason, round, closed_at)
    SELECT f.clinic_id, f.lineage_id, f.occ_key, f.local_date, f.due_at, f.expires_at,
           CASE WHEN f.reason IS NULL THEN 'due' ELSE 'missed' END, f.reason, 0,
           CASE WHEN f.reason IS NULL THEN NULL ELSE %(now)s::timestamptz END
      FROM unnest(%(f_clinics)s::uuid[], %(f_lineages)s::uuid[], %(keys)s::text[],
                  %(dates)s::date[], %(dues)s::timestamptz[], %(expiries)s::timestamptz[],
                  %(reasons)s::text[])
           AS f (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at, reason)
    ON CONFLICT (clinic_id, lineage_id, occ_key) DO NOTHING
    RETURNING clinic_id, id, lineage_id, due_at, reason
), told AS (
    INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round, cause, state,
                          wake_at, attempts)
    SELECT f.clinic_id, f.id, d.id, d.channel, 0,
           CASE c.carrier WHEN 'device' THEN 'takeover' ELSE 'due' END, 'ready', f.due_at, 0
      FROM fallen f
      JOIN claimed c ON c.clinic_id = f.clinic_id AND c.lineage_id = f.lineage_id
      JOIN destination d ON d.clinic_id = c.clinic_id AND d.patient_id = c.patient_id
     WHERE f.reason IS NULL AND c.carrier <> 'none' AND {takes("c.kind")}
       AND {is_ours("c.carrier", "f.due_at")}
    ON CONFLICT DO NOTHING
    RETURNING 1
), advanced AS (
    UPDATE schedule s
       SET next_date = c.next_date, next_minute = c.next_minute, next_due_at = c.next_due_at,
           failures = 0
      FROM claimed c
     WHERE s.clinic_id = c.clinic_id AND s.id = c.lineage_id AND s.revision = c.revision
    RETURNING 1
)
SELECT (SELECT count(*) FROM fallen WHERE reason IS NULL),
       (SELECT count(*) FROM fallen WHERE reason IS NOT NULL),
       (SELECT count(*) FROM told),
       (SELECT count(*) FROM advanced)
"""

_DELAY = """
UPDATE schedule s
   SET failures = least(s.failures + 1, 1000), next_due_at = c.until
  FROM unnest(%(clinics)s::uuid[], %(lineages)s::uuid[], %(until)s::timestamptz[])
       AS c (clinic_id, lineage_id, until)
 WHERE s.clinic_id = c.clinic_id AND s.id = c.lineage_id
"""


class Materialised(NamedTuple):
    """What one batch did. `schedules` is how many were claimed; all are counts of rows."""

    schedules: int = 0
    due: int = 0
    missed: int = 0
    deliveries: int = 0
    advanced: int = 0
    poisoned: int = 0

    def plus(self, other: "Materialised") -> "Materialised":
        """Return the sum."""
        return Materialised(*(one + two for one, two in zip(self, other, strict=True)))


@dataclass(frozen=True)
class RuleBook:
    """Rules by clinic and content hash, parsed once in the life of a worker.

    The clinic is part of the key, so that what is broken in one clinic stays there.
    """

    _rules: dict[tuple[str, str], AnyRule] = field(default_factory=dict)

    def learn(self, session: Session, schedules: Iterable[Claimed]) -> None:
        """Read the rules that these schedules follow and that are not known yet."""
        unknown = {(each.clinic_id, each.rule_hash) for each in schedules} - self._rules.keys()
        if not unknown:
            return
        if len(self._rules) + len(unknown) > _RULES_KEPT:
            self._rules.clear()
        clinics, hashes = zip(*unknown, strict=True)
        found = run(session, _RULES, {"clinics": list(clinics), "hashes": list(hashes)})
        for clinic_id, rule_hash, rule in found:
            try:
                self._rules[clinic_id, rule_hash] = parse_rule(rule)
            except ValueError:
                continue  # whoever asks for it is told

    def rule(self, schedule: Claimed) -> AnyRule:
        """Return the rule of a schedule; raises KeyError for one that cannot be read."""
        return self._rules[schedule.clinic_id, schedule.rule_hash]


def materialise(
    transaction: Transaction, *, now: datetime, batch: int, rules: RuleBook
) -> Materialised:
    """Write what fell due for at most `batch` schedules, the longest overdue first.

    A schedule that cannot be expanded or written is put off alone (promise 13).
    """
    with transaction() as session:
        rows = run(session, _CLAIM, {"now": now, "batch": batch})
        if not rows:
            return Materialised()
        claimed = [Claimed(*row) for row in rows]
        rules.learn(session, claimed)
        advances: list[Advance] = []
        poisoned: list[Claimed] = []
        for schedule in claimed:
            try:
                advances.append(advance(schedule, rules.rule(schedule), now=now))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this schedule's own
                _report(schedule, error)
                poisoned.append(schedule)
        done = _write(session, advances, poisoned, now=now)
        _put_off(session, poisoned, now=now)
    return done._replace(schedules=len(rows), poisoned=len(poisoned))


def _write(
    session: Session, advances: Sequence[Advance], poisoned: list[Claimed], *, now: datetime
) -> Materialised:
    """Write a batch, or by halves what the database takes of it."""
    if not advances:
        return Materialised()
    try:
        with session.begin_nested():
            counts = run(session, _WRITE, _arrays(advances) | {"now": now})[0]
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        if len(advances) == 1:
            _report(advances[0].schedule, error)
            poisoned.append(advances[0].schedule)
            return Materialised()
        half = len(advances) // 2
        first = _write(session, advances[:half], poisoned, now=now)
        return first.plus(_write(session, advances[half:], poisoned, now=now))
    due, missed, deliveries, advanced = counts
    return Materialised(due=due, missed=missed, deliveries=deliveries, advanced=advanced)


def _arrays(advances: Sequence[Advance]) -> dict[str, Any]:
    """Lay a batch out column by column, as text that PostgreSQL reads fastest."""
    schedules = [each.schedule for each in advances]
    following = [each.following for each in advances]
    fallen = [
        (each.schedule, one.occurrence, one.reason) for each in advances for one in each.fallen
    ]
    return {
        "clinics": array(each.clinic_id for each in schedules),
        "lineages": array(each.lineage_id for each in schedules),
        "patients": array(each.patient_id for each in schedules),
        "kinds": [each.kind for each in schedules],
        "carriers": array(each.remind_via for each in schedules),
        "revisions": array(str(each.revision) for each in schedules),
        "next_dates": array(each and each.local_date.isoformat() for each in following),
        "next_minutes": array(each and str(each.minute) for each in following),
        "next_dues": array(each and each.due_at.isoformat() for each in following),
        "f_clinics": array(schedule.clinic_id for schedule, _, _ in fallen),
        "f_lineages": array(schedule.lineage_id for schedule, _, _ in fallen),
        "keys": array(each.occ_key for _, each, _ in fallen),
        "dates": array(each.local_date.isoformat() for _, each, _ in fallen),
        # What happens once may have been waited for beyond its expiry.
        "dues": array(min(each.due_at, each.expires_at).isoformat() for _, each, _ in fallen),
        "expiries": array(each.expires_at.isoformat() for _, each, _ in fallen),
        "reasons": array(reason for _, _, reason in fallen),
    }


def _put_off(session: Session, poisoned: Sequence[Claimed], *, now: datetime) -> None:
    """Try again later, at growing intervals; somebody may mend it meanwhile."""
    if poisoned:
        run(
            session,
            _DELAY,
            {
                "clinics": array(each.clinic_id for each in poisoned),
                "lineages": array(each.lineage_id for each in poisoned),
                "until": [now + _delay(each.failures) for each in poisoned],
            },
        )


def _delay(failures: int) -> timedelta:
    doublings: int = 2 ** min(failures, 16)
    return min(_FIRST_DELAY * doublings, _LONGEST_DELAY)


def _report(schedule: Claimed, error: Exception) -> None:
    """Say it once, however often it is tried again."""
    if schedule.failures == 0:
        log.error("schedule_poisoned", schedule_id=schedule.lineage_id, exc_info=error)
