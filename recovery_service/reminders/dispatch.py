"""Dispatch: claim what is ready, fence it, send it, settle it; one channel at a time.

Each channel has its own claims and its own threads, so a slow or dead provider delays
nobody else's reminders. A process that dies between sending and settling repeats at most
the one chunk it had in hand, under the same collapse tag.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias
from uuid import UUID

import structlog

from recovery_service.clock import Clock
from recovery_service.domain.interruptions import BUNDLED
from recovery_service.domain.keys import Keys
from recovery_service.reminders.channels.protocol import Channel, Dead, Outcome, Retry
from recovery_service.reminders.fence import Fenced, fence, take
from recovery_service.reminders.held import Ticket
from recovery_service.reminders.lags import Lags
from recovery_service.reminders.messages import address_of, message_of
from recovery_service.reminders.not_done import Watching
from recovery_service.reminders.outage import is_passing
from recovery_service.reminders.parcels import Parcel
from recovery_service.reminders.settling import Settlement, settle
from recovery_service.reminders.work import Transaction, run

log = structlog.get_logger(__name__)

_ASK_AGAIN_SECONDS = 0.25
_FRESH = timedelta(seconds=1)
_AGAIN = {"nudge": "nudged", "failover": "failed_over"}

Counts: TypeAlias = Counter[str]
"""What happened to deliveries, by name: sent, retried, dead, retired, lost, or a fence's reason.

Of those sent, how many were carried by another, a nudge or on a second way: bundled, nudged,
failed_over.
"""

# `ready` and due, or leased by somebody who did not come back.
_CLAIM = """
WITH ready AS (
    SELECT d.clinic_id, d.id
      FROM delivery d
     WHERE d.state IN ('ready', 'leased') AND d.channel = %(channel)s AND d.wake_at <= %(now)s
       AND (%(resends)s OR d.state = 'ready' OR d.lead_id IS NULL)
     ORDER BY d.wake_at
     LIMIT %(batch)s
       FOR UPDATE SKIP LOCKED
)
UPDATE delivery d
   SET state = 'leased', owner = %(owner)s, wake_at = %(lease_ends)s,
       attempts = least(d.attempts + 1, 32000)
  FROM ready
 WHERE d.clinic_id = ready.clinic_id AND d.id = ready.id
RETURNING d.clinic_id, d.id
"""

_UNSENDABLE = """
WITH ready AS (
    SELECT d.clinic_id, d.id
      FROM delivery d
     WHERE d.state IN ('ready', 'leased') AND d.wake_at <= %(now)s
       AND d.channel <> ALL (%(channels)s)
     ORDER BY d.id
     LIMIT %(batch)s
       FOR UPDATE SKIP LOCKED
)
UPDATE delivery d
   SET state = 'dead', reason = 'no_channel', owner = NULL, settled_at = %(now)s
  FROM ready
 WHERE d.clinic_id = ready.clinic_id AND d.id = ready.id
RETURNING d.id
"""

# A fenced delivery has a lead. One whose sender died since may have arrived.
_BEGUN = """
WITH begun AS (
    SELECT d.clinic_id, d.id
      FROM delivery d
     WHERE d.state IN ('ready', 'leased') AND d.channel = ANY (%(channels)s)
       AND d.wake_at <= %(now)s AND d.state = 'leased' AND d.lead_id IS NOT NULL
     ORDER BY d.id
     LIMIT %(batch)s
       FOR UPDATE SKIP LOCKED
)
UPDATE delivery d
   SET state = 'dead', reason = 'uncertain', owner = NULL, settled_at = %(now)s
  FROM begun
 WHERE d.clinic_id = begun.clinic_id AND d.id = begun.id
RETURNING d.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One worker's way of sending: who it is, what it sends through, how much it takes.

    `chunk` deliveries are claimed and sent at a time; `batch` are claimed to be handed over.
    `lease` must be longer than a channel's own bound on a chunk, or live senders lose their
    work. `watching` is what alerts are raised and passed on by, `webhooks` what events for
    integrators go through; without it that is left to another worker.
    """

    transaction: Transaction
    channels: Mapping[str, Channel]
    clock: Clock
    keys: Keys
    worker_id: UUID
    lease: timedelta
    batch: int = 500
    chunk: int = 100
    lags: Lags = field(default_factory=Lags)
    watching: Watching | None = None
    webhooks: Channel | None = None


class _Taken(NamedTuple):
    """A chunk that is fenced, as of a moment."""

    at: datetime
    fenced: Fenced


def dispatch(
    sender: Sender, channel: Channel, *, stopped: Callable[[], bool] = lambda: False
) -> Counts:
    """Send all that is ready for one channel; return what became of it.

    Ends early when `stopped` says so. Claiming and fencing are one transaction. While one chunk
    is sent and settled, the next is taken beside it: else database and channel wait for each
    other. What a kill repeats stays one chunk, because the next one is only taken. That is
    nothing for a channel that does not resend: there, what was taken counts as begun.
    """
    counts: Counts = Counter()
    with ThreadPoolExecutor(1, f"{channel.name}_ahead") as beside:
        more = True
        coming: Future[_Taken] | None = None
        while more and (coming is not None or not stopped()):
            taken = coming.result() if coming else _take(sender, channel)
            more = taken.fenced.claimed == sender.chunk
            ahead = more and channel.resends and not stopped()
            coming = beside.submit(_take, sender, channel) if ahead else None
            counts += taken.fenced.dropped + _hand_over(sender, channel, taken)
    return counts


def _take(sender: Sender, channel: Channel) -> _Taken:
    now = sender.clock()
    fenced = take(
        sender.transaction,
        channel.name,
        owner=sender.worker_id,
        lease=sender.lease,
        limit=sender.chunk,
        now=now,
        resends=channel.resends,
    )
    return _Taken(now, fenced)


def _hand_over(sender: Sender, channel: Channel, taken: _Taken) -> Counts:
    """Send a chunk at once; one that had to wait for its turn is fenced once more."""
    parcels = taken.fenced.parcels
    if sender.clock() - taken.at <= _FRESH:
        return _deliver(sender, channel, parcels, now=taken.at)
    tickets = [held.ticket for parcel in parcels for held in parcel.held]
    return send_chunk(sender, channel, tickets)


def claim(sender: Sender, channel: str, *, now: datetime) -> list[Ticket]:
    """Take a batch of one channel's deliveries: those waiting longest, with a fresh lease."""
    with sender.transaction() as session:
        rows = run(
            session,
            _CLAIM,
            {
                "now": now,
                "channel": channel,
                "batch": sender.batch,
                "resends": sender.channels[channel].resends,
                "owner": sender.worker_id,
                "lease_ends": now + sender.lease,
            },
        )
    return [Ticket(*row) for row in rows]


