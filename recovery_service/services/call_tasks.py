"""Call tasks: whom the clinic rings, because they have no smartphone to be reminded by.

Derived, not stored: a task is there while something is asked for that nobody has told yet,
and entering the check-in by phone is all that it takes to end it. So it is dated, and due on
the day itself, where a patient with the app would be called silent only after a while.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.adherence import UNANSWERED
from recovery_service.domain.local_time import local_date
from recovery_service.domain.recurrence import Place, occurrences_from
from recovery_service.models import Site
from recovery_service.services import audit
from recovery_service.services.agenda import rule_of

CHECK_IN_DUE = "check_in_due"
TO_BOOK = "appointment_to_book"
_REACH = timedelta(days=21)
_DAY = timedelta(days=1)

_PATIENTS = """
SELECT p.id, p.name, p.time_zone, p.locale, p.preferences -> 'pause', e.id, e.procedure,
       coalesce(last.local_date, e.discharge_date - 1), called.phones, wanted.rows
  FROM patient p
  JOIN episode e ON e.clinic_id = p.clinic_id AND e.patient_id = p.id AND e.state = 'open'
  LEFT JOIN LATERAL (
       SELECT k.local_date FROM check_in k
        WHERE k.clinic_id = e.clinic_id AND k.episode_id = e.id
        ORDER BY k.local_date DESC LIMIT 1) last ON true
 CROSS JOIN LATERAL (
       SELECT array_agg(d.address ORDER BY d.verified_at IS NULL, d.id) AS phones
         FROM destination d
        WHERE d.clinic_id = p.clinic_id AND d.patient_id = p.id AND d.channel = 'sms'
          AND d.retired_at IS NULL) called
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(a.title, a.window_from, a.window_to)
                        ORDER BY a.window_from, a.id) AS rows
         FROM appointment a
        WHERE a.clinic_id = p.clinic_id AND a.patient_id = p.id AND a.episode_id = e.id
          AND a.state = 'to_book' AND a.window_from <= %(on)s) wanted
 WHERE p.clinic_id = %(clinic_id)s AND p.contact_mode = 'phone'
"""

_ASKED = """
SELECT s.episode_id, s.id, s.anchor_date, s.time_zone, r.rule::text,
       CASE WHEN s.next_due_at IS NOT NULL THEN s.next_date END, s.next_minute, s.next_due_at,
       o.occ_key, o.local_date, o.state, o.reason
  FROM schedule s
  JOIN schedule_rule r ON r.clinic_id = s.clinic_id AND r.hash = s.rule_hash
  LEFT JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
   AND o.occ_key >= %(from_key)s AND o.occ_key < %(until_key)s
 WHERE s.clinic_id = %(clinic_id)s AND s.patient_id = ANY (%(patients)s)
   AND s.episode_id = ANY (%(episodes)s) AND s.kind = 'check_in'
 ORDER BY s.id
