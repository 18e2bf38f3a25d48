"""One tick of the reminder loop, composed: materialise, send, sweep, escalate."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial, reduce
from typing import Any, Protocol

from recovery_service.reminders.channels.protocol import Channel
from recovery_service.reminders.dispatch import (
    Counts,
    Sender,
    dispatch,
    end_uncertain,
    end_unsendable,
)
from recovery_service.reminders.escalation import escalate
from recovery_service.reminders.planner import Materialised, RuleBook, materialise
from recovery_service.reminders.purging import purge
from recovery_service.reminders.staff_notices import notify
from recovery_service.reminders.sweep import Swept, sweep
from recovery_service.reminders.syncing import CHANNELS, sync

# Larger batches gain little more, and an edit may have to wait for one.
BATCH = 5_000
# While the database writes one batch, this process computes the next; the claim's locks keep
# the two apart, as they keep two workers apart.
ABREAST = 2


class Deliver(Protocol):
    """How what is ready for a channel gets on its way: `dispatch`, or what works like it."""

    def __call__(self, sender: Sender, channel: Channel, *, stopped: Callable[[], bool]) -> Counts:
        """Deliver until nothing is ready or `stopped` says so; return what was done."""
        ...


class Loop:
    """The steps of one worker, and what it has done since it started.

    `channels` of the sender name the threads that a worker needs. Steps may run at the same
    time, each in a thread of its own; none runs twice at once.
    """

    def __init__(self, sender: Sender, *, batch: int = BATCH, deliver: Deliver = dispatch) -> None:
        self.sender = sender
        self._deliver = deliver
        self.stopping = threading.Event()
        self._batch = batch
        self._rules = [RuleBook() for _ in range(ABREAST)]
        self._lock = threading.Lock()
        self._totals: Counts = Counter()
        self._by_channel: dict[str, Counts] = {}

    def materialise(self) -> Materialised:
        """Write all that has fallen due by now, side by side once it is more than a batch."""
        now = self.sender.clock()
        first = self._write_batch(now, self._rules[0])
        if first.advanced + first.poisoned == 0:
            return first
        if first.schedules < self._batch:
            return first.plus(self._drain(now, self._rules[0]))
        with ThreadPoolExecutor(ABREAST) as threads:
            rest = threads.map(partial(self._drain, now), self._rules)
            return reduce(Materialised.plus, rest, first)

    def _drain(self, now: datetime, rules: RuleBook) -> Materialised:
        total = Materialised()
        while True:
            done = self._write_batch(now, rules)
            total = total.plus(done)
            if done.advanced + done.poisoned == 0:
                return total

    def _write_batch(self, now: datetime, rules: RuleBook) -> Materialised:
        if self.stopping.is_set():
            return Materialised()
        done = materialise(self.sender.transaction, now=now, batch=self._batch, rules=rules)
        self._count(materialised=done.due, missed=done.missed, poisoned=done.poisoned)
        return done

    def send(self, channel: str) -> Counts:
        """Send all that is ready for one channel."""
        to, stopped = self.sender.channels[channel], self.stopping.is_set
        counts = self._deliver(self.sender, to, stopped=stopped)
        self._count_of(channel, counts)
        return counts

    @property
    def synced(self) -> list[str]:
        """The channels whose devices are told silently what changed."""
        return [name for name in self.sender.channels if name in CHANNELS]

    def sync(self, channel: str) -> Counts:
        """Tell the devices of one channel silently that their plan has changed."""
        to, stopped = self.sender.channels[channel], self.stopping.is_set
        counts = sync(self.sender, to, stopped=stopped)
        self._count_of(channel, counts)
        return counts

    def sweep(self) -> Swept:
        """Close what expired unanswered, and end what no channel can send."""
        now, total = self.sender.clock(), Swept(0, 0)
        self._count(dead=end_unsendable(self.sender, now=now))
        self._count(dead=end_uncertain(self.sender, now=now))
        while not self.stopping.is_set():
            done = sweep(self.sender.transaction, self.sender.watching, now=now, batch=self._batch)
            total = Swept(*map(sum, zip(total, done, strict=True)))
            if max(done.closed, done.dropped) < self._batch:
                break
        self._count(swept=total.closed, raised=total.raised)
        return total

    def purge(self) -> None:
        """Forget what no phone can ask for any more."""
        purge(self.sender.transaction, now=self.sender.clock())

    def escalate(self) -> int:
        """Pass on what nobody looked at in time."""
        now, watching, total = self.sender.clock(), self.sender.watching, 0
        while watching is not None and not self.stopping.is_set():
            done = escalate(
                self.sender.transaction, watching.policy, now=now, batch=self.sender.chunk
            )
            total += done
            if done < self.sender.chunk:
                break
        self._count(escalated=total)
        return total

    def notify(self) -> Counts:
        """Mail to staff what waits for them."""
        counts = notify(self.sender, stopped=self.stopping.is_set)
        self._count(**counts)
        return counts

    def figures(self) -> dict[str, Any]:
        """Return what was done since the start, by name and by channel, and how late."""
        with self._lock:
            by_channel = {name: dict(counts) for name, counts in self._by_channel.items()}
            totals = dict(self._totals)
        return {
            "since_start": totals,
            "channels": by_channel,
            "dispatch_lag": self.sender.lags.figures(),
        }

    def _count_of(self, channel: str, counts: Counts) -> None:
        self._count(**counts)
        with self._lock:
            self._by_channel.setdefault(channel, Counter()).update(counts)

    def _count(self, **counts: int) -> None:
        with self._lock:
            self._totals.update(counts)


def tick_once(sender: Sender, *, batch: int = BATCH) -> Counts:
    """Do one pass of everything and return the counts by name; for cron and tests.

    The channels work side by side, as they do in a worker.
    """
    loop = Loop(sender, batch=batch)
    done = loop.materialise()
    with ThreadPoolExecutor(max(len(sender.channels), 1)) as threads:
        sent = list(threads.map(loop.send, sender.channels))
        sent += threads.map(loop.sync, loop.synced)
    swept = loop.sweep()
    escalated, mailed = loop.escalate(), loop.notify()
    loop.purge()
    counts: Counts = Counter(materialised=done.due, missed=done.missed, poisoned=done.poisoned)
    for each in sent:
        counts += each
    return counts + mailed + Counter(swept=swept.closed, escalated=escalated)
