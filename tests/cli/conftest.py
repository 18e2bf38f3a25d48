"""Commands as they are called, in this process, on a database of their own."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from recovery_service.cli import main
from recovery_service.embedded_postgres import EmbeddedPostgres
from tests.conftest import environ_for

Call = Callable[..., Result]


@pytest.fixture
def call(postgres: EmbeddedPostgres, own_database: str) -> Call:
    """Return a way to call a command; keyword arguments are variables of the environment."""
    environ = environ_for(postgres, own_database)

    def run(*arguments: str, typed: str | None = None, **changes: str | None) -> Result:
        return CliRunner().invoke(
            main, arguments, input=typed, env={**environ, **changes}, prog_name="recovery-service"
        )

    return run
