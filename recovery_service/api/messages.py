"""Messages with patients, for staff: the inbox of the clinic, a thread, a reply."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.messages import (
    InboxArguments,
    MessageRequest,
    MessageSchema,
    MyMessagesSchema,
    ReadRequest,
    ReadSchema,
    ThreadSchema,
)
from recovery_service.api.thread_pages import read_page
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.messages import NewMessage
from recovery_service.models import Episode
from recovery_service.services import audit, message_reads, message_replies, messages
from recovery_service.services.scope import episode_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint("messages", __name__, description="What patients write, and replies")
_LATEST_FIRST = Keyset("message-threads", datetime, UUID)


@blueprint.get("/messages")
@allow(*CARE)
@blueprint.query(InboxArguments)
@blueprint.response(200, page_schema(ThreadSchema))
def inbox(wanted: dict[str, Any]) -> Page[dict[str, Any]]:
    """List the clinic's threads, the latest first, with how much of each nobody has read."""
    actor, now, page = current_actor(), request_time(), wanted.pop("page")
    with transaction() as session:
        audit.record(session, actor, "messages_listed", "messages", None, now=now)
        rows = message_reads.inbox(
            session,
            actor.clinic_id,
            actor.id,
            before=_LATEST_FIRST.decode(page.cursor),
            limit=page.limit,
            now=now,
            **wanted,
        )
    return _LATEST_FIRST.page(rows, page.limit, lambda row: (row["last_at"], row["episode_id"]))


@blueprint.get("/episodes/<uuid:episode_id>/messages")
@allow(*CARE)
@blueprint.query(PageArguments)
@blueprint.response(200, MyMessagesSchema)
def thread(page: PageRequest, episode_id: UUID) -> dict[str, Any]:
    """List an episode's messages, newest first. That they were read is told by `…/read`."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        _trace(session, "messages_read", episode, now=now)
        return read_page(session, episode, messages.STAFF, page)


@blueprint.post("/episodes/<uuid:episode_id>/messages")
@allow(*CARE)
@blueprint.arguments(MessageRequest)
@blueprint.response(201, MessageSchema)
@blueprint.alt_response(200, schema=MessageSchema, description="Sent before: as it is stored")
@blueprint.idempotent(MessageSchema)
def reply(new: NewMessage, episode_id: UUID) -> tuple[dict[str, Any], int]:
    """Write to the patient, whose devices are told silently that something is new."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        entry, repeated = message_replies.reply(session, actor, episode, new, now=now)
        shown = messages.as_json(entry, message_reads.thread_of(session, episode))
    log.info("message_sent", message_id=new.id, repeated=repeated)
    return shown, 200 if repeated else 201


@blueprint.post("/episodes/<uuid:episode_id>/messages/read", keyless="reading on never goes back")
@allow(*CARE)
@blueprint.arguments(ReadRequest)
@blueprint.response(200, ReadSchema)
def read(given: dict[str, Any], episode_id: UUID) -> dict[str, Any]:
    """Say up to which number the care team has read; the patient sees that it has."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        found = message_replies.read_on(session, episode, messages.STAFF, given["up_to"], now=now)
        _trace(session, "messages_marked_read", episode, now=now)
        return {"unread": message_reads.unread_by(session, found, messages.STAFF)}


@blueprint.post("/messages/<uuid:message_id>/withdraw")
@allow(*CARE)
@blueprint.response(204)
def withdraw(message_id: UUID) -> None:
    """Take back a staff message that was entered in error: nobody is shown its text any more."""
    now = request_time()
    with transaction() as session:
        message_replies.withdraw(session, current_actor(), message_id, now=now)
    log.info("message_withdrawn", message_id=message_id)


def _trace(session: Session, action: str, episode: Episode, *, now: datetime) -> None:
    patient_id = episode.patient_id
    audit.record(
        session, current_actor(), action, "episode", episode.id, patient_id=patient_id, now=now
    )
