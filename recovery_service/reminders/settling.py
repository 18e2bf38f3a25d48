"""Settle: what became of a chunk, written by its owner and by nobody else."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from recovery_service.reminders.channels.protocol import Dead, Outcome, Retired, Retry, Sent
from recovery_service.reminders.fence import EXPIRED, Held
from recovery_service.reminders.retry import next_try
from recovery_service.reminders.work import Transaction, array, by_index, run

# In order of the key, as edits lock them, so that nobody waits in a circle. A sender that
# lost its lease finds its rows owned by another, or by nobody, and changes nothing.
_SETTLE = """
WITH mine AS (
    SELECT d.clinic_id, d.id, r.state, r.reason, r.wake_at
      FROM unnest(%(clinics)s::uuid[], %(ids)s::bigint[], %(states)s::text[],
                  %(reasons)s::text[], %(wake_ats)s::timestamptz[])
           AS r (clinic_id, id, state, reason, wake_at)
      JOIN delivery d ON d.clinic_id = r.clinic_id AND d.id = r.id
     WHERE d.owner = %(owner)s
     ORDER BY d.id
       FOR UPDATE OF d
)
UPDATE delivery d
   SET state = mine.state, reason = mine.reason, owner = NULL,
       wake_at = coalesce(mine.wake_at, d.wake_at),
       settled_at = CASE WHEN mine.state = 'ready' THEN NULL ELSE %(now)s::timestamptz END
  FROM mine
 WHERE d.clinic_id = mine.clinic_id AND d.id = mine.id
RETURNING d.clinic_id, d.id
"""

# Only the destination: the plan goes on, and reminds wherever else the patient is reached.
_RETIRE = """
UPDATE destination t SET retired_at = %(now)s, retired_reason = gone.reason
  FROM unnest(%(clinics)s::uuid[], %(ids)s::uuid[], %(reasons)s::text[])
       AS gone (clinic_id, id, reason)
 WHERE t.clinic_id = gone.clinic_id AND t.id = gone.id AND t.retired_at IS NULL
"""


class Settlement(NamedTuple):
    """How one delivery ends, or when it is tried again (`ready` at `wake_at`)."""

    held: Held
    name: str
    state: str
    reason: str | None = None
    wake_at: datetime | None = None


def settlement(held: Held, outcome: Outcome, *, now: datetime) -> Settlement:
    """Read an outcome; `name` is what is counted: sent, retried, dead, expired, retired."""
    match outcome:
        case Sent():
            return Settlement(held, "sent", "sent")
        case Retry():
            return _again(held, outcome, now=now)
        case Retired(reason=reason):
            return Settlement(held, "retired", "dead", reason[:32])
        case Dead(reason="expired"):
            return Settlement(held, "expired", "dropped", EXPIRED)
        case Dead(reason=reason):
            return Settlement(held, "dead", "dead", reason[:40])


def _again(held: Held, retry: Retry, *, now: datetime) -> Settlement:
    again = next_try(held.attempts, retry.after, now=now, expires_at=held.expires_at)
    if again is None:
        return Settlement(held, "expired", "dropped", EXPIRED)
    return Settlement(held, "retried", "ready", retry.reason[:40], again)


def settle(
    transaction: Transaction, settlements: Sequence[Settlement], *, owner: UUID, now: datetime
) -> list[Settlement]:
    """Write what became of a chunk; return what was still ours to write."""
    with transaction() as session:
        by_index(session)
        rows = run(
            session,
            _SETTLE,
            {
                "clinics": array(str(each.held.clinic_id) for each in settlements),
                "ids": array(str(each.held.id) for each in settlements),
                "states": array(each.state for each in settlements),
                "reasons": [each.reason for each in settlements],
                "wake_ats": [each.wake_at for each in settlements],
                "owner": owner,
                "now": now,
            },
        )
        gone = [each for each in settlements if each.name == "retired"]
        if gone:
            values = {
                "clinics": array(str(each.held.clinic_id) for each in gone),
                "ids": array(str(each.held.destination_id) for each in gone),
                "reasons": [each.reason for each in gone],
                "now": now,
            }
            run(session, _RETIRE, values)
    settled = set(map(tuple, rows))
    return [each for each in settlements if (each.held.clinic_id, each.held.id) in settled]
