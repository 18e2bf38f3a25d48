"""Requests that may be repeated: the first does something, the rest are told what it was told."""

from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar

import orjson
import structlog
from flask import Response, current_app, request
from sqlalchemy.orm import Session

from recovery_service.api.json_body import read_json
from recovery_service.auth import current_actor, request_time
from recovery_service.database import whole
from recovery_service.domain.access import Actor
from recovery_service.domain.idempotency_keys import BadIdempotencyKey, read_key
from recovery_service.errors import IdempotencyKeyMissing, MalformedHeader, RecoveryError
from recovery_service.extensions import parts
from recovery_service.http_errors import answer_refusal
from recovery_service.models import Patient
from recovery_service.services import audit
from recovery_service.services.alerts import alert_in_scope
from recovery_service.services.answered_requests import (
    Answer,
    Request,
    earlier_answer,
    keep_answer,
)
from recovery_service.services.content_approvals import approval_in_scope
from recovery_service.services.message_reads import thread_in_scope
from recovery_service.services.questionnaires import questionnaire_in_scope
from recovery_service.services.scope import episode_in_scope, patient_in_scope
from recovery_service.services.sites import site_in_scope
from recovery_service.services.staff import member_in_scope
from recovery_service.services.webhooks import webhook_in_scope
from recovery_service.whole import Whole

log = structlog.get_logger()
View = TypeVar("View", bound=Callable[..., Any])

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_KEPT_HEADERS = ("Content-Type", "Content-Language", "ETag", "Location")

#: How each name in an address is looked up again before an answer about it is repeated.
IN_SCOPE: Mapping[str, Callable[[Session, Actor, Any], Any]] = {
    "alert_id": alert_in_scope,
    "approval_id": approval_in_scope,
    "episode_id": episode_in_scope,
    "message_id": thread_in_scope,
    "patient_id": patient_in_scope,
    "questionnaire_id": questionnaire_in_scope,
    "site_id": site_in_scope,
    "staff_id": member_in_scope,
    "webhook_id": webhook_in_scope,
}
#: Names of a part of what another name stands for.
PARTS = frozenset({"delivery_id", "number", "report_id", "restriction_id"})


def once(view: View) -> View:
    """Let the view do what it does once for each Idempotency-Key of an actor.

    The key is kept in the transaction of what the view did, with the answer: either both are
    there or neither. What committed nothing, be it the request's fault or ours, is not kept,
    so that the same key may be used again for it. Who asks is known by now, and may; what a
    repeat is about has to be theirs to see as well.
    """

    @wraps(view)
    def answered(*args: Any, **named: Any) -> Response:
        sent, now = _request(), request_time()
        with whole() as all_of_it:
            known = earlier_answer(all_of_it.session, sent, now=now)
            if known is not None:
                _require_still_visible(all_of_it.session, named)
                return _replayed(known)
            response = _answer(all_of_it, view, *args, **named)
            keep_answer(all_of_it.session, sent, _kept(response), now=now)
        return response

    return answered  # type: ignore[return-value] # the view's type, around the view


def _request() -> Request:
    header = request.headers.get(HEADER, "")
    if not header.strip():
        raise IdempotencyKeyMissing
    try:
        key = read_key(header)
    except BadIdempotencyKey as bad:
        raise MalformedHeader(HEADER, f"{bad}.") from None
    address = request.full_path.rstrip("?").encode()
    return Request.of(parts().keys, current_actor(), key, b"POST", address, _said())


def _said() -> bytes:
    """Return the body however it was written; one that cannot be read stands for itself."""
    body = request.get_data(cache=True)
    try:
        return orjson.dumps(read_json(body), option=orjson.OPT_SORT_KEYS)
    except RecoveryError:
        return body


def _answer(all_of_it: Whole, view: Callable[..., Any], *args: Any, **named: Any) -> Response:
    """Answer as the view does, also with a refusal that comes after what was done is kept."""
    try:
        response: Response = current_app.make_response(view(*args, **named))
    except RecoveryError as refusal:
        if all_of_it.broken or not all_of_it.kept:
            raise
        response = answer_refusal(refusal)
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:  # nothing of it stays
            raise
    return response


def _kept(response: Response) -> Answer:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    return Answer(response.status_code, headers, response.get_data())


def _replayed(known: Answer) -> Response:
    response = Response(known.body, status=known.status, headers=known.headers)
    response.headers[REPLAYED] = "true"
    return response


def _require_still_visible(session: Session, named: Mapping[str, Any]) -> None:
    """Raise NoSuchObject for what is no longer the actor's to see; trace who looks again."""
    actor = current_actor()
    found = [
        IN_SCOPE[name](session, actor, value) for name, value in named.items() if name not in PARTS
    ]
    about = found[0] if found else None
    patient_id = about.id if isinstance(about, Patient) else getattr(about, "patient_id", None)
    subject = "clinic" if about is None else about.__tablename__
    subject_id = actor.clinic_id if about is None else about.id
    audit.record(
        session, actor, "answer_repeated", subject, subject_id,
        patient_id=patient_id, now=request_time(),
    )  # fmt: skip
    log.info("answer_repeated")
