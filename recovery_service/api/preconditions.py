"""Edits of what several people edit: nobody overwrites what they have not read."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Response, current_app, request

from recovery_service.auth import current_actor
from recovery_service.database import whole
from recovery_service.domain.entity_tags import BadEntityTag, matches
from recovery_service.errors import MalformedHeader, RevisionMissing, RevisionStale
from recovery_service.services.object_tags import ObjectTag

View = TypeVar("View", bound=Callable[..., Any])


def tagged(tag: ObjectTag, view: View) -> View:
    """Tell with what is read which state it is.

    The tag is read first: where somebody edits meanwhile it is the older one, and an edit that
    names it is refused rather than let through.
    """

    @wraps(view)
    def read(*args: Any, **named: Any) -> Response:
        with whole() as all_of_it:
            current = tag(all_of_it.session, current_actor(), lock=False, **named)
            response = current_app.make_response(view(*args, **named))
        return _with(response, current)

    return read  # type: ignore[return-value] # the view's type, around the view


def retagged(tag: ObjectTag, view: View) -> View:
    """Tell with what was done to an object which state it is in now."""

    @wraps(view)
    def done(*args: Any, **named: Any) -> Response:
        with whole() as all_of_it:
            response = current_app.make_response(view(*args, **named))
            current = tag(all_of_it.session, current_actor(), lock=False, **named)
        return _with(response, current)

    return done  # type: ignore[return-value] # the view's type, around the view


def conditional(tag: ObjectTag, view: View) -> View:
    """Let the view edit only what is still as the request's `If-Match` says.

    What is compared stays locked until the edit is committed.
    """
    edit = retagged(tag, view)

    @wraps(view)
    def checked(*args: Any, **named: Any) -> Response:
        with whole() as all_of_it:
            _require_match(tag(all_of_it.session, current_actor(), lock=True, **named))
            response: Response = edit(*args, **named)
        return response

    return checked  # type: ignore[return-value] # the view's type, around the view


def _require_match(current: str) -> None:
    condition = request.headers.get("If-Match")
    if condition is None or not condition.strip():
        raise RevisionMissing
    try:
        matched = matches(condition, current)
    except BadEntityTag:
        message = 'must be "*" or entity tags in double quotes.'
        raise MalformedHeader("If-Match", message) from None
    if not matched:
        raise RevisionStale(current)


def _with(response: Response, tag: str) -> Response:
    response.headers["ETag"] = f'"{tag}"'
    return response
