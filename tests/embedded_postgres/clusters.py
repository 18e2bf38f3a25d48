"""What the tests of the embedded PostgreSQL do to a cluster, and ask of it."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import psycopg

from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.embedded_postgres._account import Account
from recovery_service.embedded_postgres._binaries import find_binaries

ROOT = os.geteuid() == 0
ROLES = ("recovery_migrator", "recovery_app", "recovery_worker", "recovery_backup")


class Cluster(Protocol):
    """The fixture that makes clusters; without a folder always in the same one."""

    def __call__(
        self, folder: Path | None = None, *, version: int = 18, durable: bool = False
    ) -> EmbeddedPostgres: ...


def connect(
    postgres: EmbeddedPostgres, role: str = "postgres", database: str = "postgres"
) -> psycopg.Connection[tuple[object, ...]]:
    url = postgres.url(database, role).replace("+psycopg", "")
    return psycopg.connect(url, autocommit=True)


def ask(
    postgres: EmbeddedPostgres, query: str, role: str = "postgres", database: str = "postgres"
) -> object:
    with connect(postgres, role, database) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def remember(postgres: EmbeddedPostgres) -> None:
    with connect(postgres) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")


def kept(postgres: EmbeddedPostgres) -> object:
    return ask(postgres, "SELECT answer FROM kept")


def postmaster(folder: Path) -> int:
    return int((folder / "data/postmaster.pid").read_text().splitlines()[0])


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def account() -> Account:
    """Return who runs a new cluster here."""
    return Account.for_data(Path("/nowhere"))


PROCESS = """
import os, sys
from pathlib import Path
sys.path.insert(0, {source!r})
from recovery_service.embedded_postgres import EmbeddedPostgres
if {uid}:
    os.setgroups([]); os.setgid({gid}); os.setuid({uid})
one = EmbeddedPostgres(Path({folder!r}), durable=False)
one.start()
print((Path({folder!r}) / "data/postmaster.pid").read_text().splitlines()[0], flush=True)
sys.stdin.read()
one.stop()
"""


SOURCE = Path(__file__).parents[2]


def packages_for_everybody(folder: Path) -> Path:
    """Copy what a cluster needs to where anybody can read it, and return that folder.

    A checkout may lie where its owner alone can pass.
    """
    wheel = find_binaries(18).parents[1]
    shutil.copytree(wheel, folder / wheel.name)
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), folder / f"{wheel.name}.libs")
    ours = Path("recovery_service")
    shutil.copytree(SOURCE / ours / "embedded_postgres", folder / ours / "embedded_postgres")
    shutil.copy(SOURCE / ours / "__init__.py", folder / ours)
    return folder


def holder(
    folder: Path, *, uid: int = 0, gid: int = 0, source: Path = SOURCE
) -> subprocess.Popen[str]:
    """Start another process that starts the cluster, and stops it when its input ends."""
    script = PROCESS.format(source=str(source), folder=str(folder), uid=uid, gid=gid)
    return subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
