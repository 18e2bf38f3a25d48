"""Log lines: constant event names, known keys, identifiers only.

Health data never reaches a log. That is kept by an allow-list rather than by
care: a key that is not in ``KEYS`` and a value that is not a plain token are
replaced before a line is written, whoever wrote it. What libraries log passes
the same gate: the template of their message is kept, its arguments are not.
"""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from datetime import date
from pathlib import PurePath
from time import perf_counter
from typing import Any, Literal, TextIO, cast
from uuid import UUID, uuid4

import orjson
import structlog
from flask import Flask, Response, g, has_request_context, request

WITHHELD = "[withheld]"

# What a line may carry, besides identifiers (any key that ends in `_id`).
# Before a key goes in here: could its value ever say how a person is?
KEYS = frozenset(
    {
        # written by this module
        "event",
        "level",
        "timestamp",
        "request_id",
        "method",
        "route",
        "status",
        "ms",
        "error",
        "caused_by",
        "frames",
        "library",
        "template",
        "at",
        # what happened, and how often
        "action",
        "attempts",
        "cancelled",
        "channel",
        "claimed",
        "code",
        "count",
        "deleted",
        "expired",
        "failed",
        "limit",
        "materialised",
        "missed",
        "moved",
        "purged",
        "repeated",
        "retired",
        "retry_after",
        "role",
        "seconds",
        "sent",
        "skipped",
        "source",
        "swept",
        "uncertain",
        # processes
        "environment",
        "host",
        "pid",
        "port",
        "revision",
        "server",
        "threads",
        "tick",
        "version",
        "worker",
        "workers",
    }
)

_NAME = re.compile(r"[a-z][a-z0-9_]{1,63}")
_TOKEN = re.compile(r"[!-~]{0,200}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_FRAMES_KEPT = 40

EventDict = MutableMapping[str, Any]

access_log = structlog.get_logger("access")


def configure_logs(
    form: Literal["json", "console"] = "json", *, level: str = "INFO", stream: TextIO | None = None
) -> None:
    """Set up every logger of the process; a later call replaces the earlier.

    Lines go to `stream`, by default to standard error, so that what commands
    print stays their own. Libraries are heard from WARNING on.
    """
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_as_json)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _failure_without_values,
            withhold,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream or cast("TextIO", StandardError())),
        cache_logger_on_first_use=False,
    )
    _hear_libraries()


class StandardError:
    """Standard error as it is at the moment of writing, not of set-up."""

    def write(self, text: str) -> int:
        """Write to what `sys.stderr` is now."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush what `sys.stderr` is now."""
        sys.stderr.flush()


def _as_json(event: EventDict, **_: object) -> str:
    return orjson.dumps(event).decode()


def withhold(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace whatever is not known to be harmless."""
    return {
        key if _NAME.fullmatch(key) else WITHHELD: _harmless(key, value)
        for key, value in event.items()
    }


def _harmless(key: str, value: Any) -> Any:
    if key == "event":
        return value if isinstance(value, str) and _NAME.fullmatch(value) else WITHHELD
    if key == "template":
        return _CONTROL.sub(" ", str(value))[:300]
    if key in KEYS:
        return _plain(value)
    if key.endswith("_id") and _NAME.fullmatch(key) and isinstance(value, int | str | UUID | None):
        return _plain(value)
    return WITHHELD


def _plain(value: Any) -> Any:
    """Let through numbers, instants and single words; not prose, not structures."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, UUID | date):
        return str(value)
    if isinstance(value, str):
        return str(value) if _TOKEN.fullmatch(value) else WITHHELD
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value[:_FRAMES_KEPT]]
    return WITHHELD


def _failure_without_values(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Turn `exc_info` into types and places; messages and locals may hold anything."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event.update(failure(error))
    return event


def failure(error: BaseException) -> dict[str, Any]:
    """Describe an error without its message, arguments or local variables.

    Gives `error` and `caused_by` (names of types) and `frames` (file, line and
    function, the innermost last).
    """
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < _FRAMES_KEPT:
        causes.append(_type_name(cause))
        cause = cause.__cause__ or cause.__context__
    stack = traceback.extract_tb(error.__traceback__)[-_FRAMES_KEPT:]
    return {
        "error": _type_name(error),
        "caused_by": causes,
        "frames": [f"{_short(frame.filename)}:{frame.lineno}:{frame.name}" for frame in stack],
    }


def _type_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _short(path: str) -> str:
    return "/".join(PurePath(path).parts[-3:])


class LibraryLines(logging.Handler):
    """Passes on what libraries log: the template, and where it was written."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a message without a template is withheld.

        Without arguments the text is already composed, so it may hold values;
        the file and line are enough to find it.
        """
        structlog.get_logger().log(
            record.levelno,
            "library_logged",
            library=record.name,
            template=record.msg if record.args else WITHHELD,
            at=f"{_short(record.pathname)}:{record.lineno}",
            exc_info=record.exc_info,
        )


def _hear_libraries() -> None:
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, LibraryLines)]:
        root.removeHandler(handler)
    root.addHandler(LibraryLines())
    root.setLevel(logging.WARNING)


def init_logs(app: Flask) -> None:
    """Give each request an id and each answer one line. Call before all other hooks."""
    app.before_request(_begin)
    app.after_request(_end)


def request_id() -> str:
    """Return the id of the current request; the client may have chosen it."""
    if not has_request_context():
        return uuid4().hex
    if "request_id" not in g:
        g.request_id = _chosen_by_client() or uuid4().hex
    return str(g.request_id)


def _chosen_by_client() -> str | None:
    chosen = request.headers.get("X-Request-Id", "")
    return chosen if _CLIENT_REQUEST_ID.fullmatch(chosen) else None


def _begin() -> None:
    g.request_started = perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id())


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    rule = request.url_rule
    access_log.info(
        "request_answered",
        method=request.method,
        # The rule, never the path: paths carry ids, and queries carry anything.
        route=rule.rule if rule else "unmatched",
        status=response.status_code,
        ms=round((perf_counter() - g.get("request_started", perf_counter())) * 1000, 1),
    )
    return response
