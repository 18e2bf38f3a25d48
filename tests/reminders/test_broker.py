"""The way to the fleet, over a real Valkey; what RabbitMQ would be told is read, not run."""

import base64
import json
import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from recovery_service.cli.fleet import consumer
from recovery_service.logs import configure_logs
from recovery_service.reminders.broker import DEPTH, Broker, celery_app, queue_of
from recovery_service.reminders.fleet import Chunk
from recovery_service.reminders.held import Ticket
from tests.chaos.broker_server import PASSWORD, BrokerServer

LEASE = timedelta(seconds=60)
URLS = [
    "redis://broker.example/0",
    f"rediss://user:{PASSWORD}@broker.example:6379/0",
    "amqp://broker.example/recovery",
    f"amqps://user:{PASSWORD}@broker.example/recovery",
]


@pytest.fixture(autouse=True)
def _logs() -> None:
    configure_logs()


@pytest.fixture
def server() -> Iterator[BrokerServer]:
    server = BrokerServer()
    server.start()
    yield server
    server.kill()


def queues_of(server: BrokerServer, **changes: Any) -> Broker:
    return Broker(server.url, lease=LEASE, **{"pause": 0.2} | changes)


def chunk_of(channel: str = "webpush") -> Chunk:
    return Chunk(uuid4(), channel, [Ticket(uuid4(), 7)])


def test_a_message_is_json_with_keys_only_and_outlives_a_restart(server: BrokerServer) -> None:
    """Planted: let it expire with the lease.

    Without a fleet RabbitMQ then has room whenever the chunks are claimed anew: it takes them
    again, and nobody ever sends them.
    """
    chunk, queues = chunk_of(), queues_of(server)
    assert queues.offer(chunk)
    queues.close()
    (kept,) = [json.loads(each) for each in server.waiting()]
    assert kept["content-type"] == "application/json"
    assert kept["properties"]["delivery_mode"] == 2, "RabbitMQ writes it to disk"
    assert "expiration" not in kept["properties"]
    assert json.loads(base64.b64decode(kept["body"]))[:2] == [[], chunk.as_message()]


def test_each_channel_has_a_queue_of_its_own(server: BrokerServer) -> None:
    queues = queues_of(server)
    assert queues.offer(chunk_of("sms"))
    assert queues.offer(chunk_of("email"))
    queues.close()
    assert [len(server.waiting(each)) for each in ("sms", "email", "webpush")] == [1, 1, 0]


def test_a_queue_that_is_long_enough_takes_no_more(server: BrokerServer) -> None:
    """Planted: put without asking how many wait; without a fleet the broker fills up."""
    queues = queues_of(server)
    taken = [queues.offer(chunk_of()) for _ in range(DEPTH + 5)]
    assert taken == [True] * DEPTH + [False] * 5
    assert queues.offer(chunk_of("sms")), "another channel's queue is not full"
    queues.close()


def test_a_broker_that_goes_is_noticed_at_once_and_said_once(
    server: BrokerServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """Planted: let the library try again by itself; the first refusal takes seconds."""
    queues = queues_of(server)
    assert queues.offer(chunk_of())
    server.kill()
    started = time.monotonic()
    for _ in range(3):
        assert not queues.offer(chunk_of())
        time.sleep(0.25)
    assert time.monotonic() - started < 1.5
    server.start()
    time.sleep(0.25)
    assert queues.offer(chunk_of()), "it is back"
    queues.close()
    said = capfd.readouterr().err
    assert said.count("broker_gone") == said.count("broker_back") == 1
    assert PASSWORD not in said


def test_a_broker_that_answers_nothing_is_given_up(server: BrokerServer) -> None:
    """Planted: no timeout on the socket, and the channel's reminders wait for ever."""
    queues = queues_of(server, pause=60)
    assert queues.offer(chunk_of())
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert not queues.offer(chunk_of())
        assert time.monotonic() - started < 4
        assert not queues.offer(chunk_of("sms")), "known for every channel"
        assert time.monotonic() - started < 4
    finally:
        os.kill(server.pid, signal.SIGCONT)
    queues.close()


def test_a_connection_that_went_stale_is_no_outage(
    server: BrokerServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """Planted: give up at the first error; brokers and firewalls close what was idle."""
    queues = queues_of(server)
    assert queues.offer(chunk_of())
    server.close_connections()
    assert queues.offer(chunk_of()), "Redis's library notices by itself"

    def closed(*_: object) -> bool:
        raise ConnectionResetError

    queues._lines["webpush"].put = closed  # type: ignore[assignment, method-assign]
    assert queues.offer(chunk_of())
    queues.close()
    assert len(server.waiting()) == 3
    assert "broker_gone" not in capfd.readouterr().err


@pytest.mark.parametrize("url", URLS)
def test_both_ends_agree_on_what_is_kept_and_checked(url: str) -> None:
    """Planted: no TLS settings; kombu then takes any certificate over rediss://.

    Planted: no type of queue; where RabbitMQ makes quorum queues by default, the fleet takes
    nothing. Planted: Celery's own default exchange; the fleet needs a permission for it.
    """
    ours, theirs = celery_app(url, lease=LEASE).conf, consumer(url, LEASE, "webpush", 3).conf
    for conf in (ours, theirs):
        assert conf.task_default_delivery_mode == "persistent"
        assert (conf.accept_content, conf.task_serializer) == (["json"], "json")
        assert conf.result_backend is None
        checked = conf.broker_use_ssl or {}
        required = ssl.CERT_REQUIRED if url.startswith(("rediss", "amqps")) else None
        assert checked.get("ssl_cert_reqs", checked.get("cert_reqs")) == required
    assert theirs.task_queues == [queue_of("webpush")]
    (taken_from,) = consumer(url, LEASE, "webpush", 3).amqp.queues.values()
    assert taken_from.exchange.name == ""
    assert queue_of("webpush").queue_arguments == {"x-queue-type": "classic"}
    assert queue_of("webpush").durable
    assert not queue_of("webpush").auto_delete
    assert theirs.task_acks_late
    assert theirs.worker_prefetch_multiplier == 1
    assert (theirs.worker_pool, theirs.worker_concurrency) == ("threads", 3)


@pytest.mark.parametrize("url", URLS)
def test_every_kind_of_broker_is_reached_for_and_given_up(
    url: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No RabbitMQ runs here: its library gets as far as an address where nobody listens.

    Planted: an option that the library does not know; the error is another.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        here = url.replace("broker.example:6379", "broker.example")
        here = here.replace("broker.example", f"127.0.0.1:{probe.getsockname()[1]}")
        queues = Broker(here, lease=LEASE)
        assert not queues.offer(chunk_of())
        queues.close()
    said = capfd.readouterr().err
    assert "OperationalError" in said or "ConnectionRefusedError" in said
    assert PASSWORD not in said
