"""What staff do with messages: they reply, read on, and take back what was entered in error."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.messages import NewMessage
from recovery_service.errors import EpisodeEnded, InvalidField, NoSuchObject
from recovery_service.models import (
    Episode,
    Message,
    MessageThread,
    MessageWithdrawal,
    StaffMember,
)
from recovery_service.reminders.message_notices import CHANNELS, WRITE
from recovery_service.services import audit
from recovery_service.services.device_plan import devices_owed_sync
from recovery_service.services.message_reads import entries_of, thread_of
from recovery_service.services.messages import (
    PATIENT,
    STAFF,
    Entry,
    add_message,
    locked_thread,
    new_message,
    stored_message,
)

_ON_A_PAGE = 20


def reply(
    session: Session, actor: Actor, episode: Episode, new: NewMessage, *, now: datetime
) -> tuple[Entry, bool]:
    """Store what staff write; return it, and whether it had been stored before.

    The patient's devices are owed a silent push, and one that can be seen. Raises
    ClientIdReused, EpisodeEnded.
    """
    thread = locked_thread(session, episode, now=now)
    stored = stored_message(session, episode, new, sender=STAFF, staff_id=actor.id)
    name = session.scalar(
        select(StaffMember.name).filter_by(clinic_id=actor.clinic_id, id=actor.id)
    )
    if stored is not None:
        withdrawn = session.scalar(
            select(MessageWithdrawal.at).filter_by(clinic_id=actor.clinic_id, message_id=stored.id)
        )
        return Entry(stored, name, withdrawn), True
    if episode.state == "ended":
        raise EpisodeEnded(episode.id)
    row = new_message(episode, new, thread, now=now, sender=STAFF, staff_id=actor.id)
    add_message(session, thread, row)
    thread.staff_last = row.number
    audit.record(
        session, actor, "message_sent", "message", row.id, patient_id=episode.patient_id, now=now
    )
    session.flush()
    devices_owed_sync(session, actor.clinic_id, episode.patient_id, now=now)
    told = {
        "clinic_id": actor.clinic_id,
        "episode_id": episode.id,
        "patient_id": episode.patient_id,
        "number": row.number,
        "channels": list(CHANNELS),
        "now": now,
    }
    session.connection().exec_driver_sql(WRITE, told)
    return Entry(row, name, None), False


def read_on(
    session: Session, episode: Episode, reader: str, up_to: int, *, now: datetime
) -> MessageThread | None:
    """Note that one side (`PATIENT`, `STAFF`) has read to a number; never less than before.

    Returns the thread, None where there is none. Raises InvalidField for a message to come.
    """
    thread = session.scalars(
        select(MessageThread)
        .filter_by(clinic_id=episode.clinic_id, episode_id=episode.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if up_to > (thread.last_number if thread else 0):
        raise InvalidField("/up_to", "There is no such message yet.")
    if thread is not None and up_to > getattr(thread, f"{reader}_read"):
        setattr(thread, f"{reader}_read", up_to)
        setattr(thread, f"{reader}_read_at", now)
        session.flush()
    return thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The latest messages of a thread as staff see them, the oldest first.

    `unread` are the numbers that nobody had read before; by looking they are.
    """

    entries: Sequence[Entry]
    unread: frozenset[int]


def look(session: Session, actor: Actor, episode: Episode, *, now: datetime) -> Looked:
    """Return the latest messages for a page, and note that the care team has read them."""
    entries = entries_of(session, episode.clinic_id, episode.id, before=None, limit=_ON_A_PAGE)
    entries = entries[:_ON_A_PAGE][::-1]
    thread = thread_of(session, episode)
    known = thread.staff_read if thread else 0
    unread = frozenset(
        each.message.number
        for each in entries
        if each.message.sender == PATIENT and each.message.number > known
    )
    if unread:
        read_on(session, episode, STAFF, max(unread), now=now)
        audit.record(
            session, actor, "messages_marked_read", "episode", episode.id,
            patient_id=episode.patient_id, now=now,
        )  # fmt: skip
    return Looked(entries=entries, unread=unread)


def withdraw(session: Session, actor: Actor, message_id: UUID, *, now: datetime) -> Episode:
    """Take a staff message away that was entered in error; it is kept, and twice is once.

    Returns the episode. Raises NoSuchObject, also for what a patient wrote.
    """
    found = session.execute(
        select(Message, Episode)
        .join(
            Episode, (Episode.clinic_id == Message.clinic_id) & (Episode.id == Message.episode_id)
        )
        .where(Message.clinic_id == actor.clinic_id, Message.id == message_id)
        .where(Message.sender == STAFF)
    ).one_or_none()
    if found is None:
        raise NoSuchObject("message")
    message, episode = found
    session.execute(
        insert(MessageWithdrawal)
        .values(
            clinic_id=actor.clinic_id,
            id=new_id(now=now),
            message_id=message.id,
            staff_id=actor.id,
            at=now,
        )
        .on_conflict_do_nothing()
    )
    audit.record(
        session, actor, "message_withdrawn", "message", message_id,
        patient_id=episode.patient_id, now=now,
    )  # fmt: skip
    devices_owed_sync(session, actor.clinic_id, episode.patient_id, now=now)
    return episode