def send_chunk(sender: Sender, channel: Channel, tickets: Sequence[Ticket]) -> Counts:
    """Fence, send and settle what was claimed earlier."""
    now = sender.clock()
    fenced = fence(sender.transaction, tickets, owner=sender.worker_id, lease=sender.lease, now=now)
    return fenced.dropped + _deliver(sender, channel, fenced.parcels, now=now)


def _deliver(
    sender: Sender, channel: Channel, parcels: Sequence[Parcel], *, now: datetime
) -> Counts:
    """Send and settle parcels. No transaction is open while the channel works."""
    if not parcels:
        return Counter()
    outcomes = _send(sender, channel, parcels, now=now)
    settled, lost = _settle(sender, list(zip(parcels, outcomes, strict=True)))
    _report(channel, settled)
    return sum(map(_counted, settled), Counter(lost=lost))


def _counted(settled: Settlement) -> Counts:
    counts = Counter([settled.name])
    if settled.state == "sent" and settled.held.cause in _AGAIN:
        counts[_AGAIN[settled.held.cause]] += 1
    if settled.state == "sent" and settled.reason == BUNDLED:
        counts[BUNDLED] += 1
    return counts


def _settle(
    sender: Sender, outcomes: Sequence[tuple[Parcel, Outcome]]
) -> tuple[list[Settlement], int]:
    """Write what became of a chunk; while the database is away, hold on to it.

    What was sent and is forgotten would be sent again. When it is back, rows whose lease
    another worker has taken over meanwhile are left to that worker.
    """
    now = sender.clock()
    while True:
        try:
            return settle(sender.transaction, outcomes, owner=sender.worker_id, now=now)
        except Exception as error:
            if not is_passing(error):
                raise
            time.sleep(_ASK_AGAIN_SECONDS)


def _send(
    sender: Sender, channel: Channel, parcels: Sequence[Parcel], *, now: datetime
) -> list[Outcome]:
    """Hand a chunk to its channel; a message that cannot be written is dead by itself."""
    outcomes: list[Outcome] = [Dead("bad_message")] * len(parcels)
    batch = []
    for index, parcel in enumerate(parcels):
        try:
            message = message_of(sender.keys, parcel, now=now)
        except ValueError:
            log.exception("message_unwritable", delivery_id=parcel.lead.id)
        else:
            batch.append((index, (address_of(parcel.lead), message)))
    waited = [held for parcel in parcels for held in parcel.held]
    sender.lags.note(channel.name, waited, now=sender.clock())
    try:
        answers = channel.send([pair for _, pair in batch])
    except Exception:
        # A channel promises not to raise; one that does must not take its chunk with it.
        log.exception("channel_broken", channel=channel.name)
        answers = [Retry(None, "broken")] * len(batch)
    for (index, _), answer in zip(batch, answers, strict=True):
        outcomes[index] = answer
    return outcomes


def _report(channel: Channel, settled: Sequence[Settlement]) -> None:
    for each in settled:
        if each.name in {"dead", "retired"}:
            event = "destination_retired" if each.name == "retired" else "delivery_dead"
            log.warning(event, delivery_id=each.held.id, channel=channel.name, code=each.reason)


def end_unsendable(sender: Sender, *, now: datetime) -> int:
    """End what goes to channels that are not set up, with the reason; return how many."""
    with sender.transaction() as session:
        values = {"now": now, "channels": list(sender.channels), "batch": sender.batch}
        return len(run(session, _UNSENDABLE, values))


def end_uncertain(sender: Sender, *, now: datetime) -> int:
    """End what a dead sender had begun where a second copy is worse than none; return how many.

    Exactly once cannot be had of a provider that knows no repeats. A push replaces its first
    copy on the device; a text does not.
    """
    never_twice = [name for name, channel in sender.channels.items() if not channel.resends]
    if not never_twice:
        return 0
    with sender.transaction() as session:
        values = {"now": now, "channels": never_twice, "batch": sender.batch}
        return len(run(session, _BEGUN, values))
