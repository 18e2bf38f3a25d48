"""How the queue stands: what waits, and for how long it has been waiting."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from recovery_service.reminders.work import Transaction, run

_STATUS = """
SELECT (SELECT count(*) FROM schedule WHERE next_due_at <= %(now)s),
       (SELECT min(next_due_at) FROM schedule WHERE next_due_at <= %(now)s),
       (SELECT count(*) FROM schedule WHERE failures > 0 AND next_due_at IS NOT NULL),
       (SELECT count(*) FROM occurrence WHERE state IN ('due', 'snoozed')),
       (SELECT count(*) FROM occurrence
         WHERE state IN ('due', 'snoozed') AND expires_at <= %(now)s)
"""

# What waits for its time (a snooze, a nudge, quiet hours) is not late; it is counted apart.
_CHANNELS = """
SELECT channel,
       count(*) FILTER (WHERE state = 'ready' AND wake_at <= %(now)s),
       count(*) FILTER (WHERE state = 'ready' AND wake_at > %(now)s),
       count(*) FILTER (WHERE state = 'leased'),
       min(wake_at) FILTER (WHERE wake_at <= %(now)s)
  FROM delivery
 WHERE state IN ('ready', 'leased')
 GROUP BY channel
"""


@dataclass(frozen=True, slots=True)
class Queue:
    """Deliveries of one channel: due now, for later, in a sender's hands; the lag in seconds."""

    ready: int
    waiting: int
    leased: int
    lag_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Counts of rows, and in seconds how long the oldest that should have been seen to waits."""

    schedules_due: int
    schedule_lag_s: float
    schedules_poisoned: int
    deliveries_ready: int
    deliveries_leased: int
    delivery_lag_s: float
    occurrences_open: int
    occurrences_expired: int
    queues: Mapping[str, Queue]

    def figures(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def status(transaction: Transaction, *, now: datetime) -> Status:
    """Read how the queue of the whole installation stands."""
    with transaction() as session:
        row = run(session, _STATUS, {"now": now})[0]
        channels = run(session, _CHANNELS, {"now": now})
    due, due_since, poisoned, open_, expired = row
    queues = {
        name: Queue(ready, waiting, leased, _seconds(since, now))
        for name, ready, waiting, leased, since in sorted(channels)
    }
    return Status(
        schedules_due=due,
        schedule_lag_s=_seconds(due_since, now),
        schedules_poisoned=poisoned,
        deliveries_ready=sum(each.ready + each.waiting for each in queues.values()),
        deliveries_leased=sum(each.leased for each in queues.values()),
        delivery_lag_s=max((each.lag_s for each in queues.values()), default=0.0),
        occurrences_open=open_,
        occurrences_expired=expired,
        queues=queues,
    )


def _seconds(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else round((now - since).total_seconds(), 3)
