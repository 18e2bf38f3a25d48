"""Rows of two clinics, stored once for all tests of the tables."""

from collections.abc import Iterator

import pytest
from flask import Flask

from recovery_service.database import transaction
from tests.models.rows import Rows, store, valid_rows


@pytest.fixture(scope="module")
def stored(shared_app: Flask) -> Iterator[tuple[Rows, Rows]]:
    """Return the rows of two clinics, one in each table; tests roll back what they add."""
    both = (valid_rows(), valid_rows())
    with shared_app.app_context():
        for rows in both:
            with transaction(rows["clinic"]["id"]) as session:
                store(session, rows)
        yield both
