"""What an operator can put right is one clear message with status 2, never a traceback."""

from secrets import token_urlsafe

import pytest
from click.testing import Result
from sqlalchemy import create_engine, text

from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.migrations import upgrade
from tests.cli.conftest import Call

COMMANDS = (
    ("web",),
    ("worker",),
    ("db", "upgrade"),
    ("reminders", "tick"),
    ("reminders", "status"),
)


def refusal(result: Result) -> str:
    """Return what was said; a traceback would be another exception than the exit."""
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_missing_setting_is_named_at_once(call: Call, command: tuple[str, ...]) -> None:
    """To plant: a command that reads its settings outside the group's invoke."""
    told = refusal(call(*command, RECOVERY_SECRET_KEY=None, RECOVERY_DATABASE_URL=None))
    assert "RECOVERY_SECRET_KEY" in told
    assert "RECOVERY_DATABASE_URL" in told


def test_a_secret_is_never_repeated(call: Call) -> None:
    """To plant: the value in the reason."""
    told = refusal(call("worker", RECOVERY_SECRET_KEY="short-and-secret"))
    assert "RECOVERY_SECRET_KEY" in told
    assert "short-and-secret" not in told


@pytest.mark.parametrize("command", COMMANDS[:1] + COMMANDS[3:], ids=" ".join)
def test_a_database_that_is_away_is_said_without_its_password(
    call: Call, command: tuple[str, ...]
) -> None:
    """To plant: OperationalError passed through."""
    away = "postgresql://recovery_app:swordfish@127.0.0.1:9/recovery"
    told = refusal(call(*command, RECOVERY_DATABASE_URL=away, RECOVERY_WORKER_DATABASE_URL=away))
    assert "the database cannot be reached" in told
    assert "swordfish" not in told


def test_tables_that_are_not_made_are_said_with_the_command_that_makes_them(
    postgres: EmbeddedPostgres, own_database: str, call: Call
) -> None:
    """To plant: `require_migrated` that compares nothing."""
    bare = f"{own_database}_bare"
    postgres.create_database(bare)
    urls = {
        "RECOVERY_DATABASE_URL": postgres.url(bare, "recovery_app"),
        "RECOVERY_WORKER_DATABASE_URL": postgres.url(bare, "recovery_worker"),
        "RECOVERY_MIGRATOR_DATABASE_URL": postgres.url(bare, "recovery_migrator"),
    }
    try:
        for command in ("web", "worker"):
            assert "recovery-service db upgrade" in refusal(call(command, **urls))
        assert call("db", "upgrade", **urls).output == "the database is up to date\n"
        assert call("reminders", "tick", **urls).output == "nothing was due\n"
        assert call("db", "upgrade", **urls).exit_code == 0
    finally:
        postgres.drop_database(bare)


def test_tables_of_a_newer_version_are_not_touched(
    postgres: EmbeddedPostgres, own_database: str, call: Call
) -> None:
    """To plant: an unknown revision taken for an old one."""
    upgrade(postgres.url(own_database, "recovery_migrator"))
    engine = create_engine(postgres.url(own_database, "recovery_migrator"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert "newer version" in refusal(call("reminders", "status"))


def test_a_server_that_may_forget_is_refused_outside_tests(call: Call) -> None:
    """The suite's server runs with fsync off. To plant: `durable=False` everywhere."""
    environ = {"RECOVERY_ENVIRONMENT": "development", "RECOVERY_SECRET_KEY": token_urlsafe(48)}
    told = refusal(call("reminders", "status", **environ))
    assert "fsync = off" in told


def test_the_demo_does_not_pretend_to_use_another_database(call: Call) -> None:
    """To plant: a demo that ignores the variable."""
    assert "brings its own database" in refusal(call("demo"))
