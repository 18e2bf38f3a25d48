"""The commands of the quick start, as they stand in the page, against a running demo."""

import os
import re
import subprocess
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "quick_start.md"


def commands() -> str:
    """Return the script that the page is, block after block."""
    blocks = r"^```sh\n(.*?)^```$"
    return "\n".join(re.findall(blocks, PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL))


def count_of_curls() -> int:
    """Return how many requests the page makes; the definition of `send` is none."""
    return len(re.findall(r"^(?:send|curl) ", commands(), re.MULTILINE))


def follow(origin: str, credentials: Path, folder: Path) -> list[str]:
    """Run them in a folder and return the lines they print; the first failure is an error."""
    environ = os.environ | {
        "SERVICE": origin,
        "CREDENTIALS": str(credentials.absolute()),
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands()],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout.splitlines()
