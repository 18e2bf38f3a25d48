"""The fleet: chunks of what is due now, sent by other machines. What is yet to come stays here.

The rows remain the truth. A chunk is claimed under a token of its own, and the message that
goes to the broker says the token and the keys, nothing else. Whoever exchanges the token for
an owner first sends the chunk, with the code that also sends it where there is no broker.
So a message that is lost costs one lease, and a copy, or one that comes late, finds nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self
from uuid import UUID, uuid4

from recovery_service.reminders.channels.protocol import Channel
from recovery_service.reminders.dispatch import Counts, Sender, claim, send_chunk
from recovery_service.reminders.held import Ticket, keys
from recovery_service.reminders.work import run

# In order of the key, as edits and settling lock them. What is no longer under the token
# was taken by another copy of the message, or claimed anew after its lease ran out.
_TAKE_OVER = """
WITH mine AS (
    SELECT d.clinic_id, d.id
      FROM unnest(%(clinics)s::uuid[], %(ids)s::bigint[]) AS r (clinic_id, id)
      JOIN delivery d ON d.clinic_id = r.clinic_id AND d.id = r.id
     WHERE d.owner = %(token)s AND d.channel = %(channel)s
     ORDER BY d.id
       FOR UPDATE OF d
)
UPDATE delivery d SET owner = %(owner)s, wake_at = %(lease_ends)s
  FROM mine
 WHERE d.clinic_id = mine.clinic_id AND d.id = mine.id
RETURNING d.clinic_id, d.id
"""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Deliveries of one channel that were claimed under `token`."""

    token: UUID
    channel: str
    tickets: Sequence[Ticket]

    def as_message(self) -> dict[str, Any]:
        """Return what the broker is given, JSON: the token and the keys."""
        deliveries = [[str(each.clinic_id), each.id] for each in self.tickets]
        return {"token": str(self.token), "deliveries": deliveries}

    @classmethod
    def parse(cls, message: Mapping[str, Any], *, channel: str) -> Self:
        """Read what a channel's queue gave; raises ValueError for what is no chunk."""
        try:
            tickets = [Ticket(UUID(clinic), int(key)) for clinic, key in message["deliveries"]]
            return cls(UUID(message["token"]), channel, tickets)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a chunk") from error


class Queues(Protocol):
    """The way to the fleet: one queue a channel."""

    def offer(self, chunk: Chunk) -> bool:
        """Put a chunk into its queue, at once or not at all, and never raise.

        False when it is to be sent here: the broker is away, or the queue is long enough.
        """
        ...


class HandOver:
    """Delivers for the loop, in place of `dispatch`: the fleet sends, or else we do.

    What the broker does not take is sent by this worker, so that reminders go out on time
    whatever becomes of broker and fleet. Counted are `handed_over` and `kept`.
    """

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def __call__(
        self, sender: Sender, channel: Channel, *, stopped: Callable[[], bool] = lambda: False
    ) -> Counts:
        """Deliver all that is ready for one channel; return what became of it here."""
        counts: Counts = Counter()
        while not stopped():
            chunk = _claimed(sender, channel)
            if chunk.tickets:
                counts.update(self._pass_on(sender, channel, chunk))
            if len(chunk.tickets) < sender.chunk:
                break
        return counts

    def _pass_on(self, sender: Sender, channel: Channel, chunk: Chunk) -> Counts:
        if self._queues.offer(chunk):
            return Counter(handed_over=len(chunk.tickets))
        # The broker may have it all the same, if only its answer was lost: then the token
        # decides who sends it.
        counts = deliver(sender, channel, chunk)
        counts["kept"] += len(chunk.tickets)
        return counts


def _claimed(sender: Sender, channel: Channel) -> Chunk:
    token = uuid4()
    claimant = replace(sender, worker_id=token, batch=sender.chunk)
    return Chunk(token, channel.name, claim(claimant, channel.name, now=sender.clock()))


def deliver(sender: Sender, channel: Channel, chunk: Chunk) -> Counts:
    """Take a chunk over and send what of it is still there to take.

    The owner is new for each chunk. One for a whole process would let a thread that lost
    its lease settle what another thread of the same process has in hand since.
    """
    own = replace(sender, worker_id=uuid4())
    taken = take_over(own, chunk)
    return send_chunk(own, channel, taken) if taken else Counter()


def take_over(sender: Sender, chunk: Chunk) -> list[Ticket]:
    """Exchange a chunk's token for the sender as its owner, with a fresh lease.

    Returns what was still under the token: all, some, or nothing.
    """
    values = keys(chunk.tickets) | {
        "token": chunk.token,
        "channel": chunk.channel,
        "owner": sender.worker_id,
        "lease_ends": sender.clock() + sender.lease,
    }
    with sender.transaction() as session:
        return sorted(Ticket(*row) for row in run(session, _TAKE_OVER, values))
