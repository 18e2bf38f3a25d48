"""The broker, reached through Celery: Redis or Valkey, or RabbitMQ.

Imported only where RECOVERY_BROKER_URL is set. Nothing that is read from a broker is believed:
messages are JSON, and what they name is taken from the database or not at all.
"""

import ssl
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from celery import Celery
from kombu import Connection, Exchange, Producer, Queue

from recovery_service.reminders.fleet import Chunk

log = structlog.get_logger(__name__)

TASK = "reminders.send"

# Chunks that may wait in one queue. A lease must outlast the wait, or they are claimed anew
# before the fleet gets to them: with 60 s and one fleet thread, a chunk may take 3 s.
DEPTH = 20
# While the broker is away, so long goes by before it is asked again.
PAUSE_SECONDS = 5.0
# No step of reaching the broker is waited for longer; meanwhile reminders wait, too.
PATIENCE_SECONDS = 1.0


def queue_of(channel: str) -> Queue:
    """Return a channel's queue: durable, and reached without an exchange of its own.

    An exchange's bindings are forgotten with a broker's memory; a queue's name is not.
    Classic, whatever RabbitMQ's default: Celery cannot take from a quorum queue that it did
    not ask for, and what is in a queue need not outlive a machine.
    """
    name = f"reminders.{channel}"
    return Queue(
        name,
        exchange=Exchange("", type="direct"),
        routing_key=name,
        durable=True,
        queue_arguments={"x-queue-type": "classic"},
    )


def celery_app(url: str, *, lease: timedelta) -> Celery:
    """Return what both ends agree on; it names no queue and knows no task yet."""
    app = Celery("recovery_service", set_as_current=False)
    app.conf.update(
        broker_url=url,
        broker_read_url=url,  # these two over CELERY_BROKER_URL, should it be set
        broker_write_url=url,
        broker_use_ssl=_tls(url),
        broker_transport_options=_transport(url, lease),
        broker_connection_timeout=PATIENCE_SECONDS,
        accept_content=["json"],
        task_serializer="json",
        event_serializer="json",
        task_default_delivery_mode="persistent",
        task_default_exchange="",  # else Celery declares `celery` and binds our queues to it
        task_create_missing_queues=False,
        task_ignore_result=True,  # the rows say what became of it
        task_publish_retry=False,
        task_send_sent_event=False,
        worker_send_task_events=False,
    )
    return app


def _tls(url: str) -> dict[str, Any] | None:
    """Ask for a certificate that is checked; left to itself, kombu would take any."""
    parts = urlsplit(url)
    if parts.scheme == "rediss":
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    if parts.scheme == "amqps":
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": parts.hostname}
    return None


def _transport(url: str, lease: timedelta) -> dict[str, Any]:
    """Return the transport's own settings.

    Redis gives out again what was taken and not acknowledged within `visibility_timeout`
    seconds. After two leases somebody else has claimed those rows: the copy finds nothing.
    """
    if urlsplit(url).scheme.startswith("amqp"):
        return {"confirm_publish": True}
    return {
        "visibility_timeout": 2 * lease.total_seconds(),
        "socket_connect_timeout": PATIENCE_SECONDS,
        "socket_keepalive": True,
    }


class Broker:
    """The loop's way to the fleet, one connection a channel, used by one thread at a time.

    `depth` is how many chunks may wait in a queue. Whether the broker is there is said
    once when it changes, and a broker that is away is asked again every `pause` seconds.
    """

    def __init__(
        self, url: str, *, lease: timedelta, depth: int = DEPTH, pause: float = PAUSE_SECONDS
    ) -> None:
        self._app = celery_app(url, lease=lease)
        self._app.conf.broker_transport_options |= _impatient(url)
        self._depth, self._pause = depth, pause
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()
        self._gone, self._ask_at = False, 0.0

    def offer(self, chunk: Chunk) -> bool:
        """Put a chunk into its queue unless that is long enough; see `fleet.Queues`."""
        if self._gone and time.monotonic() < self._ask_at:
            return False
        try:
            taken = self._put(chunk)
        except Exception as error:  # noqa: BLE001 - whatever a client library comes up with
            self._forget(chunk.channel)
            self._change(gone=True, error=error)
            return False
        self._change(gone=False)
        return taken

    def close(self) -> None:
        """Give the connections back."""
        for channel in list(self._lines):
            self._forget(channel)

    def _put(self, chunk: Chunk) -> bool:
        """Put a chunk; a connection that went stale while nothing was due is made anew once."""
        line = self._lines.get(chunk.channel)
        if line is not None:
            with suppress(Exception):
                return line.put(chunk, self._depth)
            self._forget(chunk.channel)
        line = self._lines[chunk.channel] = _Line(self._app, chunk.channel)
        return line.put(chunk, self._depth)

    def _forget(self, channel: str) -> None:
        line = self._lines.pop(channel, None)
        if line is not None:
            line.close()

    def _change(self, *, gone: bool, error: Exception | None = None) -> None:
        with self._lock:
            self._ask_at = time.monotonic() + self._pause
            if gone == self._gone:
                return
            self._gone = gone
        # Never the error's text: it may hold the URL, and that the password.
        log.warning(
            "broker_gone" if gone else "broker_back",
            error=None if error is None else type(error).__name__,
        )


class _Line:
    """One connection to one channel's queue, opened when it is first needed."""

    def __init__(self, app: Celery, channel: str) -> None:
        self._app = app
        self._queue = queue_of(channel)
        self._connection: Connection = app.connection_for_write(heartbeat=0)
        self._producer: Producer | None = None

    def put(self, chunk: Chunk, depth: int) -> bool:
        """Put a chunk into the queue if fewer than `depth` wait there.

        It does not expire: the queue of a fleet that is not there would empty just as the
        leases end, and take the same reminders again and again. A late message finds nothing.
        """
        producer = self._producer = self._producer or self._opened()
        if self._waiting(producer) >= depth:
            return False
        self._app.send_task(
            TASK,
            kwargs=chunk.as_message(),
            kwargsrepr="",  # Celery's copy for monitors, in a header
            queue=self._queue,
            producer=producer,
            retry=False,
            timeout=PATIENCE_SECONDS,
            confirm_timeout=PATIENCE_SECONDS,
        )
        return True

    def _opened(self) -> Producer:
        self._connection.ensure_connection(max_retries=0)  # else it tries again by itself
        return self._app.amqp.Producer(self._connection.channel(), auto_declare=False)

    def _waiting(self, producer: Producer) -> int:
        """Declare the queue, which a broker may have lost, and ask how many wait in it."""
        queue = self._queue
        declared = producer.channel.queue_declare(
            queue=queue.name,
            durable=queue.durable,
            exclusive=queue.exclusive,
            auto_delete=queue.auto_delete,
            arguments=queue.queue_arguments,
        )
        return int(declared.message_count)

    def close(self) -> None:
        """Let the connection go, however it is."""
        with suppress(Exception):
            self._connection.release()


def _impatient(url: str) -> dict[str, Any]:
    """Return what bounds each step of a hand-over; who consumes may wait."""
    if urlsplit(url).scheme.startswith("amqp"):
        return {"read_timeout": PATIENCE_SECONDS, "write_timeout": PATIENCE_SECONDS}
    return {"socket_timeout": PATIENCE_SECONDS}
