"""Services under one command: what dies comes back, what is asked to end ends, nothing is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from recovery_service.cli import supervisor
from recovery_service.cli.supervisor import Service, Supervisor

NOTES = Path(__file__).with_name("noting_service.py")


class Watched(Service):
    """A service of the tests: it notes its process id in a file, and waits."""

    def command(self) -> list[str]:
        return [sys.executable, str(NOTES), *self.arguments]


def pids(file: Path, count: int) -> list[int]:
    """Wait until so many starts are noted, and return their process ids."""
    for _ in range(400):
        noted = [int(line) for line in file.read_text().split()] if file.exists() else []
        if len(noted) >= count:
            return noted
        time.sleep(0.05)
    raise AssertionError(f"{count} starts were not noted")


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_dies_is_started_again_and_said(tmp_path: Path) -> None:
    """To plant: a supervisor that only waits."""
    file, said = tmp_path / "pids", list[str]()
    kept = Supervisor([Watched("worker", [str(file)])], os.environ, said.append)

    def upset() -> None:
        os.kill(pids(file, 1)[0], signal.SIGKILL)
        pids(file, 2)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=upset).start()
    kept.run(lambda _look_after: None)
    assert said == ["worker ended (SIGKILL); again in 0.5 s"]
    assert not any(lives(pid) for pid in pids(file, 2))


def test_what_does_not_listen_is_killed_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To plant: a wait without an end."""
    monkeypatch.setattr(supervisor, "FAREWELL_SECONDS", 0.5)
    file = tmp_path / "pids"
    kept = Supervisor([Watched("worker", [str(file), "--deaf"])], os.environ, lambda _text: None)

    def interrupt() -> None:
        pids(file, 1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    kept.run(lambda _look_after: None)
    assert not lives(pids(file, 1)[0])


def test_delays_grow_and_are_forgotten_once_a_service_has_settled() -> None:
    """To plant: a constant delay."""
    service = Watched("worker", [], started_at=time.monotonic())
    assert [service.put_off() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    service.started_at = time.monotonic() - supervisor.SETTLED_SECONDS - 1
    assert service.put_off() == 0.5


def test_services_end_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    """To plant: standard input from /dev/null."""
    file = tmp_path / "pids"
    code = (
        "import os; from tests.cli.test_supervisor import Watched;"
        "from recovery_service.cli.supervisor import Supervisor;"
        f"Supervisor([Watched('worker', [{str(file)!r}])], os.environ, print).run(lambda _: None)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=NOTES.parents[2])
    (pid,) = pids(file, 1)
    process.kill()
    process.wait()
    for _ in range(200):
        if not lives(pid):
            return
        time.sleep(0.05)
    raise AssertionError("the service lives on")