"""


class Expecting(NamedTuple):
    """An episode whose check-ins are expected `after` one local date and up to another."""

    patient_id: UUID
    episode_id: UUID
    after: date
    until: date
    pause: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReason:
    """Why to call: since which local date, until when, how many check-ins, or which visit."""

    code: str
    since: date
    until: date | None = None
    missed: int | None = None
    title: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTask:
    """One patient to call on a local date, with all that the call is about."""

    patient_id: UUID
    name: str
    time_zone: str
    locale: str
    episode_id: UUID
    procedure: str
    phones: Sequence[str]
    reasons: Sequence[CallReason]

    @property
    def place(self) -> tuple[int, date, str, UUID]:
        """What tasks are ranked by: check-ins first, then who waits longest."""
        first = self.reasons[0]
        return int(first.code != CHECK_IN_DUE), first.since, self.name, self.patient_id


class _Patient(NamedTuple):
    patient_id: UUID
    name: str
    time_zone: str
    locale: str
    pause: dict[str, str] | None
    episode_id: UUID
    procedure: str
    answered: date
    phones: list[str] | None
    to_book: list[Any] | None


def read_call_tasks(
    session: Session, actor: Actor, on: date | None, *, now: datetime
) -> tuple[date, list[CallTask]]:
    """Return the calls of a day, ranked, and leave one line in the audit trail.

    The day is a local date; without one it is today at the clinic's default site.
    """
    audit.record(session, actor, "call_tasks_read", "call_tasks", None, now=now)
    day = on or _today(session, actor.clinic_id, now=now)
    return day, call_tasks(session, actor.clinic_id, day)


def call_tasks(session: Session, clinic_id: UUID, on: date) -> list[CallTask]:
    """Return whom the clinic is to call on a local date, by two statements."""
    rows = session.connection().exec_driver_sql(_PATIENTS, {"clinic_id": clinic_id, "on": on})
    patients = [_Patient._make(row) for row in rows]
    expecting = [
        Expecting(each.patient_id, each.episode_id, each.answered, on, each.pause)
        for each in patients
    ]
    days = check_ins_due(session, clinic_id, expecting)
    tasks = [_task(each, days[each.episode_id]) for each in patients]
    return sorted((each for each in tasks if each.reasons), key=ranked)


def ranked(task: CallTask) -> tuple[int, date, str, str]:
    """Return the key by which tasks are sorted; names without their capitals."""
    first, since, name, patient_id = task.place
    return first, since, name.casefold(), str(patient_id)


def check_ins_due(
    session: Session, clinic_id: UUID, expecting: Sequence[Expecting]
) -> Mapping[UUID, Sequence[date]]:
    """Return by episode the local dates whose check-in nobody has told, in order.

    What is still to fall due on a date counts as well: the list of a morning names whom to
    call in the course of the day. Days on which the patient wanted a rest are left out.
    """
    found: defaultdict[UUID, set[date]] = defaultdict(set)
    if not expecting:
        return defaultdict(list)
    by_episode = {each.episode_id: each for each in expecting}
    last = max(each.until for each in expecting)
    values = {
        "clinic_id": clinic_id,
        "patients": [each.patient_id for each in expecting],
        "episodes": list(by_episode),
        "from_key": f"{last - _REACH:%Y%m%d}",
        "until_key": f"{last + _DAY:%Y%m%d}",
    }
    rows = session.connection().exec_driver_sql(_ASKED, values).all()
    taken = {(row[1], row[8]) for row in rows}
    for row in rows:
        found[row[0]].update(_days(row, by_episode[row[0]], taken))
    return defaultdict(list, {episode: sorted(days) for episode, days in found.items()})


def _days(row: Any, one: Expecting, taken: Collection[tuple[UUID, str]]) -> Iterator[date]:
    lineage, (day, state, reason) = row[1], row[9:]
    waits = state in ("due", "snoozed") or (state == "missed" and reason in UNANSWERED)
    days: list[date] = [day] if waits else []
    days += [each.local_date for each in _ahead(row, one) if (lineage, each.occ_key) not in taken]
    yield from (each for each in days if one.after < each <= one.until and not _rests(one, each))


def _ahead(row: Any, one: Expecting) -> Iterator[Any]:
    """Yield what the schedule still holds up to the date asked for."""
    anchor, zone, rule, next_date, next_minute, next_due_at = row[2:8]
    if next_date is None:
        return
    place = Place(next_date, next_minute, next_due_at and next_due_at.astimezone(UTC))
    for planned in occurrences_from(rule_of(rule), anchor, zone, place):
        if planned.local_date > one.until:
            return
        yield planned


def _rests(one: Expecting, day: date) -> bool:
    if not one.pause:
        return False
    text = day.isoformat()  # dates in ISO form sort as texts
    return one.pause.get("from", text) <= text <= one.pause.get("to", text)


def _task(patient: _Patient, days: Sequence[date]) -> CallTask:
    reasons = [CallReason(code=CHECK_IN_DUE, since=days[0], missed=len(days))] if days else []
    for title, window_from, window_to in patient.to_book or ():
        since, until = date.fromisoformat(window_from), date.fromisoformat(window_to)
        reasons.append(CallReason(code=TO_BOOK, since=since, until=until, title=title))
    return CallTask(
        patient_id=patient.patient_id,
        name=patient.name,
        time_zone=patient.time_zone,
        locale=patient.locale,
        episode_id=patient.episode_id,
        procedure=patient.procedure,
        phones=patient.phones or [],
        reasons=reasons,
    )


def _today(session: Session, clinic_id: UUID, *, now: datetime) -> date:
    default = select(Site.time_zone).where(Site.clinic_id == clinic_id, Site.is_default)
    return local_date(session.scalar(default) or "UTC", now)
