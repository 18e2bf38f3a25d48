"""A running cluster: its settings, roles, databases and log.

"Planted" names a defect that was seen to turn the test red, "To plant" one to try.
"""

import re
import stat
import time
from pathlib import Path

import psycopg
import pytest

from recovery_service.embedded_postgres import (
    ClusterMissing,
    DatabaseNameInvalid,
    EmbeddedPostgres,
    StatementRefused,
)
from tests.embedded_postgres.clusters import ROLES, Cluster, ask, connect, kept, remember


@pytest.mark.parametrize("version", [16, 18])
def test_a_cluster_starts_and_keeps_its_data_over_a_stop(
    cluster: Cluster, place: Path, version: int
) -> None:
    """Planted: settings without `listen_addresses`; `durable` ignored; initdb without --locale."""
    one = cluster(version=version, durable=True)
    one.start()
    assert int(str(ask(one, "SHOW server_version_num"))) // 10000 == version
    assert ask(one, "SELECT encoding || datcollate FROM pg_database LIMIT 1") == "6C.UTF-8"
    settings = ("listen_addresses", "fsync", "synchronous_commit", "full_page_writes", "TimeZone")
    assert [ask(one, f"SHOW {name}") for name in settings] == ["", "on", "on", "on", "UTC"]
    remember(one)
    one.stop()
    one.stop()
    assert not (place / "c/data/postmaster.pid").exists()
    one.start()
    assert kept(one) == 42


def test_a_start_is_quick_enough_to_be_part_of_every_command(cluster: Cluster) -> None:
    """To plant: a pause of three seconds between looks.

    Usually 0.02 s to join and 0.06 s to start again; generous, for a loaded machine. The
    first start is not timed: `initdb` waits for the disk.
    """
    one = cluster()
    one.start()
    before = time.monotonic()
    one.start()
    joined = time.monotonic() - before
    one.stop()
    before = time.monotonic()
    one.start()
    again = time.monotonic() - before
    assert max(joined, again) < 2.5, (joined, again)


def test_the_roles_are_what_row_level_security_needs(postgres: EmbeddedPostgres) -> None:
    """Planted: recovery_app with BYPASSRLS; recovery_backup without pg_read_all_data."""
    with connect(postgres, "recovery_migrator", "recovery") as migrator:
        migrator.execute(
            "CREATE SCHEMA own; CREATE TABLE note (id int); INSERT INTO note VALUES (1)"
        )
        migrator.execute("ALTER TABLE note ENABLE ROW LEVEL SECURITY")
        migrator.execute("GRANT SELECT ON note TO recovery_app, recovery_worker")
    query = "SELECT count(*) FROM note"
    seen = {role: ask(postgres, query, role, "recovery") for role in ROLES[1:]}
    assert seen == {"recovery_app": 0, "recovery_worker": 0, "recovery_backup": 1}
    mighty = "rolbypassrls OR rolsuper OR rolcreatedb OR rolcreaterole"
    query = f"SELECT {mighty} FROM pg_roles WHERE rolname = current_user"
    able = {role: ask(postgres, query, role, "recovery") for role in ROLES}
    assert able == dict.fromkeys(ROLES[:3], False) | {"recovery_backup": True}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(postgres, "CREATE TABLE mine (id int)", "recovery_app", "recovery")


@pytest.mark.parametrize("role", ["postgres", *ROLES])
def test_every_role_needs_its_own_password(postgres: EmbeddedPostgres, role: str) -> None:
    """Planted: initdb with --auth=trust; the same password for every role."""
    url = postgres.url("recovery", role).replace("+psycopg", "")
    other = postgres.url("recovery", "recovery_app" if role != "recovery_app" else "postgres")
    wrong = other.split("@")[0].rpartition(":")[2]
    for password in (wrong, "", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url, password=password)


def test_passwords_data_and_socket_are_closed_to_others(cluster: Cluster, place: Path) -> None:
    """Planted: credentials written with open(); the socket folder made with mkdir(0o755)."""
    cluster().start()
    folder = place / "c"
    modes = {
        name: stat.S_IMODE((folder / name).stat().st_mode)
        for name in ("credentials.json", "data", "socket")
    }
    assert modes == {"credentials.json": 0o600, "data": 0o700, "socket": 0o700}


def test_databases_come_from_templates_and_go_with_their_clients(
    postgres: EmbeddedPostgres,
) -> None:
    """Planted: no TEMPLATE clause; DROP without FORCE; names unquoted; PUBLIC not revoked."""
    odd = "recovery \"test' 1"
    postgres.create_database("model")
    ask(postgres, "SELECT 1; CREATE TABLE t (); SELECT 1", "recovery_migrator", "model")
    postgres.create_database(odd, template="model")
    assert ask(postgres, "SELECT count(*) FROM t", "recovery_migrator", odd) == 0
    opened = "SELECT datacl::text FROM pg_database WHERE datname LIKE 'recovery \"test%'"
    assert not re.search(r"[{,]=", str(ask(postgres, opened)))
    with connect(postgres, "recovery_app", odd):
        assert postgres.database_exists(odd)
        postgres.drop_database(odd)
    postgres.drop_database(odd)
    assert not postgres.database_exists(odd)
    with pytest.raises(StatementRefused) as refused:
        postgres.create_database("model")
    assert refused.value.sqlstate == "42P04"
    for name in ("", "x" * 64, "a\0b"):
        with pytest.raises(DatabaseNameInvalid):
            postgres.create_database(name)
    postgres.drop_database("model")


REFUSED = ("INSERT INTO said VALUES ('canary')", "SELECT 'canary'::int", "canary")


@pytest.mark.parametrize("role", ["postgres", *ROLES])
def test_the_words_of_a_failed_statement_stay_out_of_the_log(
    postgres: EmbeddedPostgres, role: str
) -> None:
    """To plant: log_statement all; no log_min_error_statement; no terse; roles' level not raised.

    The superuser's errors are logged, without statement and detail; the roles' are not.
    """
    with connect(postgres, role, "recovery") as connection:
        connection.execute("CREATE TEMP TABLE said (words text UNIQUE)")
        connection.execute("INSERT INTO said VALUES ('canary')")
        for statement in REFUSED[:1] if role == "postgres" else REFUSED:
            with pytest.raises(psycopg.Error, match="canary"):
                connection.execute(statement.encode())
    logs = [*postgres._places.real_data.glob("log/*"), postgres._places.start_log]
    assert len(logs) > 1
    assert not any(b"canary" in log.read_bytes() for log in logs)


def test_a_folder_without_a_cluster_says_so_and_is_not_made(tmp_path: Path) -> None:
    """To plant: `stop` and `remove` that make the folder; a KeyError from `url`."""
    none = EmbeddedPostgres(tmp_path / "none")
    for use in (lambda: none.url("recovery", "recovery_app"), lambda: none.database_exists("x")):
        with pytest.raises(ClusterMissing):
            use()
    none.stop()
    none.remove()
    assert not (tmp_path / "none").exists()
    with pytest.raises(ValueError, match="smart, fast, immediate"):
        none.stop("gently")
