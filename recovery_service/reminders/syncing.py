"""Silent syncs: a device that schedules reminders itself is told that its plan has changed.

Not a delivery: nothing is shown, nothing counts against anybody's day, and it goes out in
quiet hours. All that must be known is one instant on the destination. A claim moves it
forward, which is the lease; whoever changes the plan meanwhile sets it back, and so the one
who settles leaves it standing. A sync that is told twice does no harm.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import structlog

from recovery_service.domain.languages import language_of
from recovery_service.reminders.channels.protocol import (
    Address,
    Channel,
    Dead,
    Message,
    Outcome,
    Retired,
    Retry,
    Sent,
)
from recovery_service.reminders.dispatch import Counts, Sender
from recovery_service.reminders.retry import next_try
from recovery_service.reminders.work import array, run

log = structlog.get_logger(__name__)

CHANNELS = ("webpush", "fcm", "apns")
# After so many the device is left alone: the app asks by itself when it is opened.
MOST_TRIES = 6
_LIFE = timedelta(hours=24)

# The weaker lock: a delivery that is written refers to its destination, and need not wait.
_CLAIM = """
WITH owed AS (
    SELECT clinic_id, id, patient_id
      FROM destination
     WHERE channel = %(channel)s AND sync_due_at <= %(now)s
     ORDER BY sync_due_at
     LIMIT %(batch)s
       FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE destination t
   SET sync_due_at = %(lease_ends)s, sync_attempts = t.sync_attempts + 1
  FROM owed
  JOIN patient p ON p.clinic_id = owed.clinic_id AND p.id = owed.patient_id
 WHERE t.clinic_id = owed.clinic_id AND t.id = owed.id
RETURNING t.clinic_id, t.id, t.sync_attempts, t.subscription, p.locale
"""

# What somebody holds at this moment is being changed: that change owes its own sync.
_SETTLE = """
WITH mine AS (
    SELECT t.clinic_id, t.id, r.again, r.gone
      FROM unnest(%(clinics)s::uuid[], %(ids)s::uuid[], %(agains)s::timestamptz[],
                  %(gones)s::text[]) AS r (clinic_id, id, again, gone)
      JOIN destination t ON t.clinic_id = r.clinic_id AND t.id = r.id
     WHERE t.sync_due_at = %(lease_ends)s
       FOR NO KEY UPDATE OF t SKIP LOCKED
)
UPDATE destination t
   SET sync_due_at = mine.again,
       sync_attempts = CASE WHEN mine.again IS NULL THEN 0 ELSE t.sync_attempts END,
       retired_reason = CASE WHEN t.retired_at IS NULL THEN mine.gone ELSE t.retired_reason END,
       retired_at = CASE WHEN mine.gone IS NULL THEN t.retired_at
                         ELSE coalesce(t.retired_at, %(now)s) END
  FROM mine
 WHERE t.clinic_id = mine.clinic_id AND t.id = mine.id
RETURNING t.id
"""


class Owed(NamedTuple):
    """A destination that was claimed: it has been tried `attempts` times, this one included."""

    clinic_id: UUID
    id: UUID
    attempts: int
    subscription: dict[str, Any] | None
    locale: str


class Told(NamedTuple):
    """What became of one: tried `again` then, or over; `gone` is why its device is retired."""

    owed: Owed
    name: str
    again: datetime | None = None
    gone: str | None = None


def sync(
    sender: Sender, channel: Channel, *, stopped: Callable[[], bool] = lambda: False
) -> Counts:
    """Tell all devices of a channel that are owed it; return what became of them, by name.

    The names are `sync_sent, sync_retried, sync_given_up, sync_dead, sync_retired` and
    `sync_newer`, for those whose plan changed again while they were told.
    """
    counts: Counts = Counter()
    while not stopped():
        claimed_at = sender.clock()
        owed = _claim(sender, channel.name, now=claimed_at)
        if owed:
            told = list(_tell(channel, owed, now=claimed_at, after=sender.clock))
            settled = _settle(sender, told, leased=claimed_at + sender.lease, now=sender.clock())
            counts.update(each.name if each.owed.id in settled else "sync_newer" for each in told)
        if len(owed) < sender.chunk:
            break
    return counts


def _claim(sender: Sender, channel: str, *, now: datetime) -> list[Owed]:
    values = {"channel": channel, "now": now, "batch": sender.chunk}
    with sender.transaction() as session:
        rows = run(session, _CLAIM, values | {"lease_ends": now + sender.lease})
    return [Owed(*row) for row in rows]


def _tell(
    channel: Channel, owed: Sequence[Owed], *, now: datetime, after: Callable[[], datetime]
) -> Iterator[Told]:
    """Hand a chunk to its channel. What has been tried too often may be what breaks it."""
    tried = [each for each in owed if each.attempts <= MOST_TRIES]
    yield from (Told(each, "sync_given_up") for each in owed if each.attempts > MOST_TRIES)
    try:
        outcomes = channel.send([(_address(each, channel.name), message(each)) for each in tried])
    except Exception:
        # A channel promises not to raise; one that does must not take its chunk with it.
        log.exception("channel_broken", channel=channel.name)
        outcomes = [Retry(None, "broken")] * len(tried)
    later = max(now, after())
    yield from (_told(one, outcome, later) for one, outcome in zip(tried, outcomes, strict=True))


def _told(owed: Owed, outcome: Outcome, now: datetime) -> Told:
    match outcome:
        case Sent():
            return Told(owed, "sync_sent")
        case Retired(reason=reason):
            return Told(owed, "sync_retired", gone=reason[:32])
        case Dead():
            return Told(owed, "sync_dead")
        case Retry(after=asked) if owed.attempts < MOST_TRIES:
            again = next_try(owed.attempts, asked, now=now, expires_at=now + _LIFE)
            return Told(owed, "sync_retried", again=again)
        case Retry():
            return Told(owed, "sync_given_up")


def message(owed: Owed) -> Message:
    """Return the push that shows nothing: it says that something changed, and not what."""
    return Message(
        delivery_id=uuid4().hex,
        occurrence_id="sync",
        kind="sync",
        title="",
        line="",
        language=language_of(owed.locale),
        ttl=int(_LIFE.total_seconds()),
        collapse="sync",
        urgency="low",
        silent=True,
    )


def _address(owed: Owed, channel: str) -> Address:
    return Address(destination_id=owed.id, channel=channel, subscription=owed.subscription)


def _settle(sender: Sender, told: Sequence[Told], *, leased: datetime, now: datetime) -> set[UUID]:
    """Write what became of a chunk; return which were still as they were claimed."""
    values = {
        "clinics": array(each.owed.clinic_id.hex for each in told),
        "ids": array(str(each.owed.id) for each in told),
        "agains": [each.again for each in told],
        "gones": [each.gone for each in told],
        "lease_ends": leased,
        "now": now,
    }
    with sender.transaction() as session:
        return {row[0] for row in run(session, _SETTLE, values)}
