"""The database gone for a while: waited for, said once, and nothing is lost by it."""

import threading
from collections.abc import Callable

import psycopg
import structlog
from sqlalchemy import exc

log = structlog.get_logger(__name__)

_LOST = (psycopg.OperationalError, psycopg.InterfaceError, exc.TimeoutError, exc.DisconnectionError)
# SQLSTATE classes: connection exception, insufficient resources, operator intervention.
_AWAY = ("08", "53", "57P")


def is_gone(error: BaseException) -> bool:
    """Say whether an error means that the database cannot be reached now.

    A deadlock or a cancelled statement is an operational error too, but somebody answered.
    """
    cause = getattr(error, "orig", None) or error
    if isinstance(error, exc.PendingRollbackError):
        return True
    if not isinstance(cause, _LOST):
        return False
    sqlstate = getattr(cause, "sqlstate", None)
    return sqlstate is None or sqlstate.startswith(_AWAY)


def is_passing(error: BaseException) -> bool:
    """Say whether the same transaction may well succeed later: a deadlock, or no database."""
    cause = getattr(error, "orig", None) or error
    deadlocked = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
    return is_gone(error) or isinstance(cause, deadlocked)


class Outage:
    """Runs the steps of a worker and bears with what keeps them from working."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gone = False

    def bear(self, tick: str, step: Callable[[], object]) -> None:
        """Run a step; it comes round again, so a failure is said and not passed on."""
        try:
            step()
        except Exception as error:
            if is_gone(error):
                self._change(gone=True)
            else:
                log.exception("tick_failed", tick=tick)
        else:
            self._change(gone=False)

    def _change(self, *, gone: bool) -> None:
        with self._lock:
            if gone == self._gone:
                return
            self._gone = gone
        log.warning("database_gone" if gone else "database_back")
