"""What every engine can be asked to do, whoever made it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, ClassVar, Self

from benchmarks.cluster import connected, plain_url
from benchmarks.provider import Provider
from benchmarks.sending.remind import OUTCOMES
from recovery_service.embedded_postgres import EmbeddedPostgres

_PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a race is run.

    `in_flight` requests may be under way in all, shared by `processes`. Work of a process
    that is gone for `gone_after` seconds is taken over, where an engine can do that.
    """

    server: EmbeddedPostgres
    provider: Provider
    broker: str
    database: str
    processes: int = 2
    in_flight: int = 16
    gone_after: int = 10


class NotReady(RuntimeError):
    """A worker did not start."""


class Worker:
    """One worker and the processes that it began, stopped and killed together."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._lines: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `kill`
        self.process = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=self._lines,
            stderr=self._lines,
            start_new_session=True,
        )

    def wait_for(self, text: str, *, times: int = 1) -> None:
        """Wait until it has said something so many times; raises `NotReady`."""
        deadline = time.monotonic() + _PATIENCE
        while self.lines().count(text) < times:
            if self.process.poll() is not None or time.monotonic() > deadline:
                print(self.lines()[-3000:], file=sys.stderr)
                raise NotReady(text)
            time.sleep(0.05)

    def lines(self) -> str:
        """Return all that it has said."""
        return os.pread(self._lines.fileno(), 1 << 26, 0).decode(errors="replace")

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and all that it began."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        self._lines.close()
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()


class Engine(ABC):
    """An engine with its workers: `with Engine(place) as engine`.

    `prepare` comes first, then `start`, then reminders by `make_due`; `done` counts the
    outcomes that are in the database.
    """

    name: ClassVar[str]
    ready: ClassVar[str] = "ready"
    slow: ClassVar[int] = 1
    """One that is slow gets this fraction of the reminders."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.workers: list[Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()
        self.clear()

    @property
    def processes(self) -> int:
        """How many workers share what is in flight."""
        return self.place.processes

    def start(self) -> None:
        """Start all workers and wait until each is ready."""
        self.workers = [self._begin() for _ in range(self.processes)]
        for worker in self.workers:
            worker.wait_for(self.ready)

    def replace_killed(self, index: int) -> None:
        """Kill one worker, and start another in its place."""
        self.workers[index].kill()
        self.workers[index] = self._begin()

    def pause(self) -> None:
        """Hold the workers, so that reminders can be put in without a race against them."""
        for worker in self.workers:
            worker.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go."""
        for worker in self.workers:
            worker.signal(signal.SIGCONT)

    def take_over(self) -> None:  # noqa: B027 - most do it by themselves
        """Do what an engine's documentation recommends to have done now and then."""

    @abstractmethod
    def prepare(self, *, due: int, future: int) -> None:
        """Make what is there before, for so many reminders and so many in the future."""

    @abstractmethod
    def make_due(self, numbers: range) -> None:
        """Put reminders in that are due now."""

    @abstractmethod
    def done(self) -> int:
        """Return how many reminders have an outcome."""

    @abstractmethod
    def clear(self) -> None:
        """Give back what `prepare` made."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return what starts a worker, after the interpreter."""

    def environment(self) -> dict[str, str]:
        """Return what a worker is told."""
        share = self.place.in_flight // self.processes
        return {
            "PROVIDER": self.place.provider.origin,
            "IN_FLIGHT": str(share),
            "BROKER": self.place.broker,
            "GONE_AFTER": str(self.place.gone_after),
        }

    def _begin(self) -> Worker:
        return Worker(self.command(), self.environment())


class Peer(Engine):
    """A peer: its outcomes are rows of one small table in a database of their own."""

    def prepare(self, *, due: int, future: int) -> None:  # noqa: ARG002 - of `Engine`
        """Make the table of outcomes."""
        self.place.server.create_database(self.database)
        self.write(OUTCOMES)

    def clear(self) -> None:
        """Drop its database."""
        self.place.server.drop_database(self.database)

    def done(self) -> int:
        """Count the rows."""
        (row,) = self.write("SELECT count(*) FROM outcome")
        return int(row[0])

    @property
    def database(self) -> str:
        """The peer's own."""
        return f"{self.place.database}_{self.name}"

    def environment(self) -> dict[str, str]:
        """Return what a worker is told, and where outcomes are kept."""
        url = plain_url(self.place.server, self.database, "recovery_worker")
        return super().environment() | {"OUTCOMES_URL": url}

    def write(self, statement: str, values: Any = None) -> list[Any]:
        """Run one statement in its database."""
        with connected(self.place.server, self.database) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
