"""The day's ledger: what each patient was pushed today, and what is known for deciding.

A patient's row is locked until the decision is stored, so that two channels or two workers
cannot both spend the last push of the day. Rows are locked in order of the patient.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain.adherence import REACHED
from recovery_service.domain.local_time import instant, local_date, start_of_day
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.sitting_breaks import is_rest
from recovery_service.reminders.held import Held
from recovery_service.reminders.work import array, instants, run_for_chunk

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_POSTURE_MEMORY = timedelta(days=14)

# Inserting locks a row that is there, too, and in one statement. What it was is returned.
_LOCK = """
INSERT INTO reminder_day (clinic_id, patient_id, local_date, pushes, breaks)
SELECT q.clinic_id, q.patient_id, q.local_date, 0, 0
  FROM unnest(%(clinics)s::uuid[], %(patients)s::uuid[], %(dates)s::date[])
       AS q (clinic_id, patient_id, local_date)
 ORDER BY q.clinic_id, q.patient_id
ON CONFLICT (clinic_id, patient_id, local_date) DO UPDATE SET pushes = reminder_day.pushes
RETURNING patient_id, local_date, pushes, breaks, led_by, led_round, carries_until
"""

_SPEND = """
UPDATE reminder_day r
   SET pushes = r.pushes + q.pushes, breaks = r.breaks + q.breaks, led_by = q.led_by,
       led_round = q.led_round, carries_until = q.carries_until
  FROM unnest(%(clinics)s::uuid[], %(patients)s::uuid[], %(dates)s::date[], %(pushes)s::int[],
              %(breaks)s::int[], %(leads)s::bigint[], %(rounds)s::int[],
              %(untils)s::timestamptz[])
       AS q (clinic_id, patient_id, local_date, pushes, breaks, led_by, led_round, carries_until)
 WHERE r.clinic_id = q.clinic_id AND r.patient_id = q.patient_id AND r.local_date = q.local_date
"""

_AHEAD = """
SELECT q.patient_id, s.kind, s.next_due_at, s.next_date, s.next_minute, s.time_zone,
       (r.rule ->> 'priority')::int, r.rule -> 'slots'
  FROM unnest(%(clinics)s::uuid[], %(patients)s::uuid[], %(ends)s::timestamptz[])
       AS q (clinic_id, patient_id, ends)
  JOIN schedule s ON s.clinic_id = q.clinic_id AND s.patient_id = q.patient_id
  JOIN schedule_rule r ON r.clinic_id = s.clinic_id AND r.hash = s.rule_hash
 WHERE s.next_due_at < q.ends AND s.remind_via = 'push' AND s.kind <> 'appointment'
"""

# Keys of what recurs begin with the local date: a range of them is a range of the index.
_HABITS = """
SELECT q.patient_id, exercise.done, exercise.due, posture.ignored
  FROM unnest(%(clinics)s::uuid[], %(patients)s::uuid[], %(weeks)s::text[],
              %(fortnights)s::text[], %(todays)s::text[])
       AS q (clinic_id, patient_id, week, fortnight, today)
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE o.state = 'done') AS done, count(*) AS due
         FROM schedule s
         JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
        WHERE s.clinic_id = q.clinic_id AND s.patient_id = q.patient_id
          AND s.kind = ANY (%(exercise)s)
          AND o.occ_key >= q.week AND o.occ_key < q.today
          AND (o.state IN ('done', 'skipped') OR o.state = 'missed' AND o.reason = ANY (%(known)s))
       ) exercise
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE pushed AND due_at > coalesce(answered, '-infinity')) AS ignored
         FROM (SELECT o.due_at,
                      o.state = 'missed' AND EXISTS (
                          SELECT FROM delivery d
                           WHERE d.clinic_id = o.clinic_id AND d.occurrence_id = o.id
                             AND d.state = 'sent' AND d.channel <> 'inbox') AS pushed,
                      max(o.due_at) FILTER (WHERE o.state IN ('done', 'skipped')) OVER ()
                          AS answered
                 FROM schedule s
                 JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
                WHERE s.clinic_id = q.clinic_id AND s.patient_id = q.patient_id
                  AND s.kind = ANY (%(posture)s) AND o.occ_key >= q.fortnight) said
       ) posture
"""

# Of the reminder that leads a push, the delivery that goes to the same destination.
_LEADS = """
SELECT q.destination_id, d.id, d.state, d.wake_at
  FROM unnest(%(clinics)s::uuid[], %(occurrences)s::bigint[], %(rounds)s::int[],
              %(destinations)s::uuid[])
       AS q (clinic_id, occurrence_id, round, destination_id)
  JOIN delivery d ON d.clinic_id = q.clinic_id AND d.occurrence_id = q.occurrence_id
                 AND d.destination_id = q.destination_id AND d.round = q.round
"""


class Page(NamedTuple):
    """A patient's ledger of one local date, locked: counts, and the push that stands."""

    clinic_id: UUID
    patient_id: UUID
    local_date: date
    pushes: int
    breaks: int
    led_by: int | None
    led_round: int | None
    carries_until: datetime | None

    @property
    def led(self) -> "Led | None":
        """Whose push stands."""
        if self.led_by is None or self.led_round is None:
            return None
        return Led(self.led_by, self.led_round)


