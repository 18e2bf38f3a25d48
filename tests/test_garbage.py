"""Garbage: what serves looks through its own application once, and not again."""

import os
import subprocess
import sys
from pathlib import Path

from recovery_service.embedded_postgres import EmbeddedPostgres
from tests.conftest import environ_for

_ASK = "import gc, recovery_service.wsgi; print(gc.get_freeze_count(), gc.get_threshold()[0])"


def test_what_a_web_server_loads_is_not_looked_through_again(
    postgres: EmbeddedPostgres, shared_database: str
) -> None:
    """Red when the call is taken out of `wsgi.py`."""
    told = subprocess.run(
        [sys.executable, "-c", _ASK],
        env={**os.environ, **environ_for(postgres, shared_database)},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    frozen, threshold = map(int, told.stdout.split())
    assert frozen > 100_000
    assert threshold > 10_000
