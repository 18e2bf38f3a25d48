"""How the queue stands: what waits, and for how long it has been waiting."""

from dataclasses import asdict, dataclass
from datetime import datetime

from recovery_service.reminders.work import Transaction, run

_STATUS = """
SELECT (SELECT count(*) FROM schedule WHERE next_due_at <= %(now)s),
       (SELECT min(next_due_at) FROM schedule WHERE next_due_at <= %(now)s),
       (SELECT count(*) FROM schedule WHERE failures > 0 AND next_due_at IS NOT NULL),
       (SELECT count(*) FROM delivery WHERE state = 'ready'),
       (SELECT count(*) FROM delivery WHERE state = 'leased'),
       (SELECT min(wake_at) FROM delivery
         WHERE state IN ('ready', 'leased') AND wake_at <= %(now)s),
       (SELECT count(*) FROM occurrence WHERE state IN ('due', 'snoozed')),
       (SELECT count(*) FROM occurrence
         WHERE state IN ('due', 'snoozed') AND expires_at <= %(now)s)
"""


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

    def figures(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def status(transaction: Transaction, *, now: datetime) -> Status:
    """Read how the queue of the whole installation stands."""
    with transaction() as session:
        row = run(session, _STATUS, {"now": now})[0]
    due, due_since, poisoned, ready, leased, waiting_since, open_, expired = row
    return Status(
        schedules_due=due,
        schedule_lag_s=_seconds(due_since, now),
        schedules_poisoned=poisoned,
        deliveries_ready=ready,
        deliveries_leased=leased,
        delivery_lag_s=_seconds(waiting_since, now),
        occurrences_open=open_,
        occurrences_expired=expired,
    )


def _seconds(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else round((now - since).total_seconds(), 3)
