"""Web servers as processes of their own, until they answer and until they are told to end."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

WORKERS = 2
THREADS = 8
_PATIENCE = 60.0


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def ours(environment: Mapping[str, str]) -> Iterator[str]:
    """Serve the service as it is served in production; give its address."""
    port = free_port()
    own = {
        "RECOVERY_PORT": str(port),
        "RECOVERY_BASE_URL": f"http://127.0.0.1:{port}",
        "RECOVERY_WEB_WORKERS": str(WORKERS),
        "RECOVERY_WEB_THREADS": str(THREADS),
    }
    command = ["-m", "recovery_service.cli", "web"]
    with serving(command, {**environment, **own}, port) as address:
        yield address


@contextmanager
def bare_flask() -> Iterator[str]:
    """Serve one constant route from the same server, as many processes and threads."""
    port = free_port()
    command = ["-m", "granian", "--interface", "wsgi", "--port", str(port), "--no-ws"]
    workers = ["--workers", str(WORKERS), "--blocking-threads", str(THREADS)]
    with serving([*command, *workers, "benchmarks.bare_flask:app"], {}, port) as address:
        yield address


@contextmanager
def fastapi(environment: Mapping[str, str]) -> Iterator[str]:
    """Serve the twin as FastAPI's documentation does: Uvicorn with uvloop and httptools."""
    port = free_port()
    command = ["-m", "uvicorn", "--port", str(port), "--workers", str(WORKERS)]
    with serving([*command, "benchmarks.fastapi_twin:app"], environment, port) as address:
        yield address


@contextmanager
def serving(command: Sequence[str], environment: Mapping[str, str], port: int) -> Iterator[str]:
    """Run a server until it answers; its lines go to a file, as a service's lines do."""
    with tempfile.TemporaryFile() as lines:
        process = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, **environment},
            stdout=lines,
            stderr=lines,
            start_new_session=True,
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        except NotServing:
            lines.seek(0)
            print(lines.read()[-4000:].decode(errors="replace"), file=sys.stderr)
            raise
        finally:
            _end(process)


class NotServing(RuntimeError):
    """A server ended, or did not answer in time."""


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    """Wait until something answers, whatever it says, from every process."""
    deadline, heard = time.monotonic() + _PATIENCE, 0
    while heard < 4 * WORKERS:
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotServing(address)
        try:
            urlopen(address + "/healthz", timeout=2).read()  # noqa: S310 - our own address
        except HTTPError:
            pass
        except (URLError, OSError):
            time.sleep(0.1)
            continue
        heard += 1


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server and the processes that it began."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(15)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
