"""The register of clinical content: what is approved, by whom and since when."""

from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.content_approvals import (
    ApprovalRequest,
    ContentDecisionSchema,
    ContentRegisterSchema,
    PieceReadingSchema,
    StatementRequest,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CLINICIANS, STAFF
from recovery_service.errors import NoSuchObject
from recovery_service.extensions import parts
from recovery_service.services import content_approvals
from recovery_service.services.content_decisions import Decision, all_decisions
from recovery_service.services.content_register import needs_approval, read_piece, read_register

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "content_approvals",
    __name__,
    url_prefix="/content-approvals",
    description="Which version of which clinical content is approved, by whom and since when",
)
_DECISIONS = Keyset("content-approvals", int)


@blueprint.get("")
@allow(*STAFF)
@blueprint.response(200, ContentRegisterSchema)
def index() -> dict[str, Any]:
    """List every piece of content as it stands, with who approved what and when."""
    with transaction() as session:
        return _register(session)


@blueprint.post("")
@allow(*CLINICIANS)
@blueprint.arguments(ApprovalRequest)
@blueprint.response(201, ContentRegisterSchema)
def create(wish: dict[str, Any]) -> dict[str, Any]:
    """Approve what was read, all of it or nothing; a hash that is not the current one is a 409."""
    with transaction() as session:
        content_approvals.approve(
            session,
            current_actor(),
            parts().content,
            wish["pieces"],
            statement=wish["statement"],
            now=request_time(),
        )
        register = _register(session)
    log.info("content_approved", count=len(wish["pieces"]))
    return register


@blueprint.get("/history")
@allow(*STAFF)
@blueprint.query(PageArguments)
@blueprint.response(200, page_schema(ContentDecisionSchema))
def history(page: PageRequest) -> Page[Decision]:
    """List every decision there ever was, newest first."""
    before = _DECISIONS.decode(page.cursor)
    with transaction() as session:
        rows = all_decisions(
            session,
            current_actor().clinic_id,
            before=before[0] if before else None,
            limit=page.limit,
        )
    return _DECISIONS.page(rows, page.limit, lambda decision: (decision.number,))


@blueprint.get("/<string:kind>/<string:code>")
@allow(*STAFF)
@blueprint.response(200, PieceReadingSchema)
def show(kind: str, code: str) -> dict[str, Any]:
    """Show a piece with its whole content, and what changed since it was approved."""
    with transaction() as session:
        reading = read_piece(session, current_actor().clinic_id, parts().content, kind, code)
    if reading is None:
        raise NoSuchObject("content")
    entry = reading.entry
    return {
        "piece": entry.piece,
        "state": entry.state,
        "decision": entry.decision,
        "before": entry.before,
        "changes": reading.changes,
    }


@blueprint.post("/<uuid:approval_id>/withdraw")
@allow(*CLINICIANS)
@blueprint.arguments(StatementRequest)
@blueprint.response(200, ContentRegisterSchema)
def withdraw(wish: dict[str, Any], approval_id: UUID) -> dict[str, Any]:
    """Take an approval back; nobody who is enrolled is cut off, but no new code is made."""
    with transaction() as session:
        content_approvals.withdraw(
            session,
            current_actor(),
            approval_id,
            statement=wish["statement"],
            now=request_time(),
        )
        register = _register(session)
    log.info("content_approval_withdrawn", approval_id=approval_id)
    return register


def _register(session: Session) -> dict[str, Any]:
    clinic_id = current_actor().clinic_id
    return {
        "required": needs_approval(session, clinic_id),
        "items": read_register(session, clinic_id, parts().content),
        "next_cursor": None,
    }
