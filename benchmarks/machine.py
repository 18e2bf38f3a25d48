"""Names the machine that a figure belongs to."""

import os
import platform
from pathlib import Path
from typing import Any

import psycopg


def describe_machine(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return processor, cores, and the server's version and durability."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "postgresql": _shown(connection, "server_version"),
        "fsync": _shown(connection, "fsync"),
        "synchronous_commit": _shown(connection, "synchronous_commit"),
    }


def _shown(connection: psycopg.Connection[Any], setting: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
    return str(row[0]) if row else "unknown"


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
