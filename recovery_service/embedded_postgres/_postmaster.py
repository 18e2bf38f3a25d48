"""The server process: finding it, starting it, waiting for it, stopping it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from recovery_service.embedded_postgres._account import Account, run
from recovery_service.embedded_postgres._problems import ServerDied, ServerTooSlow

PAUSE = 0.01
SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
STATUS_LINE = 7  # of postmaster.pid: "starting", "stopping", "ready", "standby"

# The backends of a killed server see its death at their next wait; until then the new one
# is refused, rightly, and tries again.
OLD_BACKENDS_ALIVE = "is still in use"

# The shell exits at once and leaves the server to init, so no child of ours has to be
# reaped, and it prints the number of the process before anyone has to guess it.
SPAWN = '"$@" >&2 & echo $!'


class Postmaster:
    """The one server process of a data folder."""

    def __init__(self, data: Path, start_log: Path, account: Account) -> None:
        self._data = data
        self._pid_file = data / "postmaster.pid"
        self._start_log = start_log
        self._account = account

    def running(self) -> int | None:
        """Return the process number of this data folder's living server, or None.

        The number in `postmaster.pid` proves nothing: after a crash or a reboot it may
        be anyone's, another cluster's server included.
        """
        lines = self._pid_lines()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        return pid if _serves(pid, self._data) else None

    def _pid_lines(self) -> list[str]:
        try:
            return _text(self._pid_file).splitlines()
        except FileNotFoundError:
            return []

    def spawn(self, binaries: Path, socket_folder: Path, settings: Mapping[str, str]) -> int:
        """Start the server in the background and return its process number.

        Only after `running()` said None. The lock files of a killed server are removed,
        since PostgreSQL refuses to start while the number in them belongs to any process
        of the account, a zombie included.
        """
        for leftover in (self._pid_file, *socket_folder.glob(".s.PGSQL.*")):
            leftover.unlink(missing_ok=True)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server: list[str | Path] = [binaries / "postgres", "-D", self._data, *options]
        with self._start_log.open("wb") as log:
            started = self._account.run(["/bin/sh", "-c", SPAWN, "sh", *server], stderr=log)
        return int(started.stdout)

    def becomes_ready(self, pid: int, *, deadline: float, seconds: float) -> bool:
        """Wait for the server, through any crash recovery; False when it ended instead."""
        while _command_line(pid):
            lines = self._pid_lines()
            if len(lines) > STATUS_LINE and (lines[0], lines[STATUS_LINE].strip()) == (
                str(pid),
                "ready",
            ):
                return True
            _pause_until(deadline, "ready", seconds)
        return False

    def check_why_it_ended(self) -> None:
        """Return if a second attempt can succeed; raise ServerDied with the logs if not."""
        said = _text(self._start_log)
        if OLD_BACKENDS_ALIVE in said:
            return
        logs = sorted((self._data / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
        raise ServerDied((said + "".join(map(_text, logs[-1:])))[-2000:])

    def stop(self, mode: str, *, seconds: float) -> None:
        """Stop the server if there is one; raises ServerTooSlow when it stays."""
        pid = self.running()
        if pid is None:
            return
        deadline = time.monotonic() + seconds
        os.kill(pid, SIGNALS[mode])
        while _serves(pid, self._data):
            _pause_until(deadline, "stopped", seconds)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _pause_until(deadline: float, wanted: str, seconds: float) -> None:
    if time.monotonic() > deadline:
        raise ServerTooSlow(wanted, seconds)
    time.sleep(PAUSE)


def _serves(pid: int, data: Path) -> bool:
    """Say whether the process is a PostgreSQL server that was started on the data folder.

    Its arguments are open to everyone; where it works is hidden even from root in a
    container without the right to trace.
    """
    command = _command_line(pid)
    if not command or Path(command[0]).name != "postgres":
        return False
    return "-D" in command[:-1] and command[command.index("-D") + 1] == str(data)


def _command_line(pid: int) -> list[str]:
    """Return the process's arguments; empty for one that is gone or a zombie."""
    if sys.platform == "linux":
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return []
        return [os.fsdecode(part) for part in line.split(b"\0") if part]
    listed = run(["ps", "-o", "command=", "-p", str(pid)], stderr=subprocess.DEVNULL)
    if listed.stdout.lstrip().startswith("("):
        return []  # how `ps` shows a zombie
    program, _, options = listed.stdout.strip().partition(" -D ")
    return [program, *(("-D", options.partition(" -c ")[0]) if options else ())]
