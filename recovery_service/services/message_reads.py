"""Messages as they are read: one thread, newest first, and the clinic's threads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.errors import NoSuchObject
from recovery_service.models import (
    Episode,
    Message,
    MessageThread,
    MessageWithdrawal,
    StaffMember,
)
from recovery_service.services.messages import PATIENT, STAFF, Entry
from recovery_service.services.scope import episode_in_scope

_INBOX = """
SELECT t.episode_id, t.patient_id, p.name, t.last_at, t.patient_last > t.staff_last AS awaits_reply,
       t.staff_read, t.staff_read_at, u.unread, u.unread_since, u.sounds
  FROM message_thread t
  JOIN patient p ON p.clinic_id = t.clinic_id AND p.id = t.patient_id
 CROSS JOIN LATERAL (
       SELECT count(*) AS unread, min(m.received_at) AS unread_since,
              CASE WHEN bool_or(m.sounds = 'crisis') THEN 'crisis'
                   WHEN bool_or(m.sounds = 'urgent') THEN 'urgent' END AS sounds
         FROM message m
        WHERE m.clinic_id = t.clinic_id AND m.episode_id = t.episode_id
          AND m.number > t.staff_read AND m.sender = 'patient') u
 WHERE t.clinic_id = %(clinic_id)s AND t.last_number > 0
   AND (%(unread)s::boolean IS NULL OR (u.unread > 0) = %(unread)s)
   AND (NOT %(mine)s OR EXISTS (
        SELECT FROM care_team_member c
         WHERE c.clinic_id = t.clinic_id AND c.patient_id = t.patient_id
           AND c.staff_id = %(staff_id)s AND c.from_date <= %(today)s
           AND (c.to_date IS NULL OR c.to_date >= %(today)s)))
   AND (%(before)s::timestamptz IS NULL
        OR (t.last_at, t.episode_id) < (%(before)s::timestamptz, %(before_id)s::uuid))
 ORDER BY t.last_at DESC, t.episode_id DESC
 LIMIT %(many)s
"""


def entries_of(
    session: Session, clinic_id: UUID, episode_id: UUID, *, before: int | None, limit: int
) -> list[Entry]:
    """Return an episode's messages, newest first, one more than `limit`."""
    wanted = thread_entries(clinic_id, episode_id).limit(limit + 1)
    if before is not None:
        wanted = wanted.where(Message.number < before)
    return [Entry(*row) for row in session.execute(wanted)]


def thread_entries(clinic_id: UUID, episode_id: UUID) -> Select[Message, str, datetime]:
    """Return what selects the columns of each `Entry` of an episode, newest first."""
    return (
        select(Message, StaffMember.name, MessageWithdrawal.at)
        .outerjoin(
            StaffMember,
            (StaffMember.clinic_id == Message.clinic_id) & (StaffMember.id == Message.staff_id),
        )
        .outerjoin(
            MessageWithdrawal,
            (MessageWithdrawal.clinic_id == Message.clinic_id)
            & (MessageWithdrawal.message_id == Message.id),
        )
        .where(Message.clinic_id == clinic_id, Message.episode_id == episode_id)
        .order_by(Message.number.desc())
    )


def thread_of(session: Session, episode: Episode) -> MessageThread | None:
    """Return an episode's thread, None where nobody has written."""
    return session.scalars(
        select(MessageThread).filter_by(clinic_id=episode.clinic_id, episode_id=episode.id)
    ).one_or_none()


def unread_by(session: Session, thread: MessageThread | None, reader: str) -> int:
    """Return how many messages of the other side a side (`PATIENT`, `STAFF`) has not read."""
    if thread is None:
        return 0
    other = STAFF if reader == PATIENT else PATIENT
    numbers = session.scalars(
        select(Message.number).where(
            Message.clinic_id == thread.clinic_id,
            Message.episode_id == thread.episode_id,
            Message.sender == other,
            Message.number > getattr(thread, f"{reader}_read"),
        )
    )
    return len(numbers.all())


def inbox(session: Session, clinic_id: UUID, staff_id: UUID | None, *, mine: bool,
          unread: bool | None, before: tuple[datetime, UUID] | None, limit: int,
          now: datetime) -> Sequence[dict[str, Any]]:  # fmt: skip
    """Return the clinic's threads, the latest first, without what was written."""
    at, last = before or (None, None)
    values = {
        "clinic_id": clinic_id,
        "staff_id": staff_id,
        "mine": mine,
        "unread": unread,
        "before": at,
        "before_id": last,
        "many": limit + 1,
        "today": now.date(),
    }
    rows = session.connection().exec_driver_sql(_INBOX, values)
    return [dict(row) for row in rows.mappings()]


def thread_in_scope(session: Session, actor: Actor, message_id: UUID) -> Episode:
    """Return the episode in whose thread a message stands; raises NoSuchObject."""
    message = session.get(Message, (actor.clinic_id, message_id))
    if message is None:
        raise NoSuchObject("message")
    return episode_in_scope(session, actor, message.episode_id)
