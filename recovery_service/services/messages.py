"""Messages between a patient and the care team: stored once, judged by their words, never lost.

One thread an episode. The thread's row is locked first, so messages are numbered without gaps
and what was read is a number. `send` is what an operation of a phone's queue calls as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.content import Content
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.local_time import local_date
from recovery_service.domain.messages import (
    SILENCE_DAYS,
    URGENT_WORDS,
    NewMessage,
    judge_message,
    sounds,
)
from recovery_service.domain.monitoring import NOT_MONITORED
from recovery_service.errors import (
    ClientIdReused,
)
from recovery_service.models import (
    Advice,
    Episode,
    Message,
    MessageThread,
)
from recovery_service.services.alerting import Advised, Reported, raise_alerts
from recovery_service.services.check_in_judgement import as_told
from recovery_service.services.check_ins import asking, take_turn
from recovery_service.services.device_plan import devices_owed_sync
from recovery_service.services.episode_watch import Watched, watched_episode
from recovery_service.services.message_answers import closed, said
from recovery_service.services.scope import current_episode

PATIENT, STAFF = "patient", "staff"


class Entry(NamedTuple):
    """A message with its author's name, and when it was withdrawn."""

    message: Message
    author: str | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of a patient's message: stored (perhaps before), and what it is answered with."""

    message: Message
    advised: Sequence[Advised]
    watched: Watched
    repeated: bool


def send(
    session: Session, content: Content, actor: Actor, new: NewMessage, *, now: datetime,
    language: str,
) -> Sent:  # fmt: skip
    """Store what a patient writes, and raise what its words ask for; a retry changes nothing.

    Raises ClientIdReused, NoSuchObject (a patient without an episode), and MessagesClosed
    where nobody reads any more: it tells whom to call, and what its words ask for.
    """
    assert actor.id is not None  # noqa: S101 - a patient is somebody
    episode = current_episode(session, actor.clinic_id, actor.id)
    watched = watched_episode(
        session, content, actor.clinic_id, episode.id, device_id=actor.device_id, now=now
    )
    # Before the thread, as a sync has it: two who lock in two orders wait for each other.
    take_turn(session, actor.id)
    thread = locked_thread(session, episode, now=now)
    stored = stored_message(session, episode, new, sender=PATIENT)
    if stored is not None:
        told = _told_before(session, stored)
        return Sent(message=stored, advised=told, watched=watched, repeated=True)
    if watched.is_over(now):
        raise closed(content, watched, new, now=now, language=language)
    row = new_message(episode, new, thread, now=now, sender=PATIENT, device_id=actor.device_id)
    row.sounds = sounds(content, new.text)
    add_message(session, thread, row)
    thread.patient_last = row.number
    advised = _raise(session, content, actor.clinic_id, watched, new, now=now)
    session.flush()
    key = (session, actor.clinic_id, actor.id)
    devices_owed_sync(*key, but_not=actor.device_id, now=now)
    return Sent(message=row, advised=advised, watched=watched, repeated=False)


def answer(content: Content, sent: Sent, *, now: datetime, language: str) -> dict[str, Any]:
    """Return the answer to a message as `MessageAnswerSchema` declares it."""
    entry = Entry(sent.message, None, None)
    told = said(content, sent.watched, sent.advised, now=now, language=language)
    return {"message": as_json(entry, None), **told}


def as_json(entry: Entry, thread: MessageThread | None) -> dict[str, Any]:
    """Return a message as `MessageSchema` declares it; what was withdrawn has no text."""
    row = entry.message
    read = thread and (thread.staff_read if row.sender == PATIENT else thread.patient_read)
    return {
        "id": row.id,
        "episode_id": row.episode_id,
        "number": row.number,
        "sender": row.sender,
        "author": entry.author,
        "text": None if entry.withdrawn_at else row.text,
        "sounds": row.sounds,
        "written_at": row.written_at,
        "received_at": row.received_at,
        "read": bool(read and read >= row.number),
        "withdrawn_at": entry.withdrawn_at,
    }


def locked_thread(session: Session, episode: Episode, *, now: datetime) -> MessageThread:
    """Return the thread, made if need be; whoever writes next waits."""
    key = {"clinic_id": episode.clinic_id, "episode_id": episode.id}
    numbers = dict.fromkeys(
        ("last_number", "patient_last", "patient_read", "staff_last", "staff_read"), 0
    )
    session.execute(
        insert(MessageThread)
        .values(**key, id=new_id(now=now), patient_id=episode.patient_id, last_at=now, **numbers)
        .on_conflict_do_nothing()
    )
    return session.scalars(
        select(MessageThread)
        .filter_by(**key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def stored_message(
    session: Session, episode: Episode, new: NewMessage, *, sender: str,
    staff_id: UUID | None = None,
) -> Message | None:  # fmt: skip
    """Return what stands under the id if it says the same; raises ClientIdReused."""
    row = session.get(Message, (episode.clinic_id, new.id))
    if row is None:
        return None
    if (row.episode_id, row.sender, row.staff_id) != (episode.id, sender, staff_id):
        raise ClientIdReused("message", new.id, None)
    if row.text != new.text or new.written_at not in (None, row.written_at):
        raise ClientIdReused("message", new.id, as_json(Entry(row, None, None), None))
    return row


def new_message(
    episode: Episode, new: NewMessage, thread: MessageThread, *, now: datetime, **who: Any
) -> Message:
    """Return the next message of a thread; `who` are the columns that name its author."""
    return Message(
        clinic_id=episode.clinic_id,
        id=new.id,
        episode_id=episode.id,
        number=thread.last_number + 1,
        text=new.text,
        written_at=new.written_at or now,
        received_at=now,
        **who,
    )


def add_message(session: Session, thread: MessageThread, row: Message) -> None:
    """Store a message; its id may have been taken meanwhile in another thread."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise ClientIdReused("message", row.id, None) from None
    thread.last_number, thread.last_at = row.number, row.received_at
    session.flush()


def _raise(
    session: Session, content: Content, clinic_id: UUID, watched: Watched, new: NewMessage, *,
    now: datetime,
) -> Sequence[Advised]:  # fmt: skip
    """Raise alerts as a check-in does; the patient's turn has been taken."""
    today = local_date(watched.time_zone, now)
    judged = judge_message(content, new, watched.situation(now), now=now)
    if not judged:
        return ()
    ask = asking(session)
    reported = Reported(
        clinic_id=clinic_id,
        patient_id=watched.patient_id,
        episode_id=watched.outcome.episode_id,
        check_in_id=None,
        message_id=new.id,
        supersedes=None,
        today=today,
        times=watched.watch.times,
        watched=watched.watch.state(now, watched.time_zone) != NOT_MONITORED,
    )
    silences = {rule.id: rule.silence_days for rule in content.red_flags.rules}
    silences[URGENT_WORDS] = SILENCE_DAYS
    return raise_alerts(ask, reported, judged, content.alert_policy, silences, now=now)


def _told_before(session: Session, stored: Message) -> list[Advised]:
    rows = session.scalars(
        select(Advice)
        .filter_by(clinic_id=stored.clinic_id, message_id=stored.id)
        .order_by(Advice.given_at, Advice.id)
    )
    return [as_told(row) for row in rows]
