"""The document that these tests read, made once."""

from typing import Any

import pytest
from flask import Flask

from tests.openapi.document import served_by, whole_app


@pytest.fixture(scope="session")
def service() -> Flask:
    return whole_app()


@pytest.fixture(scope="session")
def published(service: Flask) -> dict[str, Any]:
    return served_by(service)
