"""How the schedules of an episode go on after an edit: one mechanism for all edits.

What the old plan still owes and what nobody has met yet is taken up, and the pure
rules of `domain.rescheduling` say how each schedule goes on: nothing that was sent
repeats, nothing is swallowed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain import rescheduling
from recovery_service.domain.local_time import local_date
from recovery_service.domain.recurrence import AnyRule, Occurrence, Place, Rule
from recovery_service.models import Episode, Patient, Schedule, ScheduleRule
from recovery_service.services import occurrence_rows
from recovery_service.services.device_plan import plan_changed
from recovery_service.services.occurrence_rows import NewRow, Standing
from recovery_service.services.schedule_rows import locked, rules_of
from recovery_service.services.unsent import cancel_unsent

# Rows older than this are history: no zone's edit reaches back further than a local day.
_REACH = timedelta(days=2)


class Wanted(NamedTuple):
    """How one item is to be scheduled."""

    lineage_id: UUID
    kind: str
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What all schedules of an episode share: whose they are, where, and from when.

    `assumed_surgery` is the surgery date that publishing would write down, for who only looks.
    """

    episode: Episode
    patient: Patient
    gate: datetime
    now: datetime
    from_tomorrow: bool = False
    owes: bool = True
    assumed_surgery: date | None = None

    @property
    def zone(self) -> str:
        """The patient's zone."""
        return self.patient.time_zone

    def anchor(self, rule: Rule) -> date:
        """Return the date from which the rule's days count."""
        surgery = self.episode.surgery_date or self.assumed_surgery
        if rule.anchor == "surgery" and surgery is not None:
            return surgery
        return self.episode.discharge_date


class Step(NamedTuple):
    """How one item goes on: its schedule (None: it has none yet), and what edits may not move."""

    item: Wanted
    schedule: Schedule | None
    rows: Sequence[Standing]
    plan: rescheduling.Replanned


def carry_on(
    session: Session,
    course: Course,
    wanted: Sequence[Wanted],
    *,
    waiting: Collection[UUID] = frozenset(),
) -> None:
    """Replan every schedule of an episode, and begin and end those that come and go.

    `waiting` are items that the plan has and that a clinician has not let begin.
    """
    clinic_id = course.episode.clinic_id
    plan_changed(session, clinic_id, course.patient.id, now=course.now)
    schedules = locked(session, course.episode)
    rows = carry_on_all(session, clinic_id, [Party(course, wanted, schedules)], now=course.now)
    kept = {each.lineage_id for each in wanted}
    retired = {key: each for key, each in schedules.items() if key not in kept}
    _retire(session, course, retired, [row for row in rows if not row.unmet], waiting)
    session.flush()


class Party(NamedTuple):
    """One episode's share of an edit: what it wants, and its schedules, locked."""

    course: Course
    wanted: Sequence[Wanted]
    schedules: Mapping[UUID, Schedule]


def carry_on_all(
    session: Session, clinic_id: UUID, parties: Sequence[Party], *, now: datetime
) -> list[Standing]:
    """Replan, in a few statements, what episodes of one clinic want; return what stood before."""
    if not parties:
        return []
    schedules = {key: each for party in parties for key, each in party.schedules.items()}
    rules = rules_of(session, schedules.values())
    since = min(local_date(party.course.zone, now) for party in parties) - _REACH
    rows = occurrence_rows.standing(session, clinic_id, list(schedules), since=since)
    occurrence_rows.take_away(session, clinic_id, [row for row in rows if row.unmet])
    intern(session, clinic_id, (each.rule for party in parties for each in party.wanted))
    of_party = _by_lineage(rows)
    written: list[NewRow] = []
    for course, wanted, mine in parties:
        stood = [row for key in mine for row in of_party.get(key, ())]
        for step in steps(course, wanted, mine, rules, stood):
            written += _take(session, course, step)
    session.flush()
    occurrence_rows.store(session, clinic_id, written, now=now)
    return rows


def _by_lineage(rows: Iterable[Standing]) -> dict[UUID, list[Standing]]:
    found: dict[UUID, list[Standing]] = {}
    for row in rows:
        found.setdefault(row.lineage_id, []).append(row)
    return found


def steps(
    course: Course,
    wanted: Sequence[Wanted],
    schedules: Mapping[UUID, Schedule],
    rules: Mapping[str, Rule],
    rows: Sequence[Standing],
) -> list[Step]:
    """Return how each item goes on; writes nothing, so that an edit can be looked at first."""
    found = []
    for item in wanted:
        schedule = schedules.get(item.lineage_id)
        mine = [row for row in rows if row.lineage_id == item.lineage_id]
        old = rules[schedule.rule_hash] if schedule is not None else None
        found.append(Step(item, schedule, mine, _go_on(course, item.rule, schedule, old, mine)))
    return found


def _take(session: Session, course: Course, step: Step) -> list[NewRow]:
    """Let a schedule go on, and return the rows to write."""
    item, schedule, mine, plan = step
    if schedule is None:
        schedule = _begin_row(course, item)
        session.add(schedule)
    _apply(course, schedule, item, plan.next)
    left = {row.occ_key for row in mine if row.unmet and not row.told}
    written = [NewRow(item.lineage_id, each, left=each.occ_key in left) for each in plan.keep]
    if plan.missed is not None:
        written.append(NewRow(item.lineage_id, plan.missed, plan.reason))
    return written


