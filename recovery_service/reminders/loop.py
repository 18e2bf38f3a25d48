"""One tick of the reminder loop, composed: materialise, send, sweep, escalate."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial, reduce
from typing import Any, Protocol

from recovery_service.reminders import (
    alert_budget,
    message_notices,
    patient_notices,
    staff_notices,
    webhooks,
)
from recovery_service.reminders.channels.protocol import Channel
from recovery_service.reminders.dispatch import (
    Counts,
    Sender,
    dispatch,
    end_uncertain,
    end_unsendable,
)
from recovery_service.reminders.escalation import escalate
from recovery_service.reminders.notices import Book, notify
from recovery_service.reminders.planner import Materialised, RuleBook, materialise
from recovery_service.reminders.purging import purge
from recovery_service.reminders.retention import forget_answers
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
        self._budget: dict[str, Any] = {}
        self._budget_of: datetime | None = None

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

    def count_alerts(self) -> None:
        """Count which check-ins alerted, if it is time; keep what is to be told of it."""
        now, watching = self.sender.clock(), self.sender.watching
        if watching is None:
            return
        counted = alert_budget.count_days(self.sender.transaction, now=now)
        if counted is not None and counted != self._budget_of:
            aim = watching.policy.budget
            self._budget = alert_budget.figures(self.sender.transaction, aim, now=now)
            self._budget_of = counted

    @property
    def notified(self) -> list[tuple[str, Book]]:
        """The ways in which people are told, and programs of events, each with its book.

        Notices to patients go by what says when a patient's night is kept (`watching`).
        """
        found = [(name, staff_notices.BOOK) for name in staff_notices.CHANNELS]
        found += [(name, message_notices.BOOK) for name in message_notices.CHANNELS]
        if self.sender.watching is not None:
            book = patient_notices.book_of(self.sender.watching.policy)
            found += [(name, book) for name in patient_notices.CHANNELS]
        if self.sender.webhooks is not None:
            through = self.sender.webhooks
            found.append((through.name, webhooks.book_of(self.sender.keys, through)))
        return found

    def notify(self, channel: str, book: Book) -> Counts:
        """Tell people by one channel what waits for them."""
        counts = notify(self.sender, book, channel, stopped=self.stopping.is_set)
        self._count(**counts)
        return counts

    def purge(self) -> int:
        """Take away what has been kept long enough."""
        now, total = self.sender.clock(), 0
        purge(self.sender.transaction, now=now)
        for forget in (forget_answers, webhooks.forget):
            done = self._batch
            while done == self._batch and not self.stopping.is_set():
                done = forget(self.sender.transaction, now=now, batch=self._batch)
                total += done
        self._count(purged=total)
        return total

    def figures(self) -> dict[str, Any]:
        """Return what was done since the start, by name and by channel, and how late."""
        with self._lock:
            by_channel = {name: dict(counts) for name, counts in self._by_channel.items()}
            totals = dict(self._totals)
        return {
            "since_start": totals,
            "channels": by_channel,
            "dispatch_lag": self.sender.lags.figures(),
            "alerts": self._budget,
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
    swept, purged = loop.sweep(), loop.purge()
    escalated = loop.escalate()
    loop.count_alerts()
    told = [loop.notify(name, book) for name, book in loop.notified]
    counts: Counts = Counter(materialised=done.due, missed=done.missed, poisoned=done.poisoned)
    for each in sent + told:
        counts += each
    return counts + Counter(swept=swept.closed, escalated=escalated, purged=purged)
