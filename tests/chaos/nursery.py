"""Starts workers by forking, because importing the service takes longer than a test may.

    python -m tests.chaos.nursery

Each line of standard input is a JSON command and is answered by one line:
`{"environ": {…}, "log": path or null, "fleet": channel or null}` forks a worker, or a process
of the fleet, a real process of its own, and answers its pid; `{"ended": pid}` answers its exit
code, or null while it lives. It ends, and takes its workers with it, when standard input does.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

from config.settings import Settings
from tests.chaos.worker import main as work

_children: dict[int, int | None] = {}


def answer(command: dict[str, Any]) -> int | None:
    if "environ" in command:
        return _fork(command["environ"], command["log"], command["fleet"])
    pid = command["ended"]
    if _children[pid] is None:
        found, status = os.waitpid(pid, os.WNOHANG)
        _children[pid] = os.waitstatus_to_exitcode(status) if found else None
    return _children[pid]


def _fork(environ: dict[str, str], log: str | None, fleet: str | None) -> int:
    if environ.get("RECOVERY_BROKER_URL"):
        import recovery_service.cli.fleet  # slow, so here: the children have it already
    pid = os.fork()
    if pid:
        _children[pid] = None
        return pid
    os.environ.update(environ)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    if log is not None:
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    code = 1
    try:
        if fleet is None:
            work()
        else:
            recovery_service.cli.fleet.work(Settings.from_environ(os.environ), fleet)
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)  # noqa: T201 - the answer
    for pid in [each for each, code in _children.items() if code is None]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
