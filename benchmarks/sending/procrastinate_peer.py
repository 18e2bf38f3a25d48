"""Procrastinate on PostgreSQL: the queue and the outcomes in one database.

What a killed worker held is put back by the task that its documentation gives for that; here
the harness runs it once a second. As a module it is a worker.
"""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from benchmarks.cluster import plain_url
from benchmarks.sending.engine import Peer
from benchmarks.sending.remind import remind

_FUTURE = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at)
SELECT queue_name, task_name, args, scheduled_at
  FROM procrastinate_jobs, generate_series(2, %s)
 WHERE scheduled_at IS NOT NULL
"""


class Procrastinate(Peer):
    """Procrastinate as a contestant: each worker runs its tasks in threads."""

    name = "procrastinate"
    slow = 4

    def prepare(self, *, due: int, future: int) -> None:
        """Make the queue; what is in the future is copied from one job inside the database."""
        super().prepare(due=due, future=future)
        self._looked = time.monotonic()
        self._app = App(connector=SyncPsycopgConnector(conninfo=self._url())).open()
        self._app.schema_manager.apply_schema()
        self._app.task(name="remind")(remind)
        if future:
            tomorrow = datetime.now(UTC) + timedelta(days=1)
            self._app.configure_task("remind", schedule_at=tomorrow).defer(number=-1)
            self.write(_FUTURE, [future])
            self.write("VACUUM ANALYZE")

    def make_due(self, numbers: range) -> None:
        """Defer a job for each."""
        for first in range(numbers.start, numbers.stop, 500):
            rows = [{"number": n} for n in range(first, min(first + 500, numbers.stop))]
            self._app.configure_task("remind").batch_defer(*rows)

    def take_over(self) -> None:
        """Put back what workers held that have not been heard of."""
        if time.monotonic() - self._looked > 1:
            self._looked = time.monotonic()
            asyncio.run(_put_back(self._url(), self.place.gone_after))

    def clear(self) -> None:
        """Drop its database."""
        self._app.close()
        super().clear()

    def command(self) -> list[str]:
        """Run this module."""
        return ["-m", "benchmarks.sending.procrastinate_peer"]

    def environment(self) -> dict[str, str]:
        """Return what a worker is told, and where the queue is."""
        return super().environment() | {"QUEUE_URL": self._url()}

    def _url(self) -> str:
        return plain_url(self.place.server, self.database, "postgres")


async def _put_back(url: str, gone_after: int) -> None:
    app = App(connector=PsycopgConnector(conninfo=url))
    async with app.open_async():
        jobs = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=gone_after)
        for job in jobs:
            await app.job_manager.retry_job(job)


async def _work() -> None:
    threads = int(os.environ["IN_FLIGHT"])
    app = App(connector=PsycopgConnector(conninfo=os.environ["QUEUE_URL"]))
    app.task(name="remind")(remind)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads))
    beat = int(os.environ["GONE_AFTER"]) / 3
    async with app.open_async():
        print("ready", flush=True)
        await app.run_worker_async(concurrency=threads, update_heartbeat_interval=beat)


if __name__ == "__main__":
    asyncio.run(_work())
