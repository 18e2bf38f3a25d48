"""Errors as clients see them: problem+json under /api, a page elsewhere.

One table maps each family of `recovery_service.errors` to its HTTP status.
Nothing that an exception says about itself leaves the process unless it is one
of ours: a driver's text carries statements and parameters.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import marshmallow
import orjson
import psycopg
import sqlalchemy.exc
import structlog
from flask import Flask, Response, current_app, render_template_string, request
from werkzeug.exceptions import HTTPException

from recovery_service import errors, logs
from recovery_service.errors import FieldError, RecoveryError

log = structlog.get_logger()

PROBLEM = "application/problem+json"
#: Where what waits for an approval is read and approved.
REGISTER = '</api/v1/content-approvals>; rel="related"'
EXTENSION = "recovery-errors"

STATUS: Mapping[type[RecoveryError], int] = {
    RecoveryError: 500,
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.Invalid: 422,
    errors.PreconditionRequired: 428,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
}
_FAMILY = {status: family for family, status in STATUS.items()}
_RETRY_AFTER = 5

Title = Callable[[str], str | None]
Page = Callable[["Problem"], str]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What the client is told, whatever the representation."""

    status: int
    code: str
    title: str
    detail: str
    request_id: str
    errors: tuple[FieldError, ...] = ()
    stored: Mapping[str, Any] | None = None
    members: Mapping[str, Any] = field(default_factory=dict)
    etag: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the members of RFC 9457 and ours."""
        told: dict[str, Any] = {
            "type": f"/docs/api#code-{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail or self.title,
            "code": self.code,
            "request_id": self.request_id,
        }
        told |= self.members
        if self.errors:
            told["errors"] = [each._asdict() for each in self.errors]
        if self.stored is not None:
            told["stored"] = self.stored
        if self.etag is not None:
            told["etag"] = self.etag
        return told


def status_of(error: type[RecoveryError]) -> int:
    """Return the HTTP status of a class, by the nearest family above it."""
    return next(STATUS[family] for family in error.__mro__ if family in STATUS)


def english_title(_code: str) -> None:
    """Leave the title as the error tree has it, in English."""


def init_errors(app: Flask, *, title: Title = english_title, page: Page | None = None) -> None:
    """Answer every error of the app from here.

    `title` gives the text of a code in the language of the request, or None to
    keep the English one. `page` renders a problem as HTML for a browser.
    """
    app.extensions[EXTENSION] = (title, page or plain_page)
    app.register_error_handler(RecoveryError, answer_refusal)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(marshmallow.ValidationError, _answer_invalid)
    app.register_error_handler(sqlalchemy.exc.SQLAlchemyError, _answer_database)
    app.register_error_handler(psycopg.Error, _answer_database)
    app.register_error_handler(Exception, _answer_unexpected)


def answer_refusal(error: RecoveryError) -> Response:
    """Answer the current request with a refusal."""
    status = status_of(type(error))
    if status == STATUS[RecoveryError]:
        return _answer_unexpected(error)
    headers = {}
    if isinstance(error, errors.TooManyRequests | errors.Unavailable | errors.StillRunning):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.RevisionStale):
        headers["ETag"] = f'"{error.current}"'
    if isinstance(error, errors.ContentNotApproved):
        headers["Link"] = REGISTER
    return _answer(type(error), status, error.detail, headers, error=error)


def _answer_http(error: HTTPException) -> Response | HTTPException:
    status = error.code
    if status is None or status < 400:  # noqa: PLR2004 - a redirect is no error
        return error
    family = _FAMILY.get(status, errors.Malformed if status < 500 else RecoveryError)  # noqa: PLR2004
    kept = {
        name: value
        for name, value in error.get_headers()
        if name in {"Allow", "Retry-After", "WWW-Authenticate", "Content-Range"}
    }
    return _answer(family, status, "", kept)


def _answer_invalid(error: marshmallow.ValidationError) -> Response:
    return answer_refusal(errors.Invalid(errors=field_errors(error.messages)))


def _answer_database(error: Exception) -> Response:
    if not is_passing(error):
        return _answer_unexpected(error)
    log.error("database_unavailable", **logs.failure(error))
    return answer_refusal(errors.Unavailable(_RETRY_AFTER))


def is_passing(error: Exception) -> bool:
    """Tell whether a database error goes away by waiting.

    psycopg's OperationalError is a connection that is gone, a statement or lock
    that took too long, or a server that is starting, stopping or full.
    """
    if isinstance(error, sqlalchemy.exc.TimeoutError):  # the pool is exhausted
        return True
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        if error.connection_invalidated:
            return True
        return isinstance(error.orig, psycopg.OperationalError)
    return isinstance(error, psycopg.OperationalError)


def _answer_unexpected(error: Exception) -> Response:
    log.error("request_failed", **logs.failure(error))
    return _answer(RecoveryError, STATUS[RecoveryError], "", {})


def _answer(
    kind: type[RecoveryError],
    status: int,
    detail: str,
    headers: Mapping[str, str],
    *,
    error: RecoveryError | None = None,
) -> Response:
    title, page = current_app.extensions[EXTENSION]
    stored = getattr(error, "stored", None)
    problem = Problem(
        status=status,
        code=kind.code,
        title=title(kind.code) or kind.meaning(),
        detail=detail,
        request_id=logs.request_id(),
        errors=error.errors if error else (),
        stored=stored if isinstance(stored, Mapping) else None,
        members=getattr(error, "members", {}),
        etag=headers.get("ETag"),
    )
    response = (
        Response(orjson.dumps(problem.as_json()), content_type=PROBLEM)
        if wants_problem_json()
        else Response(page(problem), content_type="text/html; charset=utf-8")
    )
    response.status_code = status
    response.headers.update(headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def wants_problem_json() -> bool:
    """Tell whether the current request is a program's rather than a browser's."""
    if request.path == "/api" or request.path.startswith("/api/"):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json", PROBLEM])
    return best != "text/html"


PLAIN_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ problem.status }} {{ problem.title }}</title>
</head>
<body>
<main>
<h1>{{ problem.title }}</h1>
{% if problem.detail %}<p>{{ problem.detail }}</p>{% endif %}
{% if problem.errors %}<ul>
{% for each in problem.errors %}<li>{{ each.message }}</li>
{% endfor %}</ul>{% endif %}
<p>If you ask for help, give this number: <code>{{ problem.request_id }}</code></p>
<p><a href="/">Go to the start page</a></p>
</main>
</body>
</html>
"""


