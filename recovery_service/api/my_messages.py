"""The patient's messages to the care team, and what the care team wrote."""

from typing import Any

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import PageArguments, PageRequest
from recovery_service.api.schemas.messages import (
    MessageAnswerSchema,
    MessageRequest,
    MessageSchema,
    MyMessagesSchema,
    ReadRequest,
    ReadSchema,
)
from recovery_service.api.thread_pages import read_page
from recovery_service.auth import (
    allow,
    current_actor,
    current_patient_id,
    request_language,
    request_time,
)
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.domain.messages import NewMessage
from recovery_service.extensions import parts
from recovery_service.services import message_reads, message_replies, messages
from recovery_service.services.scope import current_episode

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "my_messages", __name__, url_prefix="/me/messages", description="Writing to the care team"
)


@blueprint.get("")
@allow(Role.PATIENT)
@blueprint.query(PageArguments)
@blueprint.response(200, MyMessagesSchema)
def index(page: PageRequest) -> dict[str, Any]:
    """List the thread of the patient's recovery, newest first; also after it has ended."""
    with transaction() as session:
        episode = current_episode(session, current_actor().clinic_id, current_patient_id())
        return read_page(session, episode, messages.PATIENT, page)


@blueprint.post("")
@allow(Role.PATIENT)
@blueprint.arguments(MessageRequest)
@blueprint.response(201, MessageAnswerSchema)
@blueprint.alt_response(200, schema=MessageAnswerSchema, description="Sent before: as it is stored")
@blueprint.idempotent(MessageSchema)
def send(new: NewMessage) -> tuple[dict[str, Any], int]:
    """Write to the care team, and be told at once who reads it when, and whom to call till then.

    Words of an emergency or of self-harm are looked for by plain lists of words, and answered
    in `advice`; that there is none does not say that a message is harmless. Once nobody reads
    any more the answer is 409 `messages_closed`, and its `stored` says whom to call.
    """
    content, now, language = parts().content, request_time(), request_language()
    with transaction() as session:
        sent = messages.send(session, content, current_actor(), new, now=now, language=language)
        told = messages.answer(content, sent, now=now, language=language)
    log.info("message_sent", message_id=new.id, repeated=sent.repeated)
    return told, 200 if sent.repeated else 201


@blueprint.post("/read", keyless="reading on never goes back")
@allow(Role.PATIENT)
@blueprint.arguments(ReadRequest)
@blueprint.response(200, ReadSchema)
def read(given: dict[str, Any]) -> dict[str, Any]:
    """Say up to which number the patient has read; a smaller one than before changes nothing."""
    with transaction() as session:
        episode = current_episode(session, current_actor().clinic_id, current_patient_id())
        thread = message_replies.read_on(
            session, episode, messages.PATIENT, given["up_to"], now=request_time()
        )
        return {"unread": message_reads.unread_by(session, thread, messages.PATIENT)}
