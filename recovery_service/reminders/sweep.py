"""Sweep: what nobody answered is closed, with a reason that tells the truth about why."""

from datetime import datetime
from typing import NamedTuple

from recovery_service.reminders.not_done import Missed, Watching, judge_missed
from recovery_service.reminders.work import Transaction, run

# One that a live sender holds is left until that is settled: only then is it known whether
# anything reached the patient.
_CLOSE = """
WITH over AS (
    SELECT o.clinic_id, o.id, o.due_at, s.remind_via, s.patient_id, s.episode_id
      FROM occurrence o
      JOIN schedule s ON s.clinic_id = o.clinic_id AND s.id = o.lineage_id
     WHERE o.state IN ('due', 'snoozed') AND o.expires_at <= %(now)s
       AND NOT EXISTS (SELECT FROM delivery d
                        WHERE d.clinic_id = o.clinic_id AND d.occurrence_id = o.id
                          AND d.state = 'leased' AND d.wake_at > %(now)s)
     ORDER BY o.expires_at
     LIMIT %(batch)s
       FOR UPDATE OF o SKIP LOCKED
), told AS (
    SELECT over.clinic_id, over.id, over.due_at, over.remind_via, over.patient_id,
           over.episode_id, count(d.id) AS deliveries,
           coalesce(bool_or(d.state = 'sent'), false) AS sent,
           coalesce(bool_or(d.state = 'dropped' AND d.reason = 'paused'), false) AS paused
      FROM over
      LEFT JOIN delivery d ON d.clinic_id = over.clinic_id AND d.occurrence_id = over.id
     GROUP BY over.clinic_id, over.id, over.due_at, over.remind_via, over.patient_id,
              over.episode_id
)
UPDATE occurrence o
   SET state = 'missed', closed_at = %(now)s,
       reason = CASE WHEN told.sent THEN 'not_answered'
                     WHEN told.paused THEN 'paused'
                     WHEN told.deliveries > 0 THEN 'not_delivered'
                     WHEN told.remind_via = 'none' THEN 'not_reminded'
                     WHEN told.remind_via = 'device' AND EXISTS (
                          SELECT FROM device v
                           WHERE v.clinic_id = told.clinic_id AND v.patient_id = told.patient_id
                             AND v.scheduled_until > told.due_at)
                     THEN 'left_to_device'
                     ELSE 'no_destination' END
  FROM told
 WHERE o.clinic_id = told.clinic_id AND o.id = told.id
RETURNING told.clinic_id, told.patient_id, told.episode_id
"""

# In its own transaction: an edit locks deliveries first and occurrences then, so that
# holding both in the other order would have the two wait for each other.
_DROP = """
WITH leftover AS (
    SELECT d.clinic_id, d.id, o.state
      FROM delivery d
      JOIN occurrence o ON o.clinic_id = d.clinic_id AND o.id = d.occurrence_id
     WHERE d.state IN ('ready', 'leased') AND d.wake_at <= %(now)s
       AND o.state NOT IN ('due', 'snoozed')
     ORDER BY d.id
     LIMIT %(batch)s
       FOR UPDATE OF d SKIP LOCKED
)
UPDATE delivery d
   SET state = 'dropped', owner = NULL, settled_at = %(now)s,
       reason = CASE leftover.state WHEN 'done' THEN 'completed' WHEN 'missed' THEN 'expired'
                                    ELSE leftover.state END
  FROM leftover
 WHERE d.clinic_id = leftover.clinic_id AND d.id = leftover.id
RETURNING d.id
"""


class Swept(NamedTuple):
    """How many occurrences were closed as missed, and how many deliveries were left over.

    `raised` is how many alerts what was missed led to.
    """

    closed: int
    dropped: int
    raised: int = 0


def sweep(
    transaction: Transaction, watching: Watching | None = None, *, now: datetime, batch: int
) -> Swept:
    """Close at most `batch` occurrences that expired open, and drop what was left unsent.

    With `watching`, their episodes are judged by what was not done, in the same transaction.

    Leases of dead processes need no healing here: claiming takes what has run out.
    """
    values = {"now": now, "batch": batch}
    with transaction() as session:
        rows = run(session, _CLOSE, values)
        closed = len(rows)
        raised = 0
        if watching is not None:
            missed = (Missed._make(row) for row in rows if row[2] is not None)
            raised = judge_missed(session, missed, watching, now=now)
    with transaction() as session:
        dropped = len(run(session, _DROP, values))
    return Swept(closed, dropped, raised)