def plain_page(problem: Problem) -> str:
    """Render a problem as a page that needs no style sheet and no script."""
    return render_template_string(PLAIN_PAGE, problem=problem)


def field_errors(
    messages: Any, schema: marshmallow.Schema | None = None, *, query: bool = False
) -> list[FieldError]:
    """Flatten the messages of marshmallow into pointers.

    Give the schema where it is known: a dictionary field reports its keys and
    values under "key" and "value", which are no parts of the document.
    """
    pairs = _flatten(messages, schema, "")
    if not query:
        return [FieldError(pointer, message) for pointer, message in pairs]
    return [FieldError("?" + pointer.removeprefix("/"), message) for pointer, message in pairs]


def _flatten(messages: Any, place: object, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            if key == "_schema" or (key in {"key", "value"} and isinstance(place, _Entry)):
                yield from _flatten(below, _inside_entry(place, key), pointer)
            else:
                yield from _flatten(below, _below(place, key), f"{pointer}/{_escaped(key)}")
    elif isinstance(messages, Iterable) and not isinstance(messages, str):
        for message in messages:
            yield from _flatten(message, place, pointer)
    else:
        yield pointer, str(messages)


@dataclass(frozen=True)
class _Entry:
    """One entry of a dictionary field."""

    field: marshmallow.fields.Dict


def _inside_entry(place: object, key: str) -> object:
    return place.field.value_field if isinstance(place, _Entry) and key == "value" else place


def _below(place: object, key: object) -> object:
    """Return the field or schema that reports at `key` below `place`."""
    if isinstance(place, marshmallow.fields.Nested):
        place = place.schema
    if isinstance(place, marshmallow.Schema):
        named = (f for name, f in place.load_fields.items() if (f.data_key or name) == key)
        return next(named, None)
    if isinstance(place, marshmallow.fields.List):
        return place.inner
    if isinstance(place, marshmallow.fields.Dict):
        return _Entry(place)
    return None


def _escaped(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")
