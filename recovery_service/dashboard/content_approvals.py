"""The register of clinical content: read a version, approve it, take an approval back."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from flask import Response, redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from recovery_service.auth import allow_browser, current_actor, request_language, request_time
from recovery_service.dashboard.pages import page, pages
from recovery_service.database import transaction
from recovery_service.domain.access import CLINICIANS, STAFF, may_approve_content
from recovery_service.domain.content_pieces import PieceKey
from recovery_service.domain.dates_in_words import short_date
from recovery_service.domain.languages import in_language
from recovery_service.domain.local_time import zone
from recovery_service.errors import ApprovalWithdrawn, ContentChanged, NoSuchObject
from recovery_service.extensions import parts
from recovery_service.models import Site
from recovery_service.services import content_approvals
from recovery_service.services.content_decisions import all_decisions
from recovery_service.services.content_register import (
    approvers_of,
    needs_approval,
    read_piece,
    read_register,
)

log = structlog.get_logger()

LONGEST_STATEMENT = 2000
_LAST_DECISIONS = 50
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@pages.get("/content-approvals")
@allow_browser(*STAFF)
def content_register() -> Response:
    """Show every piece with its state, and the last decisions."""
    clinic_id = current_actor().clinic_id
    with transaction() as session:
        entries = read_register(session, clinic_id, parts().content)
        decisions = all_decisions(session, clinic_id, before=None, limit=_LAST_DECISIONS)
        return page(
            "content_register.html",
            entries=entries,
            open_count=sum(entry.state != "approved" for entry in entries),
            required=needs_approval(session, clinic_id),
            approvers=approvers_of(session, clinic_id),
            decisions=decisions[:_LAST_DECISIONS],
            more=len(decisions) > _LAST_DECISIONS,
            **approval_words(session),
        )


@pages.get("/content-approvals/<string:kind>/<string:code>")
@allow_browser(*STAFF)
def content_piece(kind: str, code: str) -> Response:
    """Show a piece to be read, and beneath it the button that approves what was read."""
    return _reading(kind, code)


@pages.post("/content-approvals/<string:kind>/<string:code>")
@allow_browser(*CLINICIANS)
def approve_piece(kind: str, code: str) -> AnyResponse:
    """Approve the version whose hash the form carries; any other is shown again."""
    statement = _statement()
    if statement is not None and not _is_fit(statement):
        return _reading(kind, code, 422, problem="approvals.too_long")
    key = PieceKey(kind, code, request.form.get("content_hash", ""))
    try:
        with transaction() as session:
            if read_piece(session, current_actor().clinic_id, parts().content, kind, code) is None:
                raise NoSuchObject("content")
            content_approvals.approve(
                session,
                current_actor(),
                parts().content,
                [key],
                statement=statement,
                now=request_time(),
            )
    except ContentChanged:
        return _reading(kind, code, 409, problem="approvals.changed_meanwhile")
    log.info("content_approved", count=1)
    return redirect(url_for("dashboard.content_register"), 303)


@pages.post("/content-approvals/decisions/<uuid:approval_id>/withdraw")
@allow_browser(*CLINICIANS)
def withdraw_approval(approval_id: UUID) -> AnyResponse:
    """Take an approval back; one that is withdrawn already stays so."""
    statement = _statement()
    try:
        with transaction() as session:
            content_approvals.withdraw(
                session,
                current_actor(),
                approval_id,
                statement=statement if statement and _is_fit(statement) else None,
                now=request_time(),
            )
    except ApprovalWithdrawn:
        return redirect(url_for("dashboard.content_register"), 303)
    log.info("content_approval_withdrawn", approval_id=approval_id)
    return redirect(url_for("dashboard.content_register"), 303)


def approval_words(session: Session) -> dict[str, Any]:
    """Return what templates need to speak of approvals in the reader's language."""
    language = request_language()
    zone_name = session.scalar(
        select(Site.time_zone)
        .where(Site.clinic_id == current_actor().clinic_id)
        .order_by(Site.is_default.desc(), Site.id)
        .limit(1)
    )
    return {
        "language": language,
        "word": _speaker(language),
        "called": lambda texts: in_language(texts, language),
        "on_day": _calendar(language, zone_name or "UTC"),
        "may_approve": may_approve_content(current_actor()),
    }


def open_content(session: Session) -> dict[str, Any]:
    """Return what a page needs to say that content waits for approval; nothing where none does."""
    clinic_id = current_actor().clinic_id
    if not needs_approval(session, clinic_id):
        return {}
    entries = read_register(session, clinic_id, parts().content)
    if all(entry.state == "approved" for entry in entries):
        return {}
    return {"unapproved": True, **approval_words(session)}


def _reading(kind: str, code: str, status: int = 200, *, problem: str | None = None) -> Response:
    clinic_id = current_actor().clinic_id
    with transaction() as session:
        reading = read_piece(session, clinic_id, parts().content, kind, code)
        if reading is None:
            raise NoSuchObject("content")
        words = approval_words(session)
        approvers = approvers_of(session, clinic_id)
    return page(
        "content_piece.html",
        status,
        entry=reading.entry,
        changes=reading.changes,
        approvers=approvers,
        problem=words["word"](problem, longest=LONGEST_STATEMENT) if problem else None,
        **words,
    )


def _statement() -> str | None:
    return request.form.get("statement", "").replace("\r\n", "\n").strip() or None


def _is_fit(statement: str) -> bool:
    return len(statement) <= LONGEST_STATEMENT and not _CONTROL.search(statement)


def _speaker(language: str) -> Callable[..., str]:
    def word(key: str, **params: object) -> str:
        return parts().content.text(key, language, **params)

    return word


def _calendar(language: str, zone_name: str) -> Callable[[datetime], str]:
    def on_day(instant: datetime) -> str:
        local = instant.astimezone(zone(zone_name))
        return f"{short_date(parts().content, local.date(), language)}, {local:%H:%M}"

    return on_day
