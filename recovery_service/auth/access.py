"""Access rules: every route declares who may call it, or the application does not start."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response

from recovery_service.auth.bearer import bearer_actor
from recovery_service.auth.browser import browser_actor, require_csrf_token
from recovery_service.auth.current import become, request_time
from recovery_service.database import enter_clinic
from recovery_service.domain.access import Role
from recovery_service.errors import NotAllowed, Unauthenticated

View = TypeVar("View", bound=Callable[..., Any])
_RULE = "recovery_access"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class UndeclaredAccessError(Exception):
    """A route says nothing about who may call it."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who may call a route, and how they prove who they are."""

    roles: frozenset[Role]
    by: Literal["token", "browser", "nothing"]
    why: str = ""


def allow(*roles: Role) -> Callable[[View], View]:
    """Open an API route to those who hold one of the roles, by bearer token."""
    return _declare(AccessRule(frozenset(roles), "token"))


def allow_browser(*roles: Role) -> Callable[[View], View]:
    """Open a page to signed-in staff who hold one of the roles."""
    return _declare(AccessRule(frozenset(roles), "browser"))


def allow_anyone(why: str) -> Callable[[View], View]:
    """Open a route to the world; the reason is part of the declaration."""
    return _declare(AccessRule(frozenset(), "nothing", why))


def open_route(app: Flask, endpoint: str, why: str) -> None:
    """Open a route whose view a library made.

    It may be a bound method, which carries no mark of its own, hence the wrapper.
    """
    view = app.view_functions[endpoint]

    @wraps(view)
    def opened(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    app.view_functions[endpoint] = allow_anyone(why)(opened)


def _declare(rule: AccessRule) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, _RULE, rule)
        return view

    return mark


def access_rule(app: Flask, endpoint: str) -> AccessRule | None:
    """Return what a route declares, or None."""
    return getattr(app.view_functions[endpoint], _RULE, None)


def require_declared_access(app: Flask) -> None:
    """Fail the start of an application with a route that declares nothing."""
    silent = sorted(
        {
            f"{rule.rule} ({rule.endpoint})"
            for rule in app.url_map.iter_rules()
            if access_rule(app, rule.endpoint) is None
        }
    )
    if silent:
        raise UndeclaredAccessError("no access rule on " + ", ".join(silent))


def init_auth(app: Flask) -> None:
    """Check every request against the rule of its route."""
    app.before_request(_enforce)
    app.teardown_request(_leave)


def _enforce() -> Response | None:
    enter_clinic(None)
    if request.endpoint is None:
        return None  # no such route: the error handler answers
    rule = access_rule(current_app, request.endpoint)
    if rule is None:
        raise NotAllowed("call this route")
    if rule.by == "nothing":
        return None
    if rule.by == "browser":
        try:
            become(browser_actor(now=request_time()))
        except Unauthenticated:
            return _to_sign_in()
        if request.method not in _SAFE:
            require_csrf_token()
    else:
        become(bearer_actor(now=request_time()))
    enter_clinic(g.actor.clinic_id)
    if not g.actor.has(*rule.roles):
        raise NotAllowed("do this")
    return None


def _to_sign_in() -> Response:
    asked = urlsplit(request.full_path.rstrip("?"))
    goal = asked.path + (f"?{asked.query}" if asked.query else "")
    wanted = goal if request.method in _SAFE and goal != "/" else None
    return redirect(url_for("dashboard.sign_in", next=wanted))


def _leave(_error: BaseException | None) -> None:
    enter_clinic(None)
