"""The fleet: sends, on any number of machines, what workers hand over through a broker."""

import logging
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from importlib import import_module
from types import FrameType
from typing import Any

import click
import structlog
from celery import Celery
from celery.apps.worker import Worker
from celery.worker import state

from config.settings import Settings
from recovery_service.cli.applications import application, sender_of, settings_here
from recovery_service.cli.fitness import require_ready_unless_away
from recovery_service.cli.orphans import until_orphaned
from recovery_service.cli.refusals import Refusal
from recovery_service.cli.supervisor import Service, Supervisor
from recovery_service.extensions import db, parts
from recovery_service.reminders.broker import TASK, celery_app, queue_of
from recovery_service.reminders.channels.protocol import Channel
from recovery_service.reminders.dispatch import Counts, Sender
from recovery_service.reminders.fleet import Chunk, deliver
from recovery_service.reminders.heartbeat import FLEET, Heart
from recovery_service.reminders.outage import Outage

log = structlog.get_logger(__name__)

# How long a fleet that has nothing to do may take to notice that it is to end.
LOOK_SECONDS = 1.0


@click.command()
@click.option("--channel", help="Send for this channel only, in this process.")
@until_orphaned
def fleet(channel: str | None) -> None:
    """Send what workers hand over through the broker, until told to stop.

    Each channel has a process of its own, so that a slow provider delays no other channel.
    Any number of fleets may run, on any machine that reaches database and broker.
    """
    settings = settings_here()
    if settings.broker_url is None:
        raise Refusal("without RECOVERY_BROKER_URL there is nothing to send: workers send all")
    if channel is None:
        _supervise(settings)
    else:
        work(settings, channel)


def _supervise(settings: Settings) -> None:
    with application(settings, worker=True):
        require_ready_unless_away(db.engine, settings)
        channels = list(parts().channels)
    services = [Service(f"fleet {each}", ["fleet", "--channel", each]) for each in channels]
    click.echo(f"sending for {', '.join(channels)}")
    Supervisor(services, os.environ, partial(click.echo, err=True)).run(lambda _go_on: None)


def work(settings: Settings, channel: str) -> None:
    """Send for one channel until SIGTERM or SIGINT; finish what is in hand first."""
    assert settings.broker_url is not None  # noqa: S101 - the command has looked
    threads, lease = settings.fleet_threads, timedelta(seconds=settings.lease_seconds)
    # A connection for each thread that sends, and one for the heartbeat.
    roomy = replace(settings, web_threads=max(settings.web_threads, threads + 1))
    with application(roomy, worker=True) as app:
        require_ready_unless_away(db.engine, settings)
        if channel not in parts().channels:
            raise Refusal(f"there is no channel {channel}: {', '.join(parts().channels)}")
        if channel == "webpush":
            import_module("pywebpush")  # slow to load: before the first reminder, not for it
        sender = sender_of(app, lease=lease)
        hand = Hand(sender, sender.channels[channel])
        with hand.beating(timedelta(seconds=settings.heartbeat_seconds)):
            run(consumer(settings.broker_url, lease, channel, threads), hand)


@dataclass
class Hand:
    """One process of the fleet: sends chunks of one channel, and counts what became of them."""

    sender: Sender
    channel: Channel
    outage: Outage = field(default_factory=Outage)
    totals: Counts = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, message: dict[str, Any]) -> None:
        """Send what a message names and nobody else has taken; never raises.

        A message that fails is not put back: its lease runs out, and a worker claims anew.
        """
        self.outage.bear(f"fleet_{self.channel.name}", partial(self._send, message))

    def _send(self, message: dict[str, Any]) -> None:
        chunk = Chunk.parse(message, channel=self.channel.name)
        counts = deliver(self.sender, self.channel, chunk)
        counts[f"sent_{self.channel.name}"] += counts["sent"]
        with self._lock:
            self.totals.update(counts)

    @contextmanager
    def beating(self, every: timedelta) -> Iterator[None]:
        """Say from a thread of its own that this process lives, and at the end that it ended."""
        heart = Heart(self.sender.transaction, self.sender.worker_id, self.sender.clock())
        ending = threading.Event()

        def beat() -> None:
            self.outage.bear("heartbeat", partial(self._beat, heart))
            while not ending.wait(every.total_seconds()):
                self.outage.bear("heartbeat", partial(self._beat, heart))

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()
            self.outage.bear("heartbeat", lambda: heart.stop(now=self.sender.clock()))

    def _beat(self, heart: Heart) -> None:
        with self._lock:
            totals = dict(self.totals)
        figures = {
            "role": FLEET,
            "channel": self.channel.name,
            "since_start": totals,
            "channels": {self.channel.name: totals},
            "dispatch_lag": self.sender.lags.figures(),
        }
        heart.beat(figures, now=self.sender.clock())


def consumer(url: str, lease: timedelta, channel: str, threads: int) -> Celery:
    """Return the Celery application that takes from one channel's queue.

    Threads, not processes: sending is waiting, and forked processes would share the
    connections of the database and of the provider.
    """
    app = celery_app(url, lease=lease)
    app.conf.update(
        task_queues=[queue_of(channel)],
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_pool="threads",
        worker_concurrency=threads,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )
    return app


def run(app: Celery, hand: Hand) -> None:
    """Take messages until told to stop; a broker that is away is waited for.

    One that refuses us is not: SystemExit says so to whoever started the process.
    """

    def send(**message: Any) -> None:
        hand.take(message)

    # Also while Celery starts: a process that is told to end just then goes as all others do.
    _end_on_signals(_end)
    app.task(name=TASK)(send)
    logging.captureWarnings(capture=True)
    worker = _Worker(
        app=app, quiet=True, without_gossip=True, without_mingle=True, without_heartbeat=True
    )
    log.info("fleet_started", channel=hand.channel.name, worker_id=hand.sender.worker_id)
    worker.start()
    log.info("fleet_stopped", channel=hand.channel.name, worker_id=hand.sender.worker_id)
    if worker.exitcode:
        raise SystemExit(worker.exitcode)


class _Worker(Worker):  # type: ignore[misc]
    """Celery's worker without what it does to a process: its logging, its words, its title."""

    def setup_logging(self, colorize: bool | None = None) -> bool:  # noqa: ARG002
        """Leave the loggers as they are: every line passes the service's own gate."""
        return True

    def install_platform_tweaks(self, worker: Worker) -> None:
        """Take SIGTERM and SIGINT as everybody here does: finish what is in hand, then end.

        Celery looks whether it is to end when something happens. On an idle RabbitMQ that is
        every ten seconds; a timer is something, too.
        """
        _end_on_signals(_end)
        worker.timer.call_repeatedly(LOOK_SECONDS, lambda: None)

    def set_process_status(self, info: str) -> None:
        """Keep the command line as it was given."""


def _end() -> None:
    state.should_stop = 0


def _end_on_signals(end: Callable[[], None]) -> None:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        end()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
