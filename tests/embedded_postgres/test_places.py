"""Who runs the server and where its things are, for root and for everyone else.

"Planted" names a defect that was seen to turn the test red, "To plant" one to try.
"""

import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from recovery_service.embedded_postgres import (
    BinariesMissing,
    EmbeddedPostgres,
    NoSocketFolder,
    _binaries,
    _cluster,
    _places,
    find_binaries,
)
from tests.embedded_postgres.clusters import (
    ROOT,
    Cluster,
    account,
    ask,
    first_line,
    holder,
    kept,
    packages_for_everybody,
    remember,
)


def test_an_ordinary_user_runs_it_as_themselves(place: Path) -> None:
    """To plant: `Account.for_data` looks for nobody although we are not root.

    As root the process gives its rights up for good first; otherwise we are ordinary already.
    """
    nobody = pwd.getpwnam("nobody")
    uid, gid = (nobody.pw_uid, nobody.pw_gid) if ROOT else (os.geteuid(), os.getegid())
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, uid, gid)
    packages = packages_for_everybody(place / "packages")
    process = holder(home / "c", uid=uid if ROOT else 0, gid=gid, source=packages)
    assert int(first_line(process)) > 0
    assert {(home / "c").stat().st_uid, (home / "c/data").stat().st_uid} == {uid}
    process.communicate("")
    assert process.returncode == 0
    EmbeddedPostgres(home / "c").remove()


def test_a_closed_home_stays_closed_and_the_data_move_out(
    cluster: Cluster, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To plant: parents opened with chmod; the way out not recorded; `remove` forgets it."""
    monkeypatch.setattr(_places, "STATE", place / "state")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    one = cluster(home / "c", durable=True)
    one.start()
    remember(one)
    one.stop()
    data = (home / "c/data").resolve()
    assert data.is_relative_to(place / "state" if ROOT else home / "c")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    again = cluster(home / "c", durable=True)
    again.start()
    assert kept(again) == 42
    again.remove()
    assert not data.exists()
    assert not (home / "c").exists()


def test_binaries_in_a_closed_home_are_copied_once(
    cluster: Cluster, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To plant: the copy without the wheel's libraries; a copy that keeps mode 0700."""
    wheel = find_binaries(18).parents[1]
    closed = tmp_path / "site-packages"
    closed.mkdir(mode=0o700)
    shutil.copytree(wheel / "pginstall18", closed / wheel.name / "pginstall18")
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), closed / f"{wheel.name}.libs")
    binaries = closed / wheel.name / "pginstall18/bin"
    state = place / "state"
    monkeypatch.setattr(_places, "STATE", state)
    monkeypatch.setattr(_cluster, "find_binaries", lambda _: binaries)
    one = cluster()
    one.start()
    assert ask(one, "SELECT 1") == 1
    first = _binaries.reachable_binaries(binaries, account(), _places.state_folder)
    assert first.is_relative_to(state if ROOT else closed)
    copies = sorted(state.rglob("postgres"))
    assert len(copies) == (1 if ROOT else 0)


def test_a_socket_folder_that_is_no_longer_ours_alone_is_not_used(
    lasting: EmbeddedPostgres,
) -> None:
    """To plant: `_is_private` always True; a server on a lost socket is joined, not replaced."""
    lost = lasting._places.socket_folder()
    lost.chmod(0o777)
    lasting.start()
    used = lasting._places.socket_folder()
    assert used != lost
    assert stat.S_IMODE(used.stat().st_mode) == 0o700
    assert kept(lasting) == 42
    shutil.rmtree(lost)
    shutil.rmtree(used)
    lasting.start()
    assert kept(lasting) == 42


def test_a_temporary_folder_too_long_for_a_socket_is_passed_over(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To plant: the length not looked at; PostgreSQL then refuses the path."""
    long = place / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = _places._make_socket_folder(account())
    assert len(str(folder / ".s.PGSQL.5432")) <= 103
    folder.rmdir()
    monkeypatch.setattr(_places, "LONGEST_SOCKET", 10)
    with pytest.raises(NoSocketFolder):
        _places._make_socket_folder(account())


def test_a_version_that_the_wheel_lacks_is_named() -> None:
    """To plant: a path made up from the number."""
    assert (find_binaries(16) / "initdb").exists()
    with pytest.raises(BinariesMissing, match="PostgreSQL 17"):
        find_binaries(17)
