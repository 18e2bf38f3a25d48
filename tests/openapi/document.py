"""The OpenAPI document of the whole service, without a database to serve it from."""

import json
from typing import Any

from flask import Flask

from config.settings import Settings
from recovery_service.app import create_app
from recovery_service.clock import ManualClock
from tests.conftest import MONDAY, SECRET

_NOWHERE = "postgresql://nobody@localhost:1/none"


def whole_app() -> Flask:
    """Return the application; it connects to nothing before it is asked for rows."""
    environ = {
        "RECOVERY_ENVIRONMENT": "test",
        "RECOVERY_SECRET_KEY": SECRET,
        "RECOVERY_DATABASE_URL": _NOWHERE,
        "RECOVERY_WORKER_DATABASE_URL": _NOWHERE,
        "RECOVERY_MIGRATOR_DATABASE_URL": _NOWHERE,
        "RECOVERY_BASE_URL": "https://recovery.example",
        "RECOVERY_LOG_LEVEL": "WARNING",
    }
    return create_app(Settings.from_environ(environ), clock=ManualClock(MONDAY))


def served_by(app: Flask) -> dict[str, Any]:
    """Return the document as `GET /api/v1/openapi.json` answers it."""
    document: dict[str, Any] = json.loads(app.test_client().get("/api/v1/openapi.json").data)
    return document
