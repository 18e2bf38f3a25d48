"""Forgetting what no phone can ask for any more: stones, and ids of operations."""

from datetime import datetime

from recovery_service.domain.sync_cursors import LONGEST_AWAY
from recovery_service.reminders.work import Transaction, run

# By age alone, which is indexed: the worker reads nothing else of what it forgets.
_FORGET = (
    "DELETE FROM tombstone WHERE deleted_at < %(before)s",
    "DELETE FROM sync_operation WHERE received_at < %(before)s",
)


def purge(transaction: Transaction, *, now: datetime) -> None:
    """Delete what is older than the oldest cursor that is gone on from."""
    with transaction() as session:
        for statement in _FORGET:
            run(session, statement, {"before": now - LONGEST_AWAY})
