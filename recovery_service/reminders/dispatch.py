"""Dispatch: claim what is ready, fence it, send it, settle it; one channel at a time.

Each channel has its own claims and its own thread, so a slow or dead provider delays
nobody else's reminders. A process that dies between sending and settling repeats at most
the one chunk it had in hand, under the same collapse tag.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import structlog

from recovery_service.clock import Clock
from recovery_service.domain.keys import Keys
from recovery_service.reminders.channels.protocol import Channel, Dead, Outcome, Retry
from recovery_service.reminders.fence import Held, Ticket, fence
from recovery_service.reminders.messages import address_of, message_of
from recovery_service.reminders.outage import is_passing
from recovery_service.reminders.settling import Settlement, settle, settlement
from recovery_service.reminders.work import Transaction, run

log = structlog.get_logger(__name__)

_ASK_AGAIN_SECONDS = 0.25

Counts: TypeAlias = Counter[str]
"""What happened to deliveries, by name: sent, retried, dead, retired, lost, or a fence's reason."""

# `ready` and due, or leased by somebody who did not come back.
_CLAIM = """
WITH ready AS (
    SELECT d.clinic_id, d.id
      FROM delivery d
     WHERE d.state IN ('ready', 'leased') AND d.channel = %(channel)s AND d.wake_at <= %(now)s
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One worker's way of sending: who it is, what it sends through, how much it takes.

    `batch` deliveries are claimed at a time and go out in chunks of `chunk`. `lease` must
    be longer than a channel's own bound on a chunk, or live senders lose their work.
    """

    transaction: Transaction
    channels: Mapping[str, Channel]
    clock: Clock
    keys: Keys
    worker_id: UUID
    lease: timedelta
    batch: int = 500
    chunk: int = 100


def dispatch(
    sender: Sender, channel: Channel, *, stopped: Callable[[], bool] = lambda: False
) -> Counts:
    """Send all that is ready for one channel; return what became of it.

    Ends early when `stopped` says so: what was claimed and not begun is somebody else's
    once its lease has run out.
    """
    counts: Counts = Counter()
    while not stopped():
        tickets = claim(sender, channel.name, now=sender.clock())
        for start in range(0, len(tickets), sender.chunk):
            if stopped():
                break
            counts += send_chunk(sender, channel, tickets[start : start + sender.chunk])
        if len(tickets) < sender.batch:
            break
    return counts


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
                "owner": sender.worker_id,
                "lease_ends": now + sender.lease,
            },
        )
    return [Ticket(*row) for row in rows]


def send_chunk(sender: Sender, channel: Channel, tickets: Sequence[Ticket]) -> Counts:
    """Fence, send and settle one chunk. No transaction is open while the channel works."""
    now = sender.clock()
    fenced = fence(sender.transaction, tickets, owner=sender.worker_id, lease=sender.lease, now=now)
    counts: Counts = Counter(fenced.dropped)
    if not fenced.ready:
        return counts
    outcomes = _send(sender, channel, fenced.ready, now=now)
    after = sender.clock()
    settlements = [
        settlement(held, outcome, now=after)
        for held, outcome in zip(fenced.ready, outcomes, strict=True)
    ]
    settled = _settle(sender, settlements, now=after)
    counts.update(each.name for each in settled)
    counts["lost"] += len(settlements) - len(settled)
    _report(channel, settled)
    return counts


def _settle(
    sender: Sender, settlements: Sequence[Settlement], *, now: datetime
) -> list[Settlement]:
    """Write what became of a chunk; while the database is away, hold on to it.

    What was sent and is forgotten would be sent again. When it is back, rows whose lease
    another worker has taken over meanwhile are left to that worker.
    """
    while True:
        try:
            return settle(sender.transaction, settlements, owner=sender.worker_id, now=now)
        except Exception as error:
            if not is_passing(error):
                raise
            time.sleep(_ASK_AGAIN_SECONDS)


def _send(
    sender: Sender, channel: Channel, ready: Sequence[Held], *, now: datetime
) -> list[Outcome]:
    """Hand a chunk to its channel; a message that cannot be written is dead by itself."""
    outcomes: list[Outcome] = [Dead("bad_message")] * len(ready)
    batch = []
    for index, held in enumerate(ready):
        try:
            batch.append((index, (address_of(held), message_of(sender.keys, held, now=now))))
        except ValueError:
            log.exception("message_unwritable", delivery_id=held.id)
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
