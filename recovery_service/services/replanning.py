"""How the schedules of an episode go on after an edit: one mechanism for all edits.

What the old plan still owes and what nobody has met yet is taken up, and the pure
rules of `domain.rescheduling` say how each schedule goes on: nothing that was sent
repeats, nothing is swallowed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain import rescheduling
from recovery_service.domain.local_time import local_date
from recovery_service.domain.recurrence import AnyRule, Occurrence, Place, Rule
from recovery_service.models import Appointment, Episode, Patient, Schedule, ScheduleRule
from recovery_service.services import occurrence_rows
from recovery_service.services.device_plan import plan_changed
from recovery_service.services.occurrence_rows import NewRow, Standing
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
    """What all schedules of an episode share: whose they are, where, and from when."""

    episode: Episode
    patient: Patient
    gate: datetime
    now: datetime
    from_tomorrow: bool = False
    owes: bool = True

    @property
    def zone(self) -> str:
        """The patient's zone."""
        return self.patient.time_zone

    def anchor(self, rule: Rule) -> date:
        """Return the date from which the rule's days count."""
        surgery = self.episode.surgery_date
        if rule.anchor == "surgery" and surgery is not None:
            return surgery
        return self.episode.discharge_date


def carry_on(session: Session, course: Course, wanted: Sequence[Wanted]) -> None:
    """Replan every schedule of an episode, and begin and end those that come and go."""
    clinic_id = course.episode.clinic_id
    plan_changed(session, clinic_id, course.patient.id, now=course.now)
    schedules = locked(session, course.episode)
    rules = _rules(session, schedules.values())
    rows = _standing(session, course, schedules)
    unmet = [row for row in rows if row.unmet]
    occurrence_rows.take_away(session, clinic_id, unmet)
    intern(session, clinic_id, (each.rule for each in wanted))

    written: list[NewRow] = []
    for item in wanted:
        schedule = schedules.pop(item.lineage_id, None)
        mine = [row for row in rows if row.lineage_id == item.lineage_id]
        old = rules[schedule.rule_hash] if schedule is not None else None
        plan = _go_on(course, item.rule, schedule, old, mine)
        if schedule is None:
            schedule = _begin_row(course, item)
            session.add(schedule)
        _apply(course, schedule, item, plan.next)
        left = {row.occ_key for row in mine if row.unmet and not row.told}
        written += [NewRow(item.lineage_id, each, left=each.occ_key in left) for each in plan.keep]
        if plan.missed is not None:
            written.append(NewRow(item.lineage_id, plan.missed, plan.reason))
    _retire(session, course, schedules, [row for row in rows if not row.unmet])
    session.flush()
    occurrence_rows.store(session, clinic_id, written, now=course.now)


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


def locked(session: Session, episode: Episode) -> dict[UUID, Schedule]:
    """Lock the schedules of the plan: the loop waits, or skips them until we are done.

    Those of appointments do not follow the plan; `appointment_schedules` has them.
    """
    rows = session.scalars(
        select(Schedule)
        .where(
            Schedule.clinic_id == episode.clinic_id,
            Schedule.patient_id == episode.patient_id,
            Schedule.episode_id == episode.id,
            Schedule.id.not_in(
                select(Appointment.id).where(
                    Appointment.clinic_id == episode.clinic_id,
                    Appointment.patient_id == episode.patient_id,
                )
            ),
        )
        .order_by(Schedule.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in rows}


def _standing(
    session: Session, course: Course, schedules: Mapping[UUID, Schedule]
) -> list[Standing]:
    since = local_date(course.zone, course.now) - _REACH
    return occurrence_rows.standing(session, course.episode.clinic_id, list(schedules), since=since)


def _rules(session: Session, schedules: Iterable[Schedule]) -> dict[str, Rule]:
    hashes = {schedule.rule_hash for schedule in schedules}
    found = session.scalars(select(ScheduleRule).where(ScheduleRule.hash.in_(hashes)))
    return {row.hash: Rule.parse(row.rule) for row in found}


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
    session: Session, course: Course, schedules: Mapping[UUID, Schedule], rows: Sequence[Standing]
) -> None:
    """Silence the schedules whose items the plan no longer has."""
    for schedule in schedules.values():
        stop(schedule)
    gone = [row for row in rows if row.lineage_id in schedules]
    clinic_id = course.episode.clinic_id
    closed = occurrence_rows.close(session, clinic_id, gone, reason="item_removed", now=course.now)
    cancel_unsent(session, clinic_id, closed, reason="item_removed", now=course.now)


def stop(schedule: Schedule) -> None:
    """Let a schedule speak no more until it is planned again."""
    schedule.next_date = None
    schedule.next_minute = None
    schedule.next_due_at = None
    schedule.revision += 1
