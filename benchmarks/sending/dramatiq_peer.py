"""Dramatiq on Valkey: threads, late acknowledgement as always, and a delay for the future.

What a killed worker held comes back when its heartbeat is old, at the next maintenance; that
is told to happen a hundred times as often as by default, so that a run need not wait for it.
"""

import json
import time
import uuid
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from benchmarks.sending.engine import Peer
from benchmarks.sending.remind import remind

QUEUE = "default"
_DAY_MS = 86_400_000


def _broker(url: str, gone_after: int) -> RedisBroker:
    own = RedisBroker(url=url, heartbeat_timeout=gone_after * 1000, maintenance_chance=100_000)
    dramatiq.actor(actor_name="remind", queue_name=QUEUE, broker=own, max_retries=3)(remind)
    return own


class Dramatiq(Peer):
    """Dramatiq as a contestant: each worker is one process with threads."""

    name = "dramatiq"
    ready = "is ready for action"

    def prepare(self, *, due: int, future: int) -> None:
        """Put delayed messages into the queue, copied from one that Dramatiq itself wrote."""
        super().prepare(due=due, future=future)
        self._client = redis.Redis.from_url(self.place.broker)
        self._client.flushall()
        self._broker = _broker(self.place.broker, self.place.gone_after)
        if future:
            self._put(-1, delay=_DAY_MS)
            queue = f"dramatiq:{QUEUE}.DQ"
            (written,) = self._client.hgetall(f"{queue}.msgs").values()  # type: ignore[union-attr]
            for first in range(0, future - 1, 10_000):
                copies = dict(
                    _copy(json.loads(written)) for _ in range(first, min(first + 10_000, future))
                )
                self._client.hset(f"{queue}.msgs", mapping=copies)  # type: ignore[arg-type]
                self._client.rpush(queue, *copies)

    def make_due(self, numbers: range) -> None:
        """Send a message for each."""
        for number in numbers:
            self._put(number)

    def clear(self) -> None:
        """Empty the broker, drop the database."""
        self._client.flushall()
        self._client.close()
        self._broker.close()
        super().clear()

    def command(self) -> list[str]:
        """Start a worker from this module."""
        share = str(self.place.in_flight // self.processes)
        own = "benchmarks.sending.dramatiq_worker"
        return ["-m", "dramatiq", f"{own}:broker", "--processes", "1", "--threads", share]

    def _put(self, number: int, *, delay: int | None = None) -> None:
        message: Any = self._broker.get_actor("remind").message(number)
        self._broker.enqueue(message, delay=delay)


def _copy(message: dict[str, Any]) -> tuple[str, str]:
    """Return the message under ids of its own."""
    own = str(uuid.uuid4())
    options = {**message["options"], "redis_message_id": own}
    stamp = int(time.time() * 1000)
    copied = {**message, "message_id": own, "options": options, "message_timestamp": stamp}
    return own, json.dumps(copied, separators=(",", ":"))
