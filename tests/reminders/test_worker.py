"""What a worker says of itself, and how it bears an outage; without processes."""

import threading
import time
from datetime import timedelta
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from recovery_service.reminders.heartbeat import KEPT, Heart
from recovery_service.reminders.loop import Loop
from recovery_service.reminders.outage import Outage, is_gone, is_passing
from recovery_service.reminders.planner import Materialised
from recovery_service.reminders.scheduler import (
    Rhythm,
    _materialise,
    _scheduler,
    _send_now,
    run_worker,
)
from recovery_service.reminders.status import status
from tests.reminders.conftest import Bench
from tests.reminders.memory_channel import ringing
from tests.reminders.plans import rule

BEATS = "SELECT id, beat_at, stopped_at, figures FROM worker_heartbeat ORDER BY beat_at"


def test_the_status_counts_what_waits_and_for_how_long(bench: Bench) -> None:
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule())
    bench.plan(patient, rule(slots={"noon": "12:00"}))
    bench.later(seconds=90)
    now = status(bench.transaction, now=bench.clock())
    assert (now.schedules_due, now.schedule_lag_s, now.deliveries_ready) == (1, 90.0, 0)

    Loop(bench.sender()).materialise()
    now = status(bench.transaction, now=bench.clock())
    assert (now.schedules_due, now.schedule_lag_s) == (0, 0.0)
    assert (now.deliveries_ready, now.delivery_lag_s, now.occurrences_open) == (2, 90.0, 1)

    bench.tick()
    bench.later(hours=2)
    now = status(bench.transaction, now=bench.clock())
    assert (now.deliveries_ready, now.deliveries_leased, now.occurrences_expired) == (0, 0, 1)


def test_a_heart_beats_ends_and_forgets_the_long_gone(bench: Bench) -> None:
    gone = Heart(bench.transaction, uuid4(), bench.clock())
    gone.beat({}, now=bench.clock())
    bench.clock.advance(KEPT + timedelta(seconds=1))
    heart = Heart(bench.transaction, uuid4(), bench.clock())
    heart.beat({"sent": 1}, now=bench.clock())
    assert bench.rows(BEATS) == [(heart.worker_id, bench.clock(), None, {"sent": 1})]
    bench.later(seconds=15)
    heart.beat({"sent": 2}, now=bench.clock())
    heart.stop(now=bench.clock())
    assert bench.rows(BEATS) == [
        (heart.worker_id, bench.clock(), bench.clock(), {"sent": 2}),
    ]


def test_a_worker_runs_every_step_and_says_goodbye(bench: Bench) -> None:
    """Planted: leave a channel's job out, and its reminders wait for ever."""
    bench.plan(bench.patient(bench.clinic()), rule())
    stop, sent = threading.Event(), threading.Event()
    bench.phone.answer = ringing(sent)
    rhythm = Rhythm(tick=timedelta(seconds=0.05), heartbeat=timedelta(seconds=0.05))
    worker = threading.Thread(
        target=run_worker, args=(bench.sender(), rhythm), kwargs={"stop": stop}
    )
    worker.start()
    try:
        assert sent.wait(30), "the phone rings"
    finally:
        stop.set()
        worker.join(30)
    assert not worker.is_alive()
    ((_, _, stopped_at, figures),) = bench.rows(BEATS)
    assert stopped_at is not None
    assert figures.keys() >= {"schedule_lag_s", "delivery_lag_s", "deliveries_ready", "since_start"}
    assert bench.deliveries() == [("sent", None, 1, 0)], "what was in hand was finished"


def test_what_fell_due_does_not_wait_for_its_channels_tick(bench: Bench) -> None:
    """Planted: the sending left to its own tick, so that a reminder waits for two."""
    patient, fallen = bench.patient(bench.clinic()), threading.Event()
    loop = Loop(bench.sender())
    rhythm = Rhythm(tick=timedelta(hours=1), heartbeat=timedelta(hours=1))
    scheduler = _scheduler(loop, rhythm, Outage(), partial(print, end=""), fallen)
    scheduler.start(paused=True)
    try:
        _materialise(loop, fallen)
        assert not fallen.is_set()
        waits = scheduler.get_job("send_webpush").next_run_time
        bench.plan(patient, rule())
        _materialise(loop, fallen)
        assert fallen.is_set()
        _send_now(scheduler, loop)
        assert scheduler.get_job("send_webpush").next_run_time < waits - timedelta(minutes=30)
    finally:
        scheduler.shutdown(wait=False)


def test_a_worker_ends_that_is_told_so_while_something_falls_due(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: wake the channels from inside the job, which waits for the scheduler's lock."""
    inside, stop = threading.Event(), threading.Event()

    def until_it_ends(loop: Loop) -> Materialised:
        inside.set()
        assert loop.stopping.wait(30)
        time.sleep(0.2)  # so that the scheduler is being shut down
        return Materialised(deliveries=1)

    monkeypatch.setattr(Loop, "materialise", until_it_ends)
    rhythm = Rhythm(tick=timedelta(seconds=0.05), heartbeat=timedelta(hours=1))
    worker = threading.Thread(
        target=run_worker, args=(bench.sender(), rhythm), kwargs={"stop": stop}, daemon=True
    )
    worker.start()
    assert inside.wait(30)
    stop.set()
    worker.join(10)
    assert not worker.is_alive()


def gone() -> None:
    raise OperationalError("SELECT", {}, psycopg.OperationalError("the connection is closed"))


def test_an_outage_is_said_once_and_its_end_too(capfd: pytest.CaptureFixture[str]) -> None:
    outage = Outage()
    for step in (gone, gone, gone, lambda: None, lambda: None):
        outage.bear("materialise", step)
    said = capfd.readouterr().err
    assert said.count("database_gone") == said.count("database_back") == 1
    assert "tick_failed" not in said


def test_a_fault_of_our_own_is_said_each_time_and_stops_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def broken() -> None:
        raise KeyError

    outage = Outage()
    outage.bear("sweep", broken)
    outage.bear("sweep", broken)
    assert capfd.readouterr().err.count("tick_failed") == 2


@pytest.mark.parametrize(
    ("error", "away", "passing"),
    [
        (psycopg.OperationalError(), True, True),
        (psycopg.errors.AdminShutdown(), True, True),
        (psycopg.errors.DeadlockDetected(), False, True),
        (psycopg.errors.QueryCanceled(), False, False),
        (psycopg.errors.UniqueViolation(), False, False),
        (KeyError(), False, False),
    ],
)
def test_only_an_absent_database_counts_as_gone(
    error: Exception, away: bool, passing: bool
) -> None:
    assert (is_gone(error), is_passing(error)) == (away, passing)
