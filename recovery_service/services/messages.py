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
from recovery_service.domain.monitoring import NOT_MONITORED, Waiting, promise
from recovery_service.domain.red_flags import Situation
from recovery_service.errors import (
    ClientIdReused,
    EpisodeEnded,
    InvalidField,
    MessagesClosed,
    NoSuchObject,
)
from recovery_service.models import (
    Advice,
    Episode,
    Message,
    MessageThread,
    MessageWithdrawal,
    StaffMember,
)
from recovery_service.services import audit
from recovery_service.services.alerting import Advised, Reported, raise_alerts
from recovery_service.services.check_in_answers import advice_as_json
from recovery_service.services.check_in_judgement import as_told, waiting_with
from recovery_service.services.check_ins import TURN, TURNS, asking
from recovery_service.services.device_plan import devices_owed_sync
from recovery_service.services.episode_watch import Watched, watched_episode
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
    thread = _locked(session, episode, now=now)
    stored = _stored(session, episode, new, sender=PATIENT)
    if stored is not None:
        told = _told_before(session, stored)
        return Sent(message=stored, advised=told, watched=watched, repeated=True)
    if watched.is_over(now):
        raise _closed(content, watched, new, now=now, language=language)
    row = _message(episode, new, thread, now=now, sender=PATIENT, device_id=actor.device_id)
    row.sounds = sounds(content, new.text)
    _add(session, thread, row)
    thread.patient_last = row.number
    advised = _raise(session, content, actor.clinic_id, watched, new, now=now)
    session.flush()
    key = (session, actor.clinic_id, actor.id)
    devices_owed_sync(*key, but_not=actor.device_id, now=now)
    return Sent(message=row, advised=advised, watched=watched, repeated=False)


def answer(content: Content, sent: Sent, *, now: datetime, language: str) -> dict[str, Any]:
    """Return the answer to a message as `MessageAnswerSchema` declares it."""
    entry = Entry(sent.message, None, None)
    said = _said(content, sent.watched, sent.advised, now=now, language=language)
    return {"message": as_json(entry, None), **said}


def reply(
    session: Session, actor: Actor, episode: Episode, new: NewMessage, *, now: datetime
) -> tuple[Entry, bool]:
    """Store what staff write; return it, and whether it had been stored before.

    The patient's devices are owed a silent push. Raises ClientIdReused, EpisodeEnded.
    """
    thread = _locked(session, episode, now=now)
    stored = _stored(session, episode, new, sender=STAFF, staff_id=actor.id)
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
    row = _message(episode, new, thread, now=now, sender=STAFF, staff_id=actor.id)
    _add(session, thread, row)
    thread.staff_last = row.number
    audit.record(
        session, actor, "message_sent", "message", row.id, patient_id=episode.patient_id, now=now
    )
    session.flush()
    devices_owed_sync(session, actor.clinic_id, episode.patient_id, now=now)
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


def _locked(session: Session, episode: Episode, *, now: datetime) -> MessageThread:
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


def _stored(
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


def _message(
    episode: Episode, new: NewMessage, thread: MessageThread, *, now: datetime, **who: Any
) -> Message:
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


def _add(session: Session, thread: MessageThread, row: Message) -> None:
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
    """Raise alerts as a check-in does: of one patient's words one is judged at a time."""
    today = local_date(watched.time_zone, now)
    judged = judge_message(content, new, _situation(watched, now), now=now)
    if not judged:
        return ()
    ask = asking(session)
    ask((TURN, {"turn": watched.patient_id.int % TURNS}))
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


def _situation(watched: Watched, now: datetime) -> Situation:
    outcome = watched.outcome
    return Situation(
        episode_id=outcome.episode_id,
        procedure=outcome.procedure,
        surgery_date=outcome.surgery_date,
        local_date=local_date(watched.time_zone, now),
    )


def _told_before(session: Session, stored: Message) -> list[Advised]:
    rows = session.scalars(
        select(Advice)
        .filter_by(clinic_id=stored.clinic_id, message_id=stored.id)
        .order_by(Advice.given_at, Advice.id)
    )
    return [as_told(row) for row in rows]


def _said(
    content: Content, watched: Watched, advised: Sequence[Advised], *, now: datetime, language: str
) -> dict[str, Any]:
    """Return `{summary, advice, monitoring}`: never that all is well."""
    today = local_date(watched.time_zone, now)
    waiting: Waiting = waiting_with(watched.outcome, advised, now=now)
    over = watched.is_over(now)
    key = "message.closed" if over else "message.monitoring"
    return {
        "summary": content.text(key, language, **({} if over else {"site": watched.outcome.site})),
        "advice": [
            advice_as_json(content, one, watched.watch.directory, today=today, language=language)
            for one in advised
        ],
        "monitoring": promise(
            content, watched.watch, waiting, now=now, time_zone=watched.time_zone,
            language=language,
        ),
    }  # fmt: skip


def _closed(
    content: Content, watched: Watched, new: NewMessage, *, now: datetime, language: str
) -> MessagesClosed:
    """Return the refusal, which answers words of crisis and of an emergency all the same."""
    judged = judge_message(content, new, _situation(watched, now), now=now)
    told = [
        {"title": one.finding.title.get(language), "text": one.finding.text.get(language)}
        for one in judged
    ]
    said = _said(content, watched, (), now=now, language=language)
    return MessagesClosed(said["summary"], {"advice": told, "monitoring": said["monitoring"]})
