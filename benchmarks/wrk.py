"""Load over HTTP by `wrk`, and what it saw."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("wrk.lua")
THREADS = 2
CONNECTIONS = 32


@dataclass(frozen=True)
class Load:
    """What one run of `wrk` counted; latencies in milliseconds."""

    requests: int
    seconds: float
    status: int
    broken: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests a second; raises if any was refused or broke, for then it is no measure."""
        assert self.status == self.broken == 0, self
        assert self.requests > 0, self
        return self.requests / self.seconds


def wrk_is_here() -> bool:
    """Say whether the machine has `wrk`."""
    return shutil.which("wrk") is not None


def press(url: str, seconds: float, arguments: Sequence[str]) -> Load:
    """Send requests from all connections for so long, as `wrk.lua` makes them."""
    command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
    done = subprocess.run(
        [*command, "--timeout", "10s", "-s", str(SCRIPT), url, "--", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return Load(**json.loads(done.stdout.splitlines()[-1]))
