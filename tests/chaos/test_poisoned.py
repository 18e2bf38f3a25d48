"""Promise 13 with real processes: a poisoned rule delays only itself, and stops no worker."""

from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.chaos.books import arrivals
from tests.chaos.conftest import Ward, eventually
from tests.chaos.crowd import Crowd

ONE = "(SELECT id FROM schedule ORDER BY id LIMIT 1)"
POISON = f"UPDATE schedule SET time_zone = 'Moon/Tycho' WHERE id = {ONE}"
MEND = "UPDATE schedule SET time_zone = 'UTC', next_due_at = now() WHERE time_zone <> 'UTC'"


def test_one_poisoned_schedule_keeps_nobody_else_waiting(
    ward: Ward, crowd_of: Callable[..., Crowd], tmp_path: Path
) -> None:
    """Planted: let the error out of the batch; no phone rings, tick after tick."""
    crowd = crowd_of(60)
    with psycopg.connect(ward.dsn) as loop:
        loop.execute(POISON)
    ward.log = tmp_path / "worker.log"
    for _ in range(2):
        ward.start()
    eventually(lambda: len(arrivals(ward)) == 59, "all the others are reminded", within=30)
    assert ward.read("SELECT failures FROM schedule WHERE time_zone <> 'UTC'") == [(1,)]
    with psycopg.connect(ward.dsn) as loop:
        loop.execute(MEND)
    eventually(lambda: len(arrivals(ward)) == 60, "once mended it speaks", within=30)
    assert set(arrivals(ward).values()) == {1}
    assert arrivals(ward).keys() == crowd.endpoints
