"""A page of one thread of messages, the same for both sides."""

from typing import Any

from sqlalchemy.orm import Session

from recovery_service.api.pagination import Keyset, PageRequest
from recovery_service.models import Episode
from recovery_service.services import message_reads, messages

_NEWEST_FIRST = Keyset("messages", int)


def read_page(session: Session, episode: Episode, reader: str, page: PageRequest) -> dict[str, Any]:
    """Return `{items, next_cursor, unread}`, the newest message first."""
    behind = _NEWEST_FIRST.decode(page.cursor)
    thread = message_reads.thread_of(session, episode)
    entries = message_reads.entries_of(
        session,
        episode.clinic_id,
        episode.id,
        before=None if behind is None else behind[0],
        limit=page.limit,
    )
    cut = _NEWEST_FIRST.page(entries, page.limit, lambda entry: (entry.message.number,))
    return {
        "items": [messages.as_json(entry, thread) for entry in cut.items],
        "next_cursor": cut.next_cursor,
        "unread": message_reads.unread_by(session, thread, reader),
    }
