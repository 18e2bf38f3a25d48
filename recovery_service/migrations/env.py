"""Run migrations, as the role that owns the tables."""

from typing import Any, Literal

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, pool
from sqlalchemy.types import TypeDecorator

from recovery_service.models import Base

# A migration that waits for a lock lets everybody else wait behind it.
WAIT_FOR_LOCKS = "SET lock_timeout = '2s'"


def database_url() -> str:
    """Return the owner's URL: from the caller, otherwise from the application's settings."""
    given: str | None = context.config.attributes.get("database_url")
    return given or current_app.config["MIGRATOR_DATABASE_URL"]


def render_item(kind: str, value: Any, _autogen: object) -> str | Literal[False]:
    """Render our own column types as what they are stored as: migrations outlive our classes."""
    if kind == "type" and isinstance(value, TypeDecorator):
        return f"sa.{value.impl_instance!r}"
    return False


def run() -> None:
    """Migrate online; each migration is one transaction."""
    engine = create_engine(database_url(), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(WAIT_FOR_LOCKS)
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_item=render_item,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


def print_statements() -> None:
    """Write the statements instead of running them, for whoever wants to read them first."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=Base.metadata,
        render_item=render_item,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},  # any other would double each percent sign
        transaction_per_migration=True,
    )
    context.execute(WAIT_FOR_LOCKS)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    print_statements()
else:
    run()
