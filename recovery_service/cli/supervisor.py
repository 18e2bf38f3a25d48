"""Several services under one command: started, watched, started again, and stopped together."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

PAUSE_SECONDS = 0.2
FAREWELL_SECONDS = 30.0
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
# A service that ran for so long had started well; its next failure is a new story.
SETTLED_SECONDS = 60.0


@dataclass
class Service:
    """One process of ours and what became of it; `arguments` are those of recovery-service."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    start_again_at: float = field(default=0.0)

    def command(self) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", "recovery_service.cli", *self.arguments]

    def start(self, environ: Mapping[str, str]) -> None:
        """Start it in a group of its own, so that Ctrl-C reaches it through us only.

        It ends by itself when we are gone: its standard input is a pipe that we hold.
        """
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            [*self.command(), "--until-orphaned"],
            env=dict(environ),
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def ended(self) -> int | None:
        """Return the exit status of a process that is gone, None while it runs."""
        return None if self.process is None else self.process.poll()

    def put_off(self) -> float:
        """Note a failure and return after how many seconds it is started again."""
        if time.monotonic() - self.started_at > SETTLED_SECONDS:
            self.failures = 0
        delay: float = min(FIRST_DELAY_SECONDS * 2**self.failures, LONGEST_DELAY_SECONDS)
        self.failures += 1
        self._close()
        self.process, self.start_again_at = None, time.monotonic() + delay
        return delay

    def ask_to_end(self) -> None:
        """Ask it to finish what is in hand."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def wait(self, deadline: float) -> None:
        """Wait until it has ended; after the deadline its whole group is killed."""
        if self.process is None:
            return
        try:
            self.process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._close()

    def _close(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()


class Supervisor:
    """Keeps services running until SIGINT or SIGTERM; `say` tells the person who watches."""

    def __init__(
        self, services: Sequence[Service], environ: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._services = services
        self._environ = environ
        self._say = say
        self._ending = threading.Event()

    def run(self, when_started: Callable[[Callable[[], bool]], None]) -> None:
        """Start all, call `when_started` with a way to ask whether to give up, and watch."""
        before = {number: signal.signal(number, self._end) for number in _ENDINGS}
        try:
            for service in self._services:
                service.start(self._environ)
            when_started(self._look_after)
            while self._look_after():
                self._ending.wait(PAUSE_SECONDS)
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending.set()

    def _look_after(self) -> bool:
        """Start again what has died and is due; False once somebody asked us to end."""
        for service in self._services:
            status = service.ended()
            if status is not None and not self._ending.is_set():
                delay = service.put_off()
                self._say(f"{service.name} ended ({_in_words(status)}); again in {delay:g} s")
            elif service.process is None and time.monotonic() >= service.start_again_at:
                service.start(self._environ)
        return not self._ending.is_set()

    def _stop(self) -> None:
        deadline = time.monotonic() + FAREWELL_SECONDS
        for service in self._services:
            service.ask_to_end()
        for service in self._services:
            service.wait(deadline)


_ENDINGS = (signal.SIGINT, signal.SIGTERM)


def _in_words(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
