"""Workers as processes that wait for one word, so that their start is not measured."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from benchmarks.cluster import environment_for
from recovery_service.embedded_postgres import EmbeddedPostgres


def dispatch_once(server: EmbeddedPostgres, database: str, *, now: datetime) -> dict[str, Any]:
    """Let one dispatcher write all that has fallen due; return what it did."""
    with waiting(["benchmarks.dispatcher"], environment_for(server, database)) as dispatchers:
        (answer,) = released(dispatchers, now)
    return answer


@contextmanager
def waiting(
    modules: list[str], environment: Mapping[str, str]
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start modules as processes and wait until each says that it is ready."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", module],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for module in modules
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready", f"{modules[0]} did not start"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def released(processes: list[subprocess.Popen[str]], now: datetime) -> list[dict[str, Any]]:
    """Give all the word, which is the instant to work at, and return their answers."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(now.isoformat() + "\n")
        process.stdin.flush()
    return [json.loads(process.stdout.readline()) for process in processes if process.stdout]
