"""Settle: what became of a chunk, written by its owner and by nobody else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain.interruptions import BUNDLED, OVER_BUDGET, PAUSED, QUIET_HOURS
from recovery_service.reminders import follow_ups
from recovery_service.reminders.channels.protocol import Dead, Outcome, Retired, Retry, Sent
from recovery_service.reminders.fence import EXPIRED
from recovery_service.reminders.held import Held
from recovery_service.reminders.parcels import Parcel
from recovery_service.reminders.retry import next_try
from recovery_service.reminders.work import Transaction, array, instants, run_for_chunk

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
UPDATE destination t
   SET retired_at = %(now)s, retired_reason = gone.reason,
       opted_out_at = CASE WHEN gone.reason = 'opted_out' THEN %(now)s::timestamptz
                           ELSE t.opted_out_at END
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


_WAITED = frozenset({QUIET_HOURS, OVER_BUDGET, PAUSED})
"""Why one waited that was sent in the end: kept, because it says why it came when it did."""


def settlements(parcel: Parcel, outcome: Outcome, *, now: datetime) -> list[Settlement]:
    """Read the outcome of a parcel for each delivery in it; they are tried again together."""
    led = settlement(parcel.lead, outcome, now=now)
    return [
        _in_parcel(led if held is parcel.lead else _like(led, held, outcome, now=now), parcel)
        for held in parcel.held
    ]


def _like(led: Settlement, held: Held, outcome: Outcome, *, now: datetime) -> Settlement:
    each = settlement(held, outcome, now=now)
    if led.wake_at is None or led.wake_at >= held.expires_at:
        return each
    return each._replace(wake_at=led.wake_at)


def _in_parcel(each: Settlement, parcel: Parcel) -> Settlement:
    if each.state != "sent":
        return each
    if each.held is not parcel.lead:
        return each._replace(reason=BUNDLED)
    return each._replace(reason=each.held.reason if each.held.reason in _WAITED else None)


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
    transaction: Transaction,
    parcels: Sequence[tuple[Parcel, Outcome]],
    *,
    owner: UUID,
    now: datetime,
) -> tuple[list[Settlement], int]:
    """Write what became of a chunk, and what follows from it.

    Returns what was still ours to write, and how many were not.
    """
    pairs = [
        (each, parcel)
        for parcel, outcome in parcels
        for each in settlements(parcel, outcome, now=now)
    ]
    with transaction() as session:
        # Destinations first and deliveries then, as edits lock them.
        _retire(session, [each for each, _ in pairs if each.name == "retired"], now=now)
        rows = run_for_chunk(session, _SETTLE, _arrays([each for each, _ in pairs], owner, now))
        ours = set(map(tuple, rows))
        mine = [(each, parcel) for each, parcel in pairs if each.held.ticket in ours]
        ended = [
            follow_ups.Gone(each.held, parcel.policy, sent=each.state == "sent")
            for each, parcel in mine
            if each.state in {"sent", "dead"}
        ]
        follow_ups.after(session, ended, now=now)
    return [each for each, _ in mine], len(pairs) - len(mine)


def _arrays(settled: Sequence[Settlement], owner: UUID, now: datetime) -> dict[str, Any]:
    return {
        "clinics": array(each.held.clinic_id.hex for each in settled),
        "ids": array(str(each.held.id) for each in settled),
        "states": array(each.state for each in settled),
        "reasons": array(each.reason for each in settled),
        "wake_ats": instants(each.wake_at for each in settled),
        "owner": owner,
        "now": now,
    }


def _retire(session: Session, gone: Sequence[Settlement], *, now: datetime) -> None:
    if gone:
        values = {
            "clinics": array(each.held.clinic_id.hex for each in gone),
            "ids": array(each.held.destination_id.hex for each in gone),
            "reasons": [each.reason for each in gone],
            "now": now,
        }
        run_for_chunk(session, _RETIRE, values)
