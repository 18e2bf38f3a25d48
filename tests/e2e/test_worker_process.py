"""The worker as a process: it waits for a database that is away, and ends when asked."""

import signal
from pathlib import Path

from tests.e2e.installation import Installation
from tests.e2e.test_web_process import within

AWAY = "postgresql://recovery_worker@127.0.0.1:9/recovery"


def test_a_worker_shows_that_it_lives_and_says_goodbye(place: Installation) -> None:
    """To plant: a worker that ends without a word, which looks like one that died."""
    place.start("web")
    assert place.answers("/readyz")
    assert not place.answers("/readyz?require=worker")
    place.start("worker")
    assert within(30, lambda: place.answers("/readyz?require=worker"))
    assert place.stop("worker") == 0
    assert not place.answers("/readyz?require=worker")


def test_a_worker_that_finds_no_database_waits_for_it(place: Installation, tmp_path: Path) -> None:
    """To plant: `require_ready` without an exception for a database that is away."""
    place.environ |= {"RECOVERY_WORKER_DATABASE_URL": AWAY, "RECOVERY_LOG_LEVEL": "INFO"}
    log = tmp_path / "worker.log"
    worker = place.start("worker", log=log)
    assert within(30, lambda: "worker_started" in log.read_text())
    assert "database_gone" in log.read_text()
    assert worker.poll() is None
    worker.send_signal(signal.SIGINT)
    assert worker.wait(30) == 0