def _go_on(
    course: Course,
    rule: Rule,
    schedule: Schedule | None,
    old_rule: Rule | None,
    rows: Sequence[Standing],
) -> rescheduling.Replanned:
    anchor = course.anchor(rule)
    already = {row.occ_key for row in rows if not row.unmet}
    # A schedule whose gate is still ahead has not begun: moving the gate back to today must
    # find this morning's again.
    if schedule is None or old_rule is None or (course.owes and schedule.opens_at > course.now):
        return rescheduling.begin(
            rule, anchor, course.zone, gate=course.gate, now=course.now, already=already
        )
    owed = _owed(course, schedule, old_rule, rows) if course.owes else []
    if course.from_tomorrow:
        plan = rescheduling.replan(
            rule, anchor, course.zone, gate=course.gate, now=course.now, already=already
        )
        kept = tuple(each for each in owed if each.occ_key not in already)
        if any(each.occ_key == "once" for each in kept):  # today's: it does not wait for tomorrow
            return rescheduling.Replanned(None, keep=kept)
        return plan._replace(keep=kept)
    return rescheduling.replan(
        rule,
        anchor,
        course.zone,
        gate=course.gate,
        now=course.now,
        already=already,
        owed=owed,
    )


def _owed(
    course: Course, schedule: Schedule, rule: Rule, rows: Sequence[Standing]
) -> list[Occurrence]:
    """Return what the plan before the edit owes: rows nobody has met, and what is not yet a row."""
    minutes = dict(rule.slots)
    owed = {
        row.occ_key: Occurrence(
            row.local_date,
            row.occ_key.partition(".")[2] or rule.slots[0][0],
            row.due_at,
            row.expires_at,
            row.occ_key,
            minutes.get(row.occ_key.partition(".")[2], 0),
        )
        for row in rows
        if row.unmet and row.open
    }
    if schedule.next_due_at is not None and schedule.next_date is not None:
        place = Place(schedule.next_date, schedule.next_minute or 0, schedule.next_due_at)
        for each in rescheduling.owed(
            rule, schedule.anchor_date, schedule.time_zone, place, now=course.now
        ):
            owed.setdefault(each.occ_key, each)
    return sorted(owed.values(), key=lambda each: each.due_at)


def standing(
    session: Session, course: Course, schedules: Mapping[UUID, Schedule], *, lock: bool = True
) -> list[Standing]:
    """Return the rows that an edit must know, locked against a sender unless who only looks."""
    since = local_date(course.zone, course.now) - _REACH
    return occurrence_rows.standing(
        session, course.episode.clinic_id, list(schedules), since=since, lock=lock
    )


def intern(session: Session, clinic_id: UUID, rules: Iterable[AnyRule]) -> None:
    """Store rules under their hashes, each once."""
    distinct: dict[str, dict[str, Any]] = {rule.hash(): rule.as_json() for rule in rules}
    if distinct:
        session.execute(
            insert(ScheduleRule).on_conflict_do_nothing(),
            [
                {"clinic_id": clinic_id, "hash": key, "rule": rule}
                for key, rule in sorted(distinct.items())
            ],
        )


def _begin_row(course: Course, item: Wanted) -> Schedule:
    return Schedule(
        clinic_id=course.episode.clinic_id,
        id=item.lineage_id,
        patient_id=course.patient.id,
        episode_id=course.episode.id,
        revision=0,
    )


def _apply(course: Course, schedule: Schedule, item: Wanted, coming: Occurrence | None) -> None:
    schedule.kind = item.kind
    schedule.remind_via = item.rule.remind_via
    schedule.rule_hash = item.rule.hash()
    schedule.anchor_date = course.anchor(item.rule)
    schedule.time_zone = course.zone
    schedule.opens_at = course.gate
    schedule.next_date = coming.local_date if coming else None
    schedule.next_minute = coming.minute if coming else None
    schedule.next_due_at = coming.due_at if coming else None
    schedule.revision += 1
    schedule.failures = 0


def _retire(
    session: Session,
    course: Course,
    schedules: Mapping[UUID, Schedule],
    rows: Sequence[Standing],
    waiting: Collection[UUID],
) -> None:
    """Silence the schedules whose items the plan no longer has, or that may not begin yet."""
    for schedule in schedules.values():
        stop(schedule)
    clinic_id, now = course.episode.clinic_id, course.now
    gone = [row for row in rows if row.lineage_id in schedules and row.lineage_id not in waiting]
    closed = occurrence_rows.close(session, clinic_id, gone, reason="item_removed", now=now)
    cancel_unsent(session, clinic_id, closed, reason="item_removed", now=now)
    held = [row for row in rows if row.lineage_id in schedules and row.lineage_id in waiting]
    closed = occurrence_rows.close(session, clinic_id, held, reason="phase_waits", now=now)
    cancel_unsent(session, clinic_id, closed, reason="phase_waits", now=now)


def stop(schedule: Schedule) -> None:
    """Let a schedule speak no more until it is planned again."""
    schedule.next_date = None
    schedule.next_minute = None
    schedule.next_due_at = None
    schedule.revision += 1
