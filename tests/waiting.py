"""Waiting for somebody to wait: how a test knows that two transactions have met."""

from time import monotonic

from sqlalchemy import text

from recovery_service.extensions import db

_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
_LONGEST = 20.0


def wait_for_a_waiter() -> None:
    """Return once somebody waits for a lock."""
    ends = monotonic() + _LONGEST
    while monotonic() < ends:
        with db.engine.connect() as connection:
            if connection.scalar(_WAITING):
                return
    raise AssertionError("nobody waited")
