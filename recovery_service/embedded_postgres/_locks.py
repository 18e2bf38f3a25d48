"""File locks between processes; the kernel releases them when their holder is killed."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recovery_service.embedded_postgres._problems import ClusterBusy, ClusterOfAnother

PAUSE = 0.01


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError:
        raise ClusterOfAnother(path) from None


@contextmanager
def exclusive(path: Path, *, seconds: float) -> Iterator[None]:
    """Be the only one inside; raises ClusterBusy when another stays inside for too long."""
    lock = _open(path)
    try:
        _wait_for(lock, path, time.monotonic() + seconds)
        yield
    finally:
        os.close(lock)


def _wait_for(lock: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ClusterBusy(path.parent, "it starts or stops it for too long") from None
            time.sleep(PAUSE)
        else:
            return


class Hold:
    """This object's share in a running server; the last one to let go stops it.

    A process that is killed lets go by dying, so nothing is counted and nothing miscounted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: int | None = None

    def take(self) -> None:
        """Take the share; taking it twice is taking it once."""
        if self._lock is None:
            self._lock = _open(self._path)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def is_the_last(self) -> bool:
        """Say whether no other object, here or in another process, has a share."""
        lock = self._lock if self._lock is not None else _open(self._path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            self._share_again_or_close(lock)
        return True

    def _share_again_or_close(self, lock: int) -> None:
        """Go back from asking: a failed upgrade may have lost the share that was held."""
        if lock == self._lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
        else:
            os.close(lock)

    def let_go(self) -> None:
        """Give the share back, if there is one."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
