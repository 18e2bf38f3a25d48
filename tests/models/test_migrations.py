"""Migrations: one line of them, forward, and at its end exactly the tables of the models.

The comparison is of the catalogues of two databases, one migrated and one made from the
models. It sees what autogenerate does not: CHECK constraints and what they say.
"""

import io
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool, text

from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.migrations import configuration, upgrade
from recovery_service.models import Base
from tests.models.rows import valid_rows

pytestmark = pytest.mark.database

_OURS = "c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'alembic%'"
CATALOGUES = {
    "columns": f"""
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity, pg_get_expr(d.adbin, d.adrelid)
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE {_OURS} AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraints": f"""
        SELECT c.relname, k.conname, k.contype, pg_get_constraintdef(k.oid), k.convalidated
          FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid WHERE {_OURS}""",
    "indexes": f"""
        SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_class c
         WHERE {_OURS} AND c.relkind = 'i'""",
    "tables": f"SELECT c.relname, c.reloptions FROM pg_class c WHERE {_OURS} AND relkind = 'r'",
}


@contextmanager
def connected(postgres: EmbeddedPostgres, database: str, role: str) -> Iterator[Connection]:
    engine = create_engine(postgres.url(database, role), poolclass=pool.NullPool)
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def from_models(postgres: EmbeddedPostgres) -> Iterator[str]:
    name = f"models_{uuid4().hex[:12]}"
    postgres.create_database(name)
    with connected(postgres, name, "recovery_migrator") as connection:
        Base.metadata.create_all(connection)
        connection.commit()
    yield name
    postgres.drop_database(name)


@pytest.mark.parametrize("what", sorted(CATALOGUES))
def test_the_migrated_database_is_that_of_the_models(
    postgres: EmbeddedPostgres, own_database: str, from_models: str, what: str
) -> None:
    found = []
    for database in (own_database, from_models):
        with connected(postgres, database, "recovery_migrator") as connection:
            rows = connection.execute(text(CATALOGUES[what])).all()
            found.append(sorted(map(str, rows)))
    assert found[0] == found[1]
    assert len(found[0]) >= len(Base.metadata.tables)


def test_autogenerate_finds_nothing_to_add(postgres: EmbeddedPostgres, own_database: str) -> None:
    with connected(postgres, own_database, "recovery_migrator") as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_revisions_are_one_line() -> None:
    scripts = ScriptDirectory.from_config(configuration("unused"))
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1
    for revision in scripts.walk_revisions():
        assert revision.down_revision is None or isinstance(revision.down_revision, str)
        assert not revision.branch_labels
        with pytest.raises(NotImplementedError):
            revision.module.downgrade()


def test_an_upgrade_of_a_populated_database_keeps_every_row(
    postgres: EmbeddedPostgres, own_database: str
) -> None:
    rows = valid_rows()
    with connected(postgres, own_database, "recovery_app") as connection:
        scope = text("SELECT set_config('app.clinic_id', :clinic, true)")
        connection.execute(scope, {"clinic": str(rows["clinic"]["id"])})
        for table in Base.metadata.sorted_tables:
            connection.execute(table.insert().values(**rows[table.name]))
        connection.commit()
    before = everything(postgres, own_database)
    upgrade(postgres.url(own_database, "recovery_migrator"))
    upgrade(postgres.url(own_database, "recovery_migrator"))
    assert everything(postgres, own_database) == before
    assert all(len(found) == 1 for found in before.values())


def everything(postgres: EmbeddedPostgres, database: str) -> dict[str, list[Any]]:
    """Return all rows of all tables, as a backup sees them."""
    with connected(postgres, database, "recovery_backup") as connection:
        return {
            name: [tuple(row) for row in connection.execute(table.select())]
            for name, table in Base.metadata.tables.items()
        }


def sql_of_all_migrations() -> str:
    config = configuration("postgresql+psycopg://")
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    return config.output_buffer.getvalue()


def test_a_database_can_be_migrated_by_a_script(postgres: EmbeddedPostgres) -> None:
    """An operator may read the statements first, and run them by hand."""
    name = f"by_hand_{uuid4().hex[:12]}"
    postgres.create_database(name)
    try:
        with connected(postgres, name, "recovery_migrator") as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.autocommit = True  # as psql runs a script, one statement after another
            for statement in sql_of_all_migrations().split(";\n\n"):
                driver.execute(statement)
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, Base.metadata) == []
    finally:
        postgres.drop_database(name)


def test_the_linter_finds_no_statement_that_locks_for_long(tmp_path: Path) -> None:
    squawk = shutil.which("squawk", path=sysconfig.get_path("scripts"))
    assert squawk is not None
    script = tmp_path / "migrations.sql"
    script.write_text(sql_of_all_migrations(), encoding="utf-8")
    # Lengths and 32-bit numbers are chosen: they are part of what each column may hold.
    # A backfill may take its time; what must be short is the wait for a lock.
    chosen = (
        "prefer-text-field,prefer-bigint-over-int,prefer-bigint-over-smallint,"
        "prefer-robust-stmts,require-statement-timeout"
    )
    found = subprocess.run(
        [squawk, "--pg-version=16", f"--exclude={chosen}", str(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
