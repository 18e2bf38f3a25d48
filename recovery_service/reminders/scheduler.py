"""The metronome: APScheduler ticks, in memory, and holds no reminder.

Nothing else imports it. Its job store could lose or double a reminder when processes die or
share it; the rows are the truth, and what is not done in one tick is done in the next.
"""

import logging
import signal
import threading
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import partial
from types import FrameType

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from recovery_service.clock import SystemClock
from recovery_service.reminders.dispatch import Sender, dispatch
from recovery_service.reminders.heartbeat import Heart
from recovery_service.reminders.loop import Deliver, Loop
from recovery_service.reminders.outage import Outage
from recovery_service.reminders.status import status

# Nothing waits for it.
PURGE = timedelta(hours=1)

log = structlog.get_logger(__name__)

_wall = SystemClock()  # the metronome's own; what is due is the injected clock's to say


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often a worker looks: for what is due, for what expired, and to say it lives."""

    tick: timedelta
    heartbeat: timedelta
    sweep: timedelta = timedelta(seconds=5)
    purge: timedelta = timedelta(minutes=1)


def run_worker(
    sender: Sender,
    rhythm: Rhythm,
    *,
    stop: threading.Event | None = None,
    deliver: Deliver = dispatch,
) -> None:
    """Work until SIGTERM, SIGINT or `stop`; finish what is in hand, say goodbye, return.

    The database may be away, also at the start: the worker waits for it and goes on.
    """
    ending, fallen = stop or threading.Event(), threading.Event()
    _end_on_signals(ending, fallen)
    loop, outage = Loop(sender, deliver=deliver), Outage()
    heart = Heart(sender.transaction, sender.worker_id, sender.clock())
    beat = partial(_beat, heart, loop)
    scheduler = _scheduler(loop, rhythm, outage, beat, fallen)
    outage.bear("heartbeat", beat)
    scheduler.start()
    log.info("worker_started", worker_id=sender.worker_id)
    while not ending.is_set():
        if fallen.wait(rhythm.tick.total_seconds()):
            fallen.clear()
            _send_now(scheduler, loop)
        _wind(scheduler)
    loop.stopping.set()
    scheduler.shutdown(wait=True)
    outage.bear("heartbeat", lambda: heart.stop(now=sender.clock()))
    log.info("worker_stopped", worker_id=sender.worker_id)


def _end_on_signals(ending: threading.Event, fallen: threading.Event) -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        ending.set()
        fallen.set()  # what is waited for

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)


def _scheduler(
    loop: Loop, rhythm: Rhythm, outage: Outage, beat: partial[None], fallen: threading.Event
) -> BackgroundScheduler:
    """Lay out one job per step and per channel, each with a thread of its own.

    A tick that comes while its step still runs is left out: the step itself goes on until
    nothing is left to do.
    """
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # "skipped" is how it should be
    channels = list(loop.sender.channels)
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={
            "default": ThreadPoolExecutor(len(channels) + len(loop.synced) + len(loop.notified) + 7)
        },
        job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
    )
    steps = [
        ("materialise", rhythm.tick, partial(_materialise, loop, fallen)),
        ("sweep", max(rhythm.sweep, rhythm.tick), loop.sweep),
        *(
            (f"notify_{book.name}_{name}", rhythm.tick, partial(loop.notify, name, book))
            for name, book in loop.notified
        ),
        ("purge", max(rhythm.purge, rhythm.tick), loop.purge),
        ("heartbeat", rhythm.heartbeat, beat),
        *((f"send_{name}", rhythm.tick, partial(loop.send, name)) for name in channels),
        *((f"sync_{name}", rhythm.tick, partial(loop.sync, name)) for name in loop.synced),
    ]
    # A step that asks the database nothing would say that it is back.
    if loop.sender.watching is not None:
        every = max(rhythm.sweep, rhythm.tick)
        steps += [("escalate", every, loop.escalate), ("count_alerts", every, loop.count_alerts)]
    for name, every, step in steps:
        seconds = every.total_seconds()
        scheduler.add_job(outage.bear, "interval", (name, step), seconds=seconds, id=name)
    return scheduler


def _materialise(loop: Loop, fallen: threading.Event) -> None:
    """Write what fell due, and say so where something is to be sent."""
    if loop.materialise().deliveries:
        fallen.set()


def _send_now(scheduler: BackgroundScheduler, loop: Loop) -> None:
    """Let what fell due not wait for its channel's next tick.

    Never from inside a job: a scheduler that is being shut down holds its lock until its
    last job has ended, and the job would wait for the lock.
    """
    for name in loop.sender.channels:
        scheduler.modify_job(f"send_{name}", next_run_time=_wall())


def _beat(heart: Heart, loop: Loop) -> None:
    now = loop.sender.clock()
    queue = status(loop.sender.transaction, now=now)
    heart.beat({**queue.figures(), **loop.figures()}, now=now)


def _wind(scheduler: BackgroundScheduler) -> None:
    """Bring jobs back that a wall clock set backwards has left waiting in the future."""
    now = _wall()
    for job in scheduler.get_jobs():
        if job.next_run_time - now > 2 * job.trigger.interval:
            job.modify(next_run_time=now)