class Led(NamedTuple):
    """The reminder that leads a push: an occurrence in a round."""

    occurrence_id: int
    round: int


class Lead(NamedTuple):
    """The delivery that leads a push at one destination."""

    id: int
    state: str
    wake_at: datetime


class Habit(NamedTuple):
    """How the exercises of seven days went, and how many posture reminders were ignored."""

    done: int
    due: int
    ignored: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What a decision adds to a page."""

    page: Page
    pushes: int
    breaks: int
    led: Led
    carries_until: datetime


def lock_pages(session: Session, held: Iterable[Held], *, now: datetime) -> dict[UUID, Page]:
    """Return today's page of each patient, locked until the transaction ends."""
    patients = {each.patient_id: each for each in held}
    days = {each.patient_id: local_date(each.time_zone, now) for each in patients.values()}
    rows = run_for_chunk(
        session,
        _LOCK,
        _patients(patients.values()) | {"dates": array(str(day) for day in days.values())},
    )
    return {row[0]: Page(patients[row[0]].clinic_id, *row) for row in rows}


def spend(session: Session, entries: Sequence[Entry]) -> None:
    """Write what went out into the pages."""
    if entries:
        run_for_chunk(
            session,
            _SPEND,
            {
                "clinics": array(each.page.clinic_id.hex for each in entries),
                "patients": array(each.page.patient_id.hex for each in entries),
                "dates": array(str(each.page.local_date) for each in entries),
                "pushes": array(str(each.pushes) for each in entries),
                "breaks": array(str(each.breaks) for each in entries),
                "leads": array(str(each.led.occurrence_id) for each in entries),
                "rounds": array(str(each.led.round) for each in entries),
                "untils": instants(each.carries_until for each in entries),
            },
        )


def ahead_today(
    session: Session, patients: Sequence[Held], *, now: datetime
) -> dict[UUID, list[tuple[datetime, int]]]:
    """Return what each patient is still to be reminded of today: when, and its priority."""
    ends = [start_of_day(p.time_zone, local_date(p.time_zone, now) + _DAY) for p in patients]
    found: dict[UUID, list[tuple[datetime, int]]] = {}
    for patient_id, kind, due, day, minute, zone, priority, slots in run_for_chunk(
        session, _AHEAD, _patients(patients) | {"ends": instants(ends)}
    ):
        names = slots or {}
        if any(is_rest(kind, name) for name in names):
            continue
        coming = found.setdefault(patient_id, [])
        coming.append((due, priority))
        coming += [(at, priority) for at in _later_slots(names, zone, day, minute)]
    return found


def _later_slots(slots: Mapping[str, str], zone: str, day: date, minute: int) -> Iterable[datetime]:
    """Yield when the item speaks again on the day of its next occurrence."""
    for text in slots.values():
        hours, minutes = text.split(":")
        its_minute = int(hours) * 60 + int(minutes)
        at = instant(zone, day.toordinal(), its_minute) if its_minute > minute else None
        if at is not None:
            yield at


def habits_of(session: Session, patients: Sequence[Held], *, now: datetime) -> dict[UUID, Habit]:
    """Return how the last days of each patient went."""
    today = {p.patient_id: local_date(p.time_zone, now) for p in patients}

    def stamps(back: timedelta) -> str:
        return array(_stamp(today[p.patient_id] - back) for p in patients)

    rows = run_for_chunk(
        session,
        _HABITS,
        _patients(patients)
        | {"weeks": stamps(_WEEK), "fortnights": stamps(_POSTURE_MEMORY)}
        | {"todays": stamps(timedelta(0)), "known": sorted(REACHED)}
        | {"exercise": _kinds("exercise"), "posture": _kinds("posture")},
    )
    return {row[0]: Habit(*row[1:]) for row in rows}


@lru_cache(maxsize=64)
def _stamp(day: date) -> str:
    """Return the beginning of the keys of a day; few days are asked for, and often."""
    return f"{day:%Y%m%d}"


def leads_at(session: Session, wanted: Sequence[tuple[Held, Led]]) -> dict[UUID, Lead]:
    """Return by destination the delivery that leads its patient's push there."""
    if not wanted:
        return {}
    rows = run_for_chunk(
        session,
        _LEADS,
        {
            "clinics": array(held.clinic_id.hex for held, _ in wanted),
            "occurrences": array(str(led.occurrence_id) for _, led in wanted),
            "rounds": array(str(led.round) for _, led in wanted),
            "destinations": array(held.destination_id.hex for held, _ in wanted),
        },
    )
    return {row[0]: Lead(*row[1:]) for row in rows}


def _kinds(counts: str) -> list[str]:
    return [kind.name for kind in REMINDER_KINDS.values() if kind.counts == counts]


def _patients(patients: Iterable[Held]) -> dict[str, Any]:
    rows = list(patients)
    return {
        "clinics": array(each.clinic_id.hex for each in rows),
        "patients": array(each.patient_id.hex for each in rows),
    }
