"""What publishing a draft would do to the patient's agenda, looked at and not done.

The steps are those of `services.replanning`, taken from what stands without a lock; they
are compared and thrown away, so nothing is written and the loop waits for nobody.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.local_time import local_date
from recovery_service.domain.plan_changes import PlanChanges
from recovery_service.domain.plan_preview import Shift, Side, counts, shifts
from recovery_service.domain.plan_templates import PlanTemplate
from recovery_service.domain.recurrence import Occurrence, Place, Rule
from recovery_service.errors import NothingToPublish
from recovery_service.models import Episode, Patient, PlanItem, PlanRevision, Schedule
from recovery_service.services import plans
from recovery_service.services.booking_items import settled
from recovery_service.services.content_gate import MissingPiece, missing_to_publish
from recovery_service.services.occurrence_rows import Standing
from recovery_service.services.phase_decisions import progression_of
from recovery_service.services.plan_differences import differences
from recovery_service.services.plans import in_state, restrictions_of
from recovery_service.services.publishing import Publication, assumed_surgery, start_of
from recovery_service.services.replanning import Course, Step, standing, steps
from recovery_service.services.schedule_rows import rules_of, unlocked
from recovery_service.services.schedules import course_of, items_of, wanted_of

LONGEST, USUAL = 90, 28
LATER = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTotal:
    """How many occurrences of an item change in the days shown, and in the year after them."""

    item: PlanItem
    shown: Mapping[str, int]
    later: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPreview:
    """What publishing the draft would do; without a draft, nothing.

    `shifts` are in order, up to `to_date`; `totals` count up to `later_until` as well. An
    episode on hold has an empty agenda, and publishing leaves it empty.
    """

    live: PlanRevision | None
    draft: PlanRevision | None
    effective_from: date | None
    from_date: date
    to_date: date
    later_until: date
    time_zone: str
    shifts: Sequence[Shift]
    totals: Sequence[ItemTotal]
    items: Mapping[UUID, PlanItem]
    changes: PlanChanges | None
    not_approved: Sequence[MissingPiece] = ()


def preview(
    session: Session,
    episode: Episode,
    patient: Patient,
    content: Content,
    template: PlanTemplate | None,
    wish: Publication,
    *,
    days: int,
    language: str,
    now: datetime,
) -> PlanPreview:
    """Return what `publish` with the same wish would do at this moment.

    Content that is not approved is no refusal here: `not_approved` names it. Raises what else
    it would raise: EpisodeEnded, NothingToPublish, SurgeryDateNeeded, or
    InvalidField for a day that cannot be.
    """
    plans.require_running(episode)
    plan = plans.plan_of(session, episode)
    live, draft = (in_state(session, plan, state) for state in ("live", "draft"))
    today = local_date(patient.time_zone, now)
    if draft is None:
        return _unchanged(live, patient, today, days)
    items = items_of(session, draft)
    if not items:
        raise NothingToPublish
    start = start_of(wish.effective_from, patient, first=live is None, now=now)
    surgery = assumed_surgery(session, draft, episode, items, template, wish)
    course = replace(course_of(episode, patient, start, now=now), assumed_surgery=surgery)
    to_date = max(start, episode.discharge_date) + timedelta(days=days - 1)
    lived = items_of(session, live) if live is not None else ()
    named = {item.lineage_id: item for item in (*lived, *items)}
    found = _shifts(session, course, draft, items, lived, until=to_date + LATER)
    return PlanPreview(
        live=live,
        draft=draft,
        effective_from=start,
        from_date=today,
        to_date=to_date,
        later_until=to_date + LATER,
        time_zone=patient.time_zone,
        shifts=[each for each in found if each.occurrence.local_date <= to_date],
        totals=_totals(found, named, to_date),
        items=named,
        changes=_changes(session, content, live, lived, draft, items, language),
        not_approved=missing_to_publish(session, content, plan, draft, live),
    )


def _changes(
    session: Session,
    content: Content,
    live: PlanRevision | None,
    lived: Sequence[PlanItem],
    draft: PlanRevision,
    items: Sequence[PlanItem],
    language: str,
) -> PlanChanges | None:
    """Return what the patient will read of it; of a first plan, nothing."""
    if live is None:
        return None
    before = (live, lived, restrictions_of(session, live))
    return differences(content, before, (draft, items, restrictions_of(session, draft)), language)


def _unchanged(live: PlanRevision | None, patient: Patient, today: date, days: int) -> PlanPreview:
    to_date = today + timedelta(days=days - 1)
    return PlanPreview(
        live=live,
        draft=None,
        effective_from=None,
        from_date=today,
        to_date=to_date,
        later_until=to_date + LATER,
        time_zone=patient.time_zone,
        shifts=(),
        totals=(),
        items={},
        changes=None,
    )


def _shifts(
    session: Session,
    course: Course,
    draft: PlanRevision,
    items: Sequence[PlanItem],
    lived: Sequence[PlanItem],
    *,
    until: date,
) -> list[Shift]:
    """Return what changes, in order of the time at which it is or was due.

    `lived` are the items of the live revision: what others have left is silent already. So
    is all of an episode on hold, and publishing leaves it so.
    """
    episode = course.episode
    if episode.state != "open":
        return []
    known = {item.lineage_id for item in lived}
    progression = progression_of(session, episode, draft.phases)
    wanted = wanted_of(session, episode, items, course.patient, progression)
    schedules = unlocked(session, episode)
    rules = rules_of(session, schedules.values())
    rows = standing(session, course, schedules, lock=False)
    asked = settled(session, episode.clinic_id, episode.id)
    before = {
        key: _before(each, rules[each.rule_hash], rows)
        for key, each in schedules.items()
        if key in known
    }
    after = {
        step.item.lineage_id: _after(course, step, _quiet(items, asked))
        for step in steps(course, wanted, schedules, rules, rows)
    }
    waiting = {item.lineage_id for item in items if progression.is_behind(item.phase)}
    found = [
        shift
        for lineage in dict.fromkeys((*before, *after))
        for shift in shifts(
            lineage,
            before.get(lineage),
            after.get(lineage),
            waits=lineage in waiting,
            now=course.now,
            until=until,
        )
    ]
    return sorted(found, key=lambda each: (each.occurrence.due_at, each.lineage_id))


def _quiet(items: Iterable[PlanItem], asked: Collection[str]) -> frozenset[UUID]:
    """Return the items that ask to book what is booked: publishing closes them at once."""
    return frozenset(item.lineage_id for item in items if item.appointment in asked)


def _before(schedule: Schedule, rule: Rule, rows: Iterable[Standing]) -> Side:
    mine = [row for row in rows if row.lineage_id == schedule.id]
    place = None
    if schedule.next_due_at is not None and schedule.next_date is not None:
        place = Place(schedule.next_date, schedule.next_minute or 0, schedule.next_due_at)
    return Side(
        rule=rule,
        anchor=schedule.anchor_date,
        zone=schedule.time_zone,
        place=place,
        rows=[_occurrence(row, rule) for row in mine if row.open],
        taken=frozenset(row.occ_key for row in mine),
    )


def _after(course: Course, step: Step, quiet: Collection[UUID]) -> Side:
    rule, plan = step.item.rule, step.plan
    met = [row for row in step.rows if not row.unmet]
    kept = [*(_occurrence(row, rule) for row in met if row.open), *plan.keep]
    taken = {row.occ_key for row in met} | {each.occ_key for each in plan.keep}
    closed = step.item.lineage_id in quiet and rule.identity == "once"
    return Side(
        rule=rule,
        anchor=course.anchor(rule),
        zone=course.zone,
        place=None if plan.next is None or closed else plan.next.place,
        rows=() if closed else kept,
        taken=frozenset(taken),
    )


def _occurrence(row: Standing, rule: Rule) -> Occurrence:
    slot = row.occ_key.partition(".")[2] or rule.slots[0][0]
    minute = dict(rule.slots).get(slot, 0)
    return Occurrence(row.local_date, slot, row.due_at, row.expires_at, row.occ_key, minute)


def _totals(
    found: Sequence[Shift], items: Mapping[UUID, PlanItem], to_date: date
) -> list[ItemTotal]:
    by_item: dict[UUID, list[Shift]] = {}
    for each in found:
        by_item.setdefault(each.lineage_id, []).append(each)
    return [
        ItemTotal(
            item=items[lineage],
            shown=counts(mine, None, to_date),
            later=counts(mine, to_date, None),
        )
        for lineage, mine in by_item.items()
    ]
