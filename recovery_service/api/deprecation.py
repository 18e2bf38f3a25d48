"""Routes on their way out: one declaration, told in the answer and in the document.

`Deprecation` is RFC 9745 (a structured date, seconds since the epoch), `Sunset` RFC 8594 (an HTTP
date). What may be announced when is the rule of `docs/api_changes.md`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from flask import Flask, Response, current_app, request
from werkzeug.http import http_date

View = TypeVar("View", bound=Callable[..., Any])
SHORTEST_NOTICE = timedelta(days=180)
_MARK = "recovery_deprecation"


@dataclass(frozen=True, kw_only=True)
class Deprecation:
    """Since when a route is deprecated, when it goes, and what replaces it (a path or address)."""

    since: date
    sunset: date
    instead: str

    def __post_init__(self) -> None:
        """Refuse a notice shorter than the one that clients are promised."""
        if self.sunset - self.since < SHORTEST_NOTICE:
            raise ValueError(f"a route stays for {SHORTEST_NOTICE.days} days at least")

    def headers(self) -> dict[str, str]:
        """Return what every answer of the route says, errors included."""
        return {
            "Deprecation": f"@{int(_midnight(self.since).timestamp())}",
            "Sunset": http_date(_midnight(self.sunset)),
            "Link": f'<{self.instead}>; rel="successor-version"',
        }

    def sentence(self) -> str:
        """Return what the document says."""
        return (
            f"**Deprecated** since {self.since.isoformat()}; it goes on {self.sunset.isoformat()}. "
            f"Use `{self.instead}`."
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def deprecated(*, since: date, sunset: date, instead: str) -> Callable[[View], View]:
    """Declare a view deprecated; the nearer to the function, the better it reads."""
    declared = Deprecation(since=since, sunset=sunset, instead=instead)

    def mark(view: View) -> View:
        setattr(view, _MARK, declared)
        return view

    return mark


def deprecation_of(app: Flask, endpoint: str | None) -> Deprecation | None:
    """Return what a route declares, or None."""
    view = app.view_functions.get(endpoint) if endpoint else None
    return getattr(view, _MARK, None)


def init_deprecation(app: Flask) -> None:
    """Tell it in every answer of a deprecated route."""

    def tell(response: Response) -> Response:
        declared = deprecation_of(current_app, request.endpoint)
        if declared is not None:
            response.headers.update(declared.headers())
        return response

    app.after_request(tell)
