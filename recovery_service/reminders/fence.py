"""The fence: the last look before sending, and what may still go out.

A reminder was written when it fell due; by the time a sender has it, it may have been done,
superseded, or be too late: that is a guard's to say, of one delivery by itself. Whether it
may interrupt (quiet hours, the day's budget, what is bundled) is decided for all that a
patient has due at this moment, by `domain.interruptions`. The inbox interrupts nobody.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain.interruptions import BUNDLED, Drop, Wait
from recovery_service.reminders import follow_ups
from recovery_service.reminders.held import Held, Ticket, keys, owned, waiting
from recovery_service.reminders.parcels import Parcel, SortedOut, sort_out, unsorted
from recovery_service.reminders.work import Transaction, array, instants, run, run_for_chunk

EXPIRED = "expired"
QUIET_CHANNELS = frozenset({"inbox"})
_CLOSED = {
    "done": "completed",
    "skipped": "skipped",
    "missed": EXPIRED,
    "cancelled": "cancelled",
}

# Nobody is told of a claim: if the server dies with it, it is claimed again, as after a worker's
# death. Settling waits for the disk, and takes along all that was written before it. Where a
# second copy is worse than none, the mark that sending began waits, too.
_UNHURRIED = "SET LOCAL synchronous_commit = off"

# In order of the key, as edits lock them.
_LEASE = """
UPDATE delivery d
   SET state = 'leased', owner = %(owner)s, wake_at = %(lease_ends)s, lead_id = mine.lead_id,
       attempts = least(d.attempts + %(attempt)s, 32000)
  FROM unnest(%(clinics)s::uuid[], %(ids)s::bigint[], %(leads)s::bigint[])
       AS mine (clinic_id, id, lead_id)
 WHERE d.clinic_id = mine.clinic_id AND d.id = mine.id
"""

_END = """
UPDATE delivery d
   SET state = mine.state, reason = mine.reason, owner = NULL, lead_id = mine.lead_id,
       wake_at = coalesce(mine.wake_at, d.wake_at),
       settled_at = CASE WHEN mine.state = 'ready' THEN NULL ELSE %(now)s::timestamptz END,
       attempts = d.attempts - CASE WHEN mine.state = 'ready' THEN %(unspent)s ELSE 0 END
  FROM unnest(%(clinics)s::uuid[], %(ids)s::bigint[], %(states)s::text[], %(reasons)s::text[],
              %(leads)s::bigint[], %(wake_ats)s::timestamptz[])
       AS mine (clinic_id, id, state, reason, lead_id, wake_at)
 WHERE d.clinic_id = mine.clinic_id AND d.id = mine.id
