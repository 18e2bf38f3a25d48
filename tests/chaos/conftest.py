"""Real worker processes, a push provider outside of them, and a database of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from recovery_service.clock import ManualClock, SystemClock
from recovery_service.embedded_postgres import EmbeddedPostgres
from tests.chaos.crowd import Crowd, make_crowd
from tests.conftest import environ_for, running_app, settings_for
from tests.factories import make_clinic
from tests.fakes.push_provider import PushProvider

ROOT = Path(__file__).resolve().parents[2]
ROWS = int(os.environ.get("RECOVERY_CHAOS_ROWS", "400"))
wall = SystemClock()


def eventually(holds: Callable[[], Any], what: str, *, within: float = 60.0) -> Any:
    """Return the first truthy answer; an AssertionError names what never came."""
    give_up = time.monotonic() + within
    while True:
        answer = holds()
        if answer:
            return answer
        assert time.monotonic() < give_up, f"never happened: {what}"
        time.sleep(0.05)


class Nursery:
    """Where workers are forked: their real parent, which answers by lines."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, **command: Any) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(command) + "\n")
        stdin.flush()
        return json.loads(stdout.readline())

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()


@dataclass
class Worker:
    """One worker process."""

    nursery: Nursery
    pid: int

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        self.send(signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL

    def ended(self) -> int:
        """Wait until it is gone and return its exit code."""
        eventually(self._code_or_none, "the worker ends")
        return self._code_or_none()[0]

    def _code_or_none(self) -> tuple[int, ...]:
        code = self.nursery.ask(ended=self.pid)
        return () if code is None else (code,)


@dataclass
class Ward:
    """A database with its workers, which come and go, and the provider, which counts."""

    environ: dict[str, str]
    provider: PushProvider
    dsn: str
    nursery: Nursery
    log: Path | None = None
    workers: list[Worker] = field(default_factory=list)

    def start(self, *, fleet: str | None = None, **changes: str) -> Worker:
        """Start one worker, or a process of the fleet for one channel; it takes a moment."""
        log = None if self.log is None else str(self.log)
        pid = self.nursery.ask(environ={**self.environ, **changes}, log=log, fleet=fleet)
        self.workers.append(Worker(self.nursery, pid))
        return self.workers[-1]

    def read(self, statement: str, *values: Any) -> list[Any]:
        """Read rows in the eyes of the loop, from outside of it."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(statement, values).fetchall()

    def count(self, statement: str, *values: Any) -> int:
        number: int = self.read(statement, *values)[0][0]
        return number

    def end(self) -> None:
        """Leave no process behind."""
        for worker in self.workers:
            if self.nursery.ask(ended=worker.pid) is None:
                worker.kill()


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def driver_url(postgres: EmbeddedPostgres, database: str) -> str:
    """Return the worker's URL as the driver alone reads it."""
    return postgres.url(database, "recovery_worker").replace("+psycopg", "", 1)


@pytest.fixture
def provider() -> Iterator[PushProvider]:
    with PushProvider() as running:
        yield running


@pytest.fixture
def ward(
    postgres: EmbeddedPostgres, own_database: str, provider: PushProvider, nursery: Nursery
) -> Iterator[Ward]:
    environ = environ_for(
        postgres,
        own_database,
        RECOVERY_TICK_SECONDS="0.1",
        RECOVERY_LEASE_SECONDS="2",
        RECOVERY_HEARTBEAT_SECONDS="0.25",
        RECOVERY_LOG_LEVEL="ERROR",
    )
    ward = Ward(environ, provider, driver_url(postgres, own_database), nursery)
    try:
        yield ward
    finally:
        ward.end()


@pytest.fixture
def crowd_of(
    postgres: EmbeddedPostgres, own_database: str, provider: PushProvider
) -> Callable[..., Crowd]:
    """Return what stores so many due reminders, one a patient, all on devices of the provider."""

    def make(count: int, *, valid_for: timedelta = timedelta(hours=2), **due: int) -> Crowd:
        now = wall()
        with (
            running_app(settings_for(postgres, own_database), ManualClock(now)) as app,
            app.app_context(),
        ):
            clinic = make_clinic(now=now)
            phones = provider.subscribe_many(count)
            return make_crowd(clinic, phones, now=now, valid_for=valid_for, **due)

    return make
