"""What all pages share: the blueprint, their headers, and words for templates."""

import hashlib
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, g, render_template, request, url_for

from recovery_service.auth import current_actor
from recovery_service.domain.access import Actor, may_publish_plan, may_read_health
from recovery_service.domain.dates_in_words import short_date
from recovery_service.domain.languages import DEFAULT_LANGUAGE, in_language
from recovery_service.domain.local_time import zone
from recovery_service.errors import Unauthenticated
from recovery_service.extensions import parts
from recovery_service.http_errors import EXTENSION, Problem
from recovery_service.services import reason_words

STATIC = Path(__file__).parent / "static"
#: The staff's pages are in English for now; what comes from the catalogue and the
#: templates has the same language, so that a page does not mix two.
LANGUAGE = DEFAULT_LANGUAGE

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DAYS_A_YEAR = 365

pages = Blueprint(
    "dashboard",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/dashboard/static",
)


def page(template: str, status: int = 200, **context: Any) -> Response:
    """Render a page; nobody but the browser that asked may keep it."""
    body = render_template(f"dashboard/{template}", **context)
    return Response(body, status, content_type="text/html; charset=utf-8")


def secure_pages(response: Response) -> Response:
    """Add to every page what it may load, and that it is not to be kept."""
    if request.endpoint == "dashboard.static":
        response.headers["Cache-Control"] = f"public, max-age={_DAYS_A_YEAR * 86400}, immutable"
    elif request.blueprint == "dashboard" or _is_error_page(response):
        response.headers.setdefault("Content-Security-Policy", POLICY)
        # Under "no-referrer" browsers send forms with "Origin: null", which is nobody's.
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"
    return response


def _is_error_page(response: Response) -> bool:
    return response.status_code >= 400 and response.mimetype == "text/html"  # noqa: PLR2004


def use_error_page(app: Flask) -> None:
    """Show errors to browsers as pages of the dashboard."""
    title, _ = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = (title, error_page)


def error_page(problem: Problem) -> str:
    """Render a problem; it needs no database, which may be what is missing."""
    return render_template("dashboard/error.html", problem=problem)


@pages.app_context_processor
def words() -> dict[str, Any]:
    """Give templates their vocabulary."""
    return {
        "actor": _actor(),
        "csrf_token": g.get("csrf_token", ""),
        "asset": _asset_url,
        "text": _text,
        "translated": lambda texts: in_language(texts, LANGUAGE) if texts else "",
        "short_date": _short_date,
        "short_instant": _short_instant,
        "clock_time": _clock_time,
        "reason_text": lambda reason: reason_words.reason_in_words(
            parts().content, reason, LANGUAGE
        ),
        "item_name": lambda item: reason_words.item_in_words(parts().content, item, LANGUAGE),
        "answer_text": lambda item, answer: reason_words.answer_in_words(
            parts().content, item, answer, LANGUAGE
        ),
        "may_publish": may_publish_plan,
        "may_read_health": may_read_health,
    }


def _actor() -> Actor | None:
    try:
        return current_actor()
    except Unauthenticated:
        return None


def _text(key: str, **params: object) -> str:
    return parts().content.text(key, LANGUAGE, **params)


def _short_date(day: date | None) -> str:
    return "" if day is None else short_date(parts().content, day, LANGUAGE)


def _short_instant(instant: datetime | None, zone_name: str) -> str:
    """Return date and time on the clock of a zone."""
    if instant is None:
        return ""
    local = instant.astimezone(zone(zone_name))
    return f"{_short_date(local.date())}, {local:%H:%M}"


def _clock_time(instant: datetime, zone_name: str) -> str:
    """Return the time of day on the clock of a zone."""
    return f"{instant.astimezone(zone(zone_name)):%H:%M}"


def _asset_url(name: str) -> str:
    return url_for("dashboard.static", filename=name, v=_digest(name))


@cache
def _digest(name: str) -> str:
    """Return a name for the file's content: a new release is a new address."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
