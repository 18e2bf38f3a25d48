"""What would become of a reminder: asked of the code that decides, and taken back.

Nothing of it is kept, and nothing is sent. The decision is that of the reminder by itself:
what else falls due at its moment may still be bundled with it.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from recovery_service.domain.interruptions import BUNDLED, Wait
from recovery_service.domain.recurrence import Occurrence
from recovery_service.reminders.fence import QUIET_CHANNELS, verdict
from recovery_service.reminders.held import Held, of_occurrence
from recovery_service.reminders.parcels import sort_out, unsorted
from recovery_service.reminders.reach import is_ours, takes
from recovery_service.reminders.story import Story
from recovery_service.reminders.work import Transaction, run

_FALL_DUE = """
INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at, state,
                        round)
VALUES (%(clinic_id)s, %(lineage_id)s, %(occ_key)s, %(local_date)s, %(due_at)s, %(expires_at)s,
        'due', 0)
RETURNING id
"""

_TELL = f"""
INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round, cause, state,
                      wake_at, attempts)
SELECT %(clinic_id)s, %(occurrence_id)s, d.id, d.channel, 0,
       CASE %(carrier)s::text WHEN 'device' THEN 'takeover' ELSE 'due' END, 'ready',
       %(due_at)s, 0
  FROM destination d
 WHERE d.clinic_id = %(clinic_id)s AND d.patient_id = %(patient_id)s
   AND {takes("%(kind)s::text")} AND {is_ours("%(carrier)s::text", "%(due_at)s::timestamptz")}
"""


class Foreseen(NamedTuple):
    """What would become of one delivery at a moment, in the words of the deliveries."""

    channel: str
    at: datetime
    state: str
    cause: str
    reason: str | None
    until: datetime | None


class _TakenBack(Exception):
    """Ends a transaction of which nothing is to stay."""


def foresee(transaction: Transaction, story: Story, *, now: datetime) -> list[Foreseen]:
    """Return what would become of what is unsent, each at its own moment."""
    found: list[Foreseen] = []
    with suppress(_TakenBack), transaction() as session:
        found += _foreseen(session, story, now=now)
        raise _TakenBack
    return found


def _foreseen(session: Session, story: Story, *, now: datetime) -> Iterator[Foreseen]:
    if story.fallen is not None:
        occurrence_id, moments = story.fallen.id, _moments(story, now=now)
    elif story.planned is not None and story.planned.due_at > now:
        occurrence_id = _fall_due(session, story, story.planned)
        moments = [story.planned.due_at]
    else:
        return
    for at in moments:
        waiting = of_occurrence(session, story.standing.clinic_id, occurrence_id, now=at)
        for channel in sorted({each.channel for each in waiting}):
            yield from _decided(session, [each for each in waiting if each.channel == channel], at)


def _moments(story: Story, *, now: datetime) -> list[datetime]:
    """Return when the unsent deliveries are looked at, each moment once."""
    unsent = [each for each in story.deliveries if each.state == "ready"]
    return sorted({max(each.wake_at, now) for each in unsent})


def _fall_due(session: Session, story: Story, planned: Occurrence) -> int:
    standing = story.standing
    values = {
        "clinic_id": standing.clinic_id,
        "lineage_id": standing.lineage_id,
        "patient_id": standing.patient_id,
        "occ_key": story.occ_key,
        "local_date": planned.local_date,
        "due_at": planned.due_at,
        "expires_at": planned.expires_at,
        "carrier": standing.remind_via,
        "kind": standing.kind,
    }
    ((occurrence_id,),) = run(session, _FALL_DUE, values)
    if standing.remind_via != "none":
        run(session, _TELL, values | {"occurrence_id": occurrence_id})
    return int(occurrence_id)


def _decided(session: Session, held: list[Held], at: datetime) -> Iterator[Foreseen]:
    verdicts = [(each, verdict(each, now=at)) for each in held]
    for each, reason in verdicts:
        if reason is not None:
            yield Foreseen(each.channel, at, "dropped", each.cause, reason, None)
    valid = [each for each, reason in verdicts if reason is None]
    if not valid:
        return
    quiet = held[0].channel in QUIET_CHANNELS
    going = unsorted(valid, now=at) if quiet else sort_out(session, valid, now=at)
    for parcel in going.parcels:
        for each in parcel.held:
            yield Foreseen(each.channel, at, "sent", each.cause, each.reason, None)
    for each, _ in going.joined:
        yield Foreseen(each.channel, at, "sent", each.cause, BUNDLED, None)
    for each, decided in going.held_back:
        waits = isinstance(decided, Wait)
        until = decided.until if isinstance(decided, Wait) else None
        state = "ready" if waits else "dropped"
        yield Foreseen(each.channel, at, state, each.cause, decided.reason, until)
