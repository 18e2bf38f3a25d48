"""Installations on a database of their own."""

from collections.abc import Iterator

import pytest

from recovery_service.embedded_postgres import EmbeddedPostgres
from tests.conftest import environ_for
from tests.e2e.installation import Installation


@pytest.fixture
def place(postgres: EmbeddedPostgres, own_database: str) -> Iterator[Installation]:
    """Return an installation whose processes a test starts; they are gone afterwards."""
    with Installation(environ_for(postgres, own_database)) as installation:
        yield installation
