"""A durable PostgreSQL of the benchmark's own, and equal copies of one seeded database."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.migrations import upgrade

SECRET = "b3JkZXIgb2YgbWFnbml0dWRlLCBub3QgYSBzZWNyZXQ"
_COPIES: dict[str, int] = {}


@contextmanager
def durable_cluster(memory: str = "128MB") -> Iterator[EmbeddedPostgres]:
    """Start a server as production has it (fsync on) in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="recovery-benchmark-") as folder:
        # The server runs as an account of its own, which must be able to pass through.
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(Path(folder) / "postgres", durable=True, memory=memory)
        try:
            with server:
                yield server
        finally:
            server.remove()


def migrated(server: EmbeddedPostgres, name: str) -> str:
    """Make a database of the real schema, wall included; return its name."""
    server.create_database(name)
    upgrade(server.url(name, "recovery_migrator"))
    return name


@contextmanager
def copy_of(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    """Lend a fresh copy of a database, so that every round starts from the same state."""
    _COPIES[template] = number = _COPIES.get(template, 0) + 1
    name = f"{template}_{number}"
    server.create_database(name, template=template)
    try:
        with connected(server, name) as connection:
            connection.execute("CHECKPOINT")
        yield name
    finally:
        server.drop_database(name)


@contextmanager
def connected(
    server: EmbeddedPostgres, database: str, role: str = "postgres"
) -> Iterator[psycopg.Connection[Any]]:
    """Connect for statements that each stand alone; as superuser, before whom no wall stands."""
    with psycopg.connect(plain_url(server, database, role), autocommit=True) as connection:
        yield connection


def plain_url(server: EmbeddedPostgres, database: str, role: str) -> str:
    """Return a URL as libpq and asyncpg read it."""
    return server.url(database, role).replace("postgresql+psycopg://", "postgresql://")


def settle(server: EmbeddedPostgres, database: str) -> None:
    """Give the planner its statistics and set every hint bit, as a quiet database has them."""
    with connected(server, database) as connection:
        connection.execute("VACUUM (FREEZE, ANALYZE)")


def environment_for(server: EmbeddedPostgres, database: str) -> dict[str, str]:
    """Return the environment of the service on a database, as in production."""
    return {
        "RECOVERY_ENVIRONMENT": "production",
        "RECOVERY_SECRET_KEY": SECRET,
        "RECOVERY_DATABASE_URL": server.url(database, "recovery_app"),
        "RECOVERY_WORKER_DATABASE_URL": server.url(database, "recovery_worker"),
        "RECOVERY_MIGRATOR_DATABASE_URL": server.url(database, "recovery_migrator"),
    }