"""


@dataclass(frozen=True, slots=True)
class Fenced:
    """What goes out now, and what became of the rest, by reason.

    `claimed` is how many deliveries were looked at.
    """

    parcels: tuple[Parcel, ...]
    dropped: Counter[str]
    claimed: int


def take(
    transaction: Transaction,
    channel: str,
    *,
    owner: UUID,
    lease: timedelta,
    limit: int,
    now: datetime,
    resends: bool = True,
) -> Fenced:
    """Claim what waits for a channel and fence it at once, in one transaction.

    Without `resends`, what a sender had begun when it died is left alone.
    """
    with transaction() as session:
        if resends:
            run(session, _UNHURRIED, None)
        held = waiting(session, channel, limit=limit, now=now, resends=resends)
        return _fence(session, held, owner=owner, lease=lease, now=now, claimed=False)


def fence(
    transaction: Transaction,
    tickets: Sequence[Ticket],
    *,
    owner: UUID,
    lease: timedelta,
    now: datetime,
) -> Fenced:
    """Fence what was claimed earlier; renew the lease on what may still go out.

    What is no longer ours is in neither: somebody else has it, or ended it.
    """
    with transaction() as session:
        held = owned(session, tickets, owner=owner, now=now)
        return _fence(session, held, owner=owner, lease=lease, now=now, claimed=True)


def _fence(
    session: Session,
    held: Sequence[Held],
    *,
    owner: UUID,
    lease: timedelta,
    now: datetime,
    claimed: bool,
) -> Fenced:
    if not held:
        return Fenced((), Counter(), 0)
    verdicts = [(each, verdict(each, now=now)) for each in held]
    valid = [each for each, reason in verdicts if reason is None]
    ends = [_End(each, "dropped", reason) for each, reason in verdicts if reason is not None]
    going: SortedOut
    if held[0].channel in QUIET_CHANNELS:
        going = unsorted(valid, now=now)
    else:
        going = sort_out(session, valid, now=now)
    ends += [_end(each, decided) for each, decided in going.held_back]
    ends += [_End(each, "sent", BUNDLED, lead) for each, lead in going.joined]
    follow_ups.nudge(session, going.overdue, now=now)
    _lease(session, going.parcels, owner=owner, until=now + lease, attempt=0 if claimed else 1)
    _write(session, ends, now=now, unspent=1 if claimed else 0)
    return Fenced(tuple(going.parcels), Counter(each.reason for each in ends), len(held))


@dataclass(frozen=True, slots=True)
class _End:
    """How a delivery ends here, or until when it waits."""

    held: Held
    state: str
    reason: str
    lead_id: int | None = None
    wake_at: datetime | None = None


def _end(held: Held, decided: Drop | Wait) -> _End:
    if isinstance(decided, Wait):
        return _End(held, "ready", decided.reason, held.lead_id, decided.until)
    return _End(held, "dropped", decided.reason)


def _lease(
    session: Session, parcels: Sequence[Parcel], *, owner: UUID, until: datetime, attempt: int
) -> None:
    pairs = [(each, parcel.lead.id) for parcel in parcels for each in parcel.held]
    if pairs:
        values: dict[str, Any] = keys([each for each, _ in pairs])
        values |= {"leads": array(str(lead_id) for _, lead_id in pairs)}
        run_for_chunk(
            session, _LEASE, values | {"owner": owner, "lease_ends": until, "attempt": attempt}
        )


def _write(session: Session, ends: Sequence[_End], *, now: datetime, unspent: int) -> None:
    if ends:
        values: dict[str, Any] = keys([each.held for each in ends])
        values |= {
            "states": array(each.state for each in ends),
            "reasons": array(each.reason for each in ends),
            "leads": array(None if each.lead_id is None else str(each.lead_id) for each in ends),
            "wake_ats": instants(each.wake_at for each in ends),
        }
        run_for_chunk(session, _END, values | {"now": now, "unspent": unspent})


def verdict(held: Held, *, now: datetime) -> str | None:
    """Return why a delivery must not go out any more, or None when it may."""
    for guard in GUARDS:
        if (reason := guard(held, now)) is not None:
            return reason
    return None


def _silent(held: Held, _now: datetime) -> str | None:
    """Keep still while a plan is held or over; an appointment takes place all the same."""
    if held.episode_state == "open" or held.kind == "appointment":
        return None
    return f"episode_{held.episode_state}"


def _closed(held: Held, _now: datetime) -> str | None:
    return _CLOSED.get(held.occurrence_state)


def _expired(held: Held, now: datetime) -> str | None:
    """Count in whole seconds, as the provider is told: less than one is nothing."""
    return EXPIRED if held.expires_at - now < timedelta(seconds=1) else None


def _superseded(held: Held, _now: datetime) -> str | None:
    """Prefer the item's newer occurrence, and the later round that the patient asked for."""
    return "superseded" if held.superseded or held.round < held.current_round else None


def _unreachable(held: Held, _now: datetime) -> str | None:
    if held.retired_at is not None:
        return "destination_retired"
    if held.opted_out_at is not None:
        return "opted_out"
    # A failover goes where the patient did not ask for the kind, because nothing else arrived.
    return "muted" if held.muted and held.cause != "failover" else None


def _confirmed(held: Held, _now: datetime) -> str | None:
    return "confirmed" if held.confirmed else None


GUARDS: tuple[Callable[[Held, datetime], str | None], ...] = (
    _silent,
    _closed,
    _expired,
    _superseded,
    _unreachable,
    _confirmed,
)
"""Asked in this order; each says why not, or nothing."""
