"""What a cluster survives: killed servers, killed holders, rivals, slow recoveries, bad data.

"Planted" names a defect that was seen to turn the test red, "To plant" one to try.
"""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from recovery_service.embedded_postgres import (
    ClusterBusy,
    CredentialsLost,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    InitialisationFailed,
    ServerDied,
    ServerTooSlow,
    VersionMismatch,
    _initialise,
)
from tests.embedded_postgres.clusters import (
    Cluster,
    account,
    ask,
    connect,
    first_line,
    holder,
    kept,
    kill,
    postmaster,
)


@pytest.mark.parametrize("named", ["dead", "living", "other server", "nonsense"])
def test_a_stale_pid_file_is_no_obstacle(
    lasting: EmbeddedPostgres, postgres: EmbeddedPostgres, named: str
) -> None:
    """Planted: `running` believes any living process; the stale files are left in place."""
    pid_file = lasting._places.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    kill(int(lines[0]))
    with subprocess.Popen(["sleep", "60"], **account()._identity()) as sleeper:
        if named == "dead":
            sleeper.kill()
            sleeper.wait()
        others = {"other server": str(postmaster(postgres._places.folder)), "nonsense": "x"}
        pid_file.write_text("\n".join([others.get(named, str(sleeper.pid)), *lines[1:], ""]))
        try:
            lasting.start()
            assert (sleeper.poll() is None) == (named != "dead")
        finally:
            sleeper.kill()
    assert kept(lasting) == 42
    assert ask(postgres, "SELECT 1") == 1


def test_a_killed_server_recovers_although_a_backend_outlives_it(lasting: EmbeddedPostgres) -> None:
    """Planted: no second attempt while a backend of the killed server is still alive."""
    with connect(lasting) as client:
        backend = client.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        kill(postmaster(lasting._places.folder))
        later = threading.Timer(0.5, os.kill, (backend, signal.SIGCONT))
        later.start()
        lasting.start()
        later.join()
    assert kept(lasting) == 42


def test_a_slow_recovery_is_waited_for_and_never_cut_short(lasting: EmbeddedPostgres) -> None:
    """To plant: a server that says "starting" is taken for ready; one that is late is stopped.

    The server says in its pid file how far it is; here the file is made to say it late.
    """
    pid_file = lasting._places.data / "postmaster.pid"
    ready = pid_file.read_text()
    pid_file.write_text(ready.replace("ready   ", "starting"))
    with pytest.raises(ServerTooSlow, match=r"ready within 0\.2 seconds"):
        EmbeddedPostgres(lasting._places.folder, start_timeout=0.2).start()
    later = threading.Timer(0.4, pid_file.write_text, (ready,))
    later.start()
    before = time.monotonic()
    lasting.start()
    assert time.monotonic() - before > 0.3
    later.join()
    assert kept(lasting) == 42
    assert postmaster(lasting._places.folder) == int(ready.splitlines()[0])


def test_a_server_whose_holder_was_killed_is_joined_and_stopped(
    cluster: Cluster, place: Path
) -> None:
    """Planted: `stop` only stops a server that this object started."""
    with holder(place / "c") as killed:
        pid = int(first_line(killed))
        killed.kill()
    one = cluster()
    one.start()
    assert postmaster(place / "c") == pid
    one.stop()
    assert not (place / "c/data/postmaster.pid").exists()


def test_processes_that_start_it_at_once_share_one_server_until_the_last(
    cluster: Cluster, place: Path
) -> None:
    """To plant: `exclusive` without the lock; `is_the_last` always True."""
    with holder(place / "c") as one, holder(place / "c") as two:
        assert int(first_line(one)) == int(first_line(two))
        one.communicate("")
        assert one.returncode == 0
        third = cluster()
        third.start()
        with pytest.raises(ClusterBusy):
            third.remove()
        with pytest.raises(ClusterBusy):
            cluster(durable=True).start()
        third.stop()
        assert ask(third, "SELECT 1") == 1
        two.communicate("")
    assert not (place / "c/data/postmaster.pid").exists()


def test_an_interrupted_initialisation_leaves_no_half_cluster(
    cluster: Cluster, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To plant: `initdb` straight into `data`; leftovers not swept; a failure not cleaned up."""
    leftover = place / "c/initialising-killed"
    leftover.mkdir(parents=True)
    (leftover / "PG_VERSION").write_text("18")
    one = cluster()
    with monkeypatch.context() as patch:
        patch.setattr(_initialise, "SUPERUSER", "pg_not_allowed")
        with pytest.raises(InitialisationFailed, match="pg_not_allowed"):
            one.start()
    assert {path.name for path in (place / "c").iterdir()} == {"credentials.json", "lock"}
    one.start()
    assert ask(one, "SELECT 1") == 1


@pytest.mark.parametrize(
    ("version", "credentials", "problem"),
    [("16", True, VersionMismatch), ("18", False, CredentialsLost), ("18", True, ServerDied)],
)
def test_data_that_cannot_be_served_are_refused_with_the_reason(
    place: Path, version: str, credentials: bool, problem: type[EmbeddedPostgresError]
) -> None:
    """To plant: each check left out; the last would wait for a server that has ended."""
    folder = place / "c"
    (folder / "data").mkdir(parents=True, mode=0o700)
    (folder / "data/PG_VERSION").write_text(version)
    account().take(folder / "data")
    if credentials:
        (folder / "credentials.json").write_text('{"passwords": {"postgres": "x"}}')
    before = time.monotonic()
    with pytest.raises(problem):
        EmbeddedPostgres(folder).start()
    assert time.monotonic() - before < 5
    assert (folder / "data/PG_VERSION").read_text() == version
    EmbeddedPostgres(folder).remove()
