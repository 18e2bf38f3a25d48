"""Requests that stand on their own, for tests that hold the application's context open."""

from collections.abc import Callable
from contextvars import Context
from datetime import datetime
from typing import Any
from uuid import uuid4

from flask.testing import FlaskClient
from werkzeug.datastructures import Headers


class PoliteClient(FlaskClient):
    """Sends with each request what every client of the API has to, unless the test does.

    A POST has an Idempotency-Key of its own, and an edit is of whatever stands. A header that
    is given as None is left out.
    """

    def open(self, *args: Any, **options: Any) -> Any:
        """Send a request."""
        method = str(options.get("method", "GET")).upper()
        if not args or isinstance(args[0], str):
            given = options.get("headers") or {}
            named = {name.lower(): value for name, value in Headers(_told(given))}
            left_out = {name.lower() for name, value in dict(given).items() if value is None}
            headers = Headers(_told(given))
            for name, value in _usual(method).items():
                if name.lower() not in named.keys() | left_out:
                    headers[name] = value
            options["headers"] = headers
        return super().open(*args, **options)


def _told(given: Any) -> list[tuple[str, str]]:
    pairs = given.items() if hasattr(given, "items") else given
    return [(name, value) for name, value in pairs if value is not None]


def _usual(method: str) -> dict[str, str]:
    if method == "POST":
        return {"Idempotency-Key": f'"{uuid4()}"'}
    return {"If-Match": "*"} if method in {"PATCH", "PUT", "DELETE"} else {}


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
