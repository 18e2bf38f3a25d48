"""The phone of these tests."""

from collections.abc import Iterator

import pytest

from tests.safety_rules.phone import Phone, started


@pytest.fixture(scope="session")
def phone() -> Iterator[Phone]:
    """Return the reference evaluator, started once."""
    with started() as running:
        yield running
