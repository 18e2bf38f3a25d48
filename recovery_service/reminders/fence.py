"""The fence: the last look before sending, and what may still go out.

A reminder was written when it fell due; by the time a sender has it, it may have been done,
superseded, paused, or be too late. The verdict is a pure function of what the rows say now,
so that a further reason not to send (quiet hours, the day's budget) is one more guard.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from recovery_service.domain.local_time import local_date
from recovery_service.reminders.work import Transaction, array, by_index, run

EXPIRED = "expired"
_CLOSED = {
    "done": "completed",
    "skipped": "skipped",
    "missed": EXPIRED,
    "cancelled": "cancelled",
}

# Only a leased row has an owner. Keys begin with the local date, so a newer occurrence is
# looked for among those of the day and later. Locked rows are skipped: whoever holds one is
# about to drop it, and if not, the lease runs out and it is claimed again.
_LOOK = """
SELECT d.clinic_id, d.id, d.attempts, d.round, o.round, o.state, o.expires_at,
       o.lineage_id, o.occ_key, s.kind, e.state, p.locale, p.time_zone,
       p.preferences -> 'pause',
       t.id, t.channel, t.address, t.subscription, t.retired_at, t.opted_out_at,
       s.kind = ANY (t.muted_kinds),
       EXISTS (SELECT FROM occurrence newer
                WHERE newer.clinic_id = o.clinic_id AND newer.lineage_id = o.lineage_id
                  AND newer.occ_key >= to_char(o.local_date, 'YYYYMMDD')
                  AND newer.due_at > o.due_at AND newer.due_at <= %(now)s
                  AND newer.state <> 'cancelled')
  FROM unnest(%(clinics)s::uuid[], %(ids)s::bigint[]) AS mine (clinic_id, id)
  JOIN delivery d USING (clinic_id, id)
  JOIN occurrence o ON o.clinic_id = d.clinic_id AND o.id = d.occurrence_id
  JOIN schedule s ON s.clinic_id = o.clinic_id AND s.id = o.lineage_id
  JOIN episode e ON e.clinic_id = s.clinic_id AND e.id = s.episode_id
  JOIN patient p ON p.clinic_id = s.clinic_id AND p.id = s.patient_id
  JOIN destination t ON t.clinic_id = d.clinic_id AND t.id = d.destination_id
 WHERE d.owner = %(owner)s
   FOR UPDATE OF d SKIP LOCKED
"""

_RENEW = """
UPDATE delivery d SET wake_at = %(lease_ends)s
  FROM unnest(%(clinics)s::uuid[], %(ids)s::bigint[]) AS mine (clinic_id, id)
 WHERE d.clinic_id = mine.clinic_id AND d.id = mine.id
"""

_DROP = """
UPDATE delivery d
   SET state = 'dropped', reason = mine.reason, owner = NULL, settled_at = %(now)s
  FROM unnest(%(clinics)s::uuid[], %(ids)s::bigint[], %(reasons)s::text[])
       AS mine (clinic_id, id, reason)
 WHERE d.clinic_id = mine.clinic_id AND d.id = mine.id
"""


class Held(NamedTuple):
    """A leased delivery with all that decides whether it may go out, as of this moment."""

    clinic_id: UUID
    id: int
    attempts: int
    round: int
    current_round: int
    occurrence_state: str
    expires_at: datetime
    lineage_id: UUID
    occ_key: str
    kind: str
    episode_state: str
    locale: str
    time_zone: str
    pause: dict[str, Any] | None
    destination_id: UUID
    channel: str
    address: str | None
    subscription: dict[str, Any] | None
    retired_at: datetime | None
    opted_out_at: datetime | None
    muted: bool
    superseded: bool


class Ticket(NamedTuple):
    """A claimed delivery: its key, nothing that could have changed meanwhile."""

    clinic_id: UUID
    id: int


@dataclass(frozen=True, slots=True)
class Fenced:
    """What may be sent now, and how many were dropped, by reason."""

    ready: tuple[Held, ...]
    dropped: dict[str, int]


def fence(
    transaction: Transaction,
    tickets: Sequence[Ticket],
    *,
    owner: UUID,
    lease: timedelta,
    now: datetime,
) -> Fenced:
    """Renew the lease on what may still go out, and end the rest with its reason.

    What is no longer ours is in neither: somebody else has it, or ended it.
    """
    with transaction() as session:
        by_index(session)
        rows = run(session, _LOOK, _keys(tickets) | {"owner": owner, "now": now})
        held = [Held(*row) for row in rows]
        verdicts = [(each, verdict(each, now=now)) for each in held]
        ready = tuple(each for each, reason in verdicts if reason is None)
        dropped = [(each, reason) for each, reason in verdicts if reason is not None]
        if ready:
            run(session, _RENEW, _keys(ready) | {"lease_ends": now + lease})
        if dropped:
            reasons = array(reason for _, reason in dropped)
            keys = _keys([each for each, _ in dropped])
            run(session, _DROP, keys | {"reasons": reasons, "now": now})
    counts: dict[str, int] = {}
    for _, reason in dropped:
        counts[reason] = counts.get(reason, 0) + 1
    return Fenced(ready, counts)


def verdict(held: Held, *, now: datetime) -> str | None:
    """Return why a delivery must not go out any more, or None when it may."""
    reasons = (guard(held, now) for guard in GUARDS)
    return next((reason for reason in reasons if reason is not None), None)


def _silent(held: Held, _now: datetime) -> str | None:
    return None if held.episode_state == "open" else f"episode_{held.episode_state}"


def _closed(held: Held, _now: datetime) -> str | None:
    return _CLOSED.get(held.occurrence_state)


def _expired(held: Held, now: datetime) -> str | None:
    """Count in whole seconds, as the provider is told: less than one is nothing."""
    return EXPIRED if held.expires_at - now < timedelta(seconds=1) else None


def _superseded(held: Held, _now: datetime) -> str | None:
    """Prefer the item's newer occurrence, and the later round that the patient asked for."""
    return "superseded" if held.superseded or held.round != held.current_round else None


def _unreachable(held: Held, _now: datetime) -> str | None:
    if held.retired_at is not None:
        return "destination_retired"
    if held.opted_out_at is not None:
        return "opted_out"
    return "muted" if held.muted else None


def _paused(held: Held, now: datetime) -> str | None:
    """Keep the patient's own pause: local dates, the last one included."""
    if not held.pause:
        return None
    today = local_date(held.time_zone, now)
    first, last = held.pause.get("from"), held.pause.get("to")
    begun = first is None or date.fromisoformat(first) <= today
    goes_on = last is None or today <= date.fromisoformat(last)
    return "paused" if begun and goes_on else None


GUARDS: tuple[Callable[[Held, datetime], str | None], ...] = (
    _silent,
    _closed,
    _expired,
    _superseded,
    _unreachable,
    _paused,
)
"""Asked in this order; each says why not, or nothing."""


def _keys(rows: Sequence[Ticket | Held]) -> dict[str, Any]:
    return {
        "clinics": array(str(each.clinic_id) for each in rows),
        "ids": array(str(each.id) for each in rows),
    }
