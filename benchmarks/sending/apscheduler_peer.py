"""APScheduler 3 with its SQLAlchemy store on PostgreSQL, as its documentation recommends.

One process, since a store must not be shared, with as many threads as may be in flight; one
job a reminder with a date trigger, `coalesce`, and no misfire limit, so that nothing is
skipped for being late. As a module it is that process: it is told `due <first> <last>`.
"""

import logging
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from benchmarks.sending.engine import Peer
from benchmarks.sending.remind import remind

_FUTURE = """
INSERT INTO apscheduler_jobs (id, next_run_time, job_state)
SELECT 'coming' || n, next_run_time + n, job_state
  FROM apscheduler_jobs, generate_series(1, %s) n
 WHERE id = 'template'
"""


class APScheduler(Peer):
    """APScheduler as a contestant."""

    name = "apscheduler"
    slow = 4

    @property
    def processes(self) -> int:
        """One: two that share a store would both run every job."""
        return 1

    def prepare(self, *, due: int, future: int) -> None:
        """Make the store; what is in the future is copied from one job inside the database."""
        super().prepare(due=due, future=future)
        if future:
            scheduler = _scheduler(self._store(), 1)
            scheduler.start(paused=True)
            tomorrow = datetime.now(UTC) + timedelta(days=1)
            scheduler.add_job(remind, "date", run_date=tomorrow, args=[-1], id="template")
            scheduler.shutdown()
            self.write(_FUTURE, [future])
            self.write("ANALYZE")

    def make_due(self, numbers: range) -> None:
        """Have the process add the jobs, which nobody else may; wait until it has."""
        (worker,) = self.workers
        before = worker.lines().count("added")
        worker.tell(f"due {numbers.start} {numbers.stop}")
        worker.wait_for("added", times=before + 1)

    def pause(self) -> None:
        """Pause the scheduler; the process must add jobs meanwhile."""
        self.workers[0].tell("pause")

    def resume(self) -> None:
        """Let it go on."""
        self.workers[0].tell("resume")

    def command(self) -> list[str]:
        """Run this module."""
        return ["-m", "benchmarks.sending.apscheduler_peer"]

    def environment(self) -> dict[str, str]:
        """Return what the process is told, and where its store is."""
        return super().environment() | {"STORE_URL": self._store()}

    def _store(self) -> str:
        return self.place.server.url(self.database, "postgres")


def _scheduler(store: str, threads: int) -> BackgroundScheduler:
    return BackgroundScheduler(
        timezone=UTC,
        jobstores={"default": SQLAlchemyJobStore(url=store)},
        executors={"default": ThreadPoolExecutor(threads)},
        job_defaults={"coalesce": True, "misfire_grace_time": None},
    )


def _add(scheduler: Any, first: int, last: int) -> None:
    now = datetime.now(UTC)
    for number in range(first, last):
        scheduler.add_job(
            "benchmarks.sending.remind:remind", "date", run_date=now, args=[number], id=str(number)
        )
    print("added", flush=True)


def main() -> None:
    """Schedule until standard input ends."""
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    scheduler = _scheduler(os.environ["STORE_URL"], int(os.environ["IN_FLIGHT"]))
    scheduler.start()
    print("ready", flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "due":
            _add(scheduler, int(rest[0]), int(rest[1]))
        elif word == "pause":
            scheduler.pause()
        else:
            scheduler.resume()


if __name__ == "__main__":
    main()
