"""The database gone: a worker waits, says it once, goes on, and loses nothing."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.migrations import upgrade
from tests.chaos.books import arrivals, assert_balanced, wait_until_settled
from tests.chaos.conftest import Ward, eventually
from tests.chaos.crowd import Crowd
from tests.conftest import POSTGRES


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Return a server of this test's own, which it may stop."""
    folder = tmp_path_factory.mktemp("restarted") / "postgres"
    with EmbeddedPostgres(folder, version=POSTGRES, durable=False, start_timeout=120) as server:
        yield server


@pytest.fixture
def own_database(postgres: EmbeddedPostgres) -> str:
    """Return a database on that server."""
    postgres.create_database("restarted")
    upgrade(postgres.url("restarted", "recovery_migrator"))
    return "restarted"


def test_a_worker_outlives_its_database(
    ward: Ward, crowd_of: Callable[..., Crowd], postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    """Crash the server while reminders are on their way; the answers come while it is down.

    What a failed settling costs is shown by `tests/reminders/test_settle_waits.py`.
    """
    crowd = crowd_of(60)
    ward.provider.behave(delay=0.5)
    ward.log = tmp_path / "worker.log"
    worker = ward.start(RECOVERY_LOG_LEVEL="WARNING", RECOVERY_LEASE_SECONDS="60")
    eventually(lambda: len(arrivals(ward)) >= 20, "reminders go out")
    postgres.stop("immediate")
    eventually(lambda: said(ward, "database_gone"), "the worker noticed")
    postgres.start()
    wait_until_settled(ward)
    assert_balanced(ward, crowd)
    assert set(arrivals(ward).values()) == {1}, "what was on its way is not sent again"
    worker.send(signal.SIGTERM)
    assert worker.ended() == 0
    assert len(said(ward, "database_gone")) == 1
    assert len(said(ward, "database_back")) == 1
    assert said(ward, "tick_failed") == []


def test_a_worker_that_starts_first_waits_for_its_database(
    ward: Ward, crowd_of: Callable[..., Crowd], postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    crowd = crowd_of(5)
    postgres.stop("fast")
    ward.log = tmp_path / "worker.log"
    ward.start(RECOVERY_LOG_LEVEL="WARNING")
    eventually(lambda: said(ward, "database_gone"), "the worker waits")
    postgres.start()
    wait_until_settled(ward)
    assert_balanced(ward, crowd)


def said(ward: Ward, event: str) -> list[str]:
    """Return the worker's lines of one event."""
    assert ward.log is not None
    lines = (ward.log.read_text() if ward.log.exists() else "").splitlines()
    return [line for line in lines if line[:1] == "{" and json.loads(line)["event"] == event]
