"""Celery on Valkey: prefork, `acks_late`, and an eta for what is in the future.

As its documentation recommends for many short tasks, no results are stored and the prefetch
multiplier is above one. What a killed worker held comes back after the visibility timeout.
"""

import json
import os
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from celery import Celery

from benchmarks.sending.engine import Peer
from benchmarks.sending.remind import remind

QUEUE = "celery"
_PREFETCH = 16


def _app(broker: str, gone_after: int) -> Celery:
    app = Celery("benchmark", broker=broker, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        task_ignore_result=True,
        task_default_queue=QUEUE,
        worker_prefetch_multiplier=_PREFETCH,
        broker_transport_options={"visibility_timeout": gone_after},
        broker_connection_retry_on_startup=True,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
    )
    app.task(name="remind")(remind)
    return app


class CeleryPrefork(Peer):
    """Celery as a contestant: each worker is a parent with as many children as are in flight."""

    name = "celery"
    slow = 4
    ready = " ready."

    def prepare(self, *, due: int, future: int) -> None:
        """Put tasks with an eta into the queue, copied from one that Celery itself wrote."""
        super().prepare(due=due, future=future)
        self._app = _app(self.place.broker, self.place.gone_after)
        self._client = redis.Redis.from_url(self.place.broker)
        self._client.flushall()
        if future:
            tomorrow = datetime.now(UTC) + timedelta(days=1)
            self._app.send_task("remind", args=[-1], eta=tomorrow)
            template = json.loads(self._client.rpop(QUEUE))  # type: ignore[arg-type]
            for first in range(0, future, 10_000):
                messages = [_copy(template) for _ in range(first, min(first + 10_000, future))]
                self._client.lpush(QUEUE, *messages)

    def make_due(self, numbers: range) -> None:
        """Send a task for each."""
        with self._app.producer_pool.acquire() as producer:
            for number in numbers:
                self._app.send_task("remind", args=[number], producer=producer)

    def clear(self) -> None:
        """Empty the broker, drop the database."""
        self._client.flushall()
        self._client.close()
        self._app.close()
        super().clear()

    def command(self) -> list[str]:
        """Start a worker from this module."""
        share = self.place.in_flight // self.processes
        celery = ["-m", "celery", "-A", "benchmarks.sending.celery_peer:app", "worker"]
        quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        return [*celery, "--pool", "prefork", "--concurrency", str(share), *quiet]


def _copy(template: dict[str, Any]) -> str:
    """Return the message under an id of its own."""
    own = str(uuid.uuid4())
    headers = {**template["headers"], "id": own, "root_id": own}
    properties = {
        **template["properties"],
        "correlation_id": own,
        "delivery_tag": str(uuid.uuid4()),
    }
    return json.dumps({**template, "headers": headers, "properties": properties})


app = _app(os.environ.get("BROKER", "memory://"), int(os.environ.get("GONE_AFTER", "3600")))
