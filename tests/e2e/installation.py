"""The service as an operator runs it: separate processes, started by the console script."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

SCRIPT = Path(sys.executable).with_name("recovery-service")
_START_SECONDS = 60.0
_FAREWELL_SECONDS = 40.0


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """One database and the processes on it: `with Installation(environ) as place: …`.

    `environ` are the RECOVERY_ variables; host, port and public address are chosen here.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        kept = {name: text for name, text in os.environ.items() if not name.startswith("RECOVERY_")}
        self.environ = {
            **kept,
            **environ,
            "RECOVERY_PORT": str(self.port),
            "RECOVERY_BASE_URL": self.origin,
        }
        self.processes: dict[str, subprocess.Popen[str]] = {}

    def run(
        self, *arguments: str, typed: str = "", expect: int = 0, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; what is typed goes to its standard input."""
        done = subprocess.run(
            [SCRIPT, *arguments],
            env=self.environ | environ,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stderr}"
        return done

    def start(self, name: str, *, log: Path | None = None) -> subprocess.Popen[str]:
        """Start `web` or `worker`; the web server is waited for. Lines go to `log`, if any."""
        with (log or Path(os.devnull)).open("w") as lines:
            process = subprocess.Popen(
                [SCRIPT, name, "--until-orphaned"],
                env=self.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=lines if log else None,
                text=True,
            )
        self.processes[name] = process
        if name == "web":
            self.wait_for_web()
        return process

    def wait_for_web(self) -> None:
        """Wait until the web server answers."""
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            ended = self.processes["web"].poll()
            assert ended is None, f"the web server ended with {ended}"
            assert time.monotonic() < deadline, "the web server does not answer"
            time.sleep(0.05)

    def answers(self, path: str = "/healthz") -> bool:
        """Tell whether the web server answers 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self, name: str) -> int:
        """Ask a process to end; return its exit status."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            return process.wait(_FAREWELL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            if process.stdin is not None:
                process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in list(self.processes):
            self.stop(name)
