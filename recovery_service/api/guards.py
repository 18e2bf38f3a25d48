"""How a route bears being called twice, or by two people: said once, held and documented."""

from collections.abc import Callable
from copy import deepcopy
from http import HTTPStatus
from typing import Any, TypeVar

from recovery_service.api.repeats import HEADER, REPLAYED

View = TypeVar("View", bound=Callable[..., Any])

#: Each request has an Idempotency-Key; a repeat is told what the first was told.
KEY = "key"
#: The client chose the id of what it creates; a repeat is told what is stored.
CLIENT_ID = "client_id"
#: An edit names the state that was read in `If-Match`.
CONDITION = "condition"
#: What is read comes with the ETag that such an edit names.
TAGGED = "tagged"

# Where flask-smorest keeps what it will document of a view; it goes up through decorators.
_DOCUMENTED, _GUARD = "_apidoc", "guard"


class UndeclaredGuardError(Exception):
    """A route does not say how it bears being called by two people."""


def marked(view: View, guard: str) -> View:
    """Return the view, which says how it is guarded, or why it need not be."""
    setattr(view, _DOCUMENTED, {**deepcopy(getattr(view, _DOCUMENTED, {})), _GUARD: guard})
    return view


def guard_of(view: Callable[..., Any]) -> str | None:
    """Return what the view says; for one without a guard the reason that was given."""
    guard: str | None = getattr(view, _DOCUMENTED, {}).get(_GUARD)
    return guard


def document_guard(doc: dict[str, Any], doc_info: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add the headers that an operation takes and tells, and what it refuses by them."""
    guard = doc_info.get(_GUARD)
    if guard == KEY:
        _take(doc, _IDEMPOTENCY_KEY)
        _refuse(doc, HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
        _tell(doc, REPLAYED, _REPLAYED)
    elif guard == CONDITION:
        _take(doc, _IF_MATCH)
        _refuse(doc, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED)
        _tell(doc, "ETag", _ETAG)
    elif guard == TAGGED:
        _tell(doc, "ETag", _ETAG)
    return doc


def _take(doc: dict[str, Any], header: dict[str, Any]) -> None:
    doc.setdefault("parameters", []).append(dict(header))


def _refuse(doc: dict[str, Any], *statuses: HTTPStatus) -> None:
    responses = doc.setdefault("responses", {})
    known = {str(each) for each in responses}
    responses.update(
        {str(each.value): each.name for each in statuses if str(each.value) not in known}
    )


def _tell(doc: dict[str, Any], name: str, header: dict[str, Any]) -> None:
    for status, response in doc.get("responses", {}).items():
        if str(status).startswith("2") and isinstance(response, dict):
            response.setdefault("headers", {})[name] = dict(header)


_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": HEADER,
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 257},
    "example": '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
    "description": (
        "New for each request and the same for its repeats, for 30 days; a UUID in double quotes."
        " A repeat does nothing and is answered as the first was. 400 without it, 409"
        " `still_running` while the first is being answered, 422 `idempotency_key_reused` for"
        " another request."
    ),
}
_IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "schema": {"type": "string"},
    "example": '"v7"',
    "description": (
        "The ETag of what was read, or `*` for whatever stands. 428 without it; 412"
        " `revision_stale`, with the ETag that stands, when somebody changed it since."
    ),
}
_ETAG = {"description": "Which state it is in, for If-Match", "schema": {"type": "string"}}
_REPLAYED = {
    "description": "`true` when this repeats the answer to an earlier request with this key",
    "schema": {"type": "string", "enum": ["true"]},
}
