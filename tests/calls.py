"""Requests that stand on their own, for tests that hold the application's context open."""

from collections.abc import Callable
from contextvars import Context
from datetime import datetime
from typing import Any

from flask.testing import FlaskClient


class Caller:
    """Sends requests as one person, each with a token of its own: tests move the clock.

    Flask lets a request share the context that a test holds, and with it the instant
    that an earlier request took; so each request is sent from an empty context.
    """

    def __init__(self, client: FlaskClient, bearer: Callable[[], dict[str, str]]) -> None:
        self._client = client
        self._bearer = bearer

    def __call__(self, method: str, path: str, **options: Any) -> Any:
        """Send a request below the base path and return its response."""
        headers = self._bearer() | options.pop("headers", {})
        path = f"/api/v1{path}"
        return Context().run(self._client.open, path, method=method, headers=headers, **options)


def at(text: str) -> datetime:
    """Return the instant that an answer names."""
    return datetime.fromisoformat(text)
