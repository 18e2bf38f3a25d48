"""The live plan as the patient reads it: in one language, on the patient's own calendar."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.episodes import plan_state
from recovery_service.domain.languages import in_language
from recovery_service.domain.local_time import local_date, start_of_day
from recovery_service.domain.plan_changes import PlanChanges
from recovery_service.domain.recurrence_rules import Rule
from recovery_service.domain.reminder_times import with_own_times
from recovery_service.domain.sitting_breaks import if_wanted
from recovery_service.models import (
    Episode,
    Patient,
    PlanItem,
    PlanRestriction,
    PlanRevision,
    RecoveryPlan,
)
from recovery_service.services.phase_decisions import progression_of
from recovery_service.services.plan_differences import differences
from recovery_service.services.recovery_calendar import RecoveryCalendar
from recovery_service.services.resting_items import Rests, rests_of

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MyPlan:
    """The plan on a day; `valid_until` is when it reads differently by itself."""

    plan_state: str
    revision: int | None = None
    effective_from: date | None = None
    published_at: datetime | None = None
    phases: Sequence[Mapping[str, Any]] = ()
    items: Sequence[Mapping[str, Any]] = ()
    restrictions: Sequence[Mapping[str, Any]] = ()
    sources: Mapping[str, str] | None = None
    what_changed: PlanChanges | None = None
    valid_until: datetime | None = None


def my_plan(
    session: Session,
    clinic_id: UUID,
    patient_id: UUID,
    content: Content,
    *,
    language: str,
    now: datetime,
) -> MyPlan:
    """Return what the patient follows; before it is published, nothing but its state."""
    patient, episode, live, previous = _standing(session, clinic_id, patient_id)
    if episode is None or live is None:
        return MyPlan(plan_state=plan_state(episode.state if episode else "open", published=False))
    revisions = [each.id for each in (live, previous) if each is not None]
    items = _by_revision(session, PlanItem, clinic_id, revisions)
    limits = _by_revision(session, PlanRestriction, clinic_id, revisions)
    progression = progression_of(session, episode, live.phases)
    calendar = RecoveryCalendar(episode, local_date(patient.time_zone, now), progression)
    rests = rests_of(limits[live.id])
    own = [each for each in limits[live.id] if each.lineage_id is not None]
    shown = [
        _item(each, patient, calendar, language, rests)
        for each in sorted(items[live.id], key=lambda item: item.position)
    ]
    restrictions = [
        _restriction(each, calendar, language, own)
        for each in sorted(limits[live.id], key=lambda limit: (limit.from_day, limit.code))
    ]
    phases = [_phase(each, calendar, language) for each in live.phases]
    return MyPlan(
        plan_state=plan_state(episode.state, published=True),
        revision=live.number,
        effective_from=live.effective_from,
        published_at=live.published_at,
        phases=phases,
        items=shown,
        restrictions=restrictions,
        sources=_sources(content, [*shown, *restrictions]),
        what_changed=None
        if previous is None
        else differences(
            content,
            (previous, items[previous.id], limits[previous.id]),
            (live, items[live.id], limits[live.id]),
            language,
        ),
        valid_until=_next_change(patient, calendar.today, [*phases, *shown, *restrictions]),
    )


def _standing(
    session: Session, clinic_id: UUID, patient_id: UUID
) -> tuple[Patient, Episode | None, PlanRevision | None, PlanRevision | None]:
    """Return the patient, the current episode, its live revision and the one before, at once."""
    rows = session.execute(
        select(Patient, Episode, PlanRevision)
        .outerjoin(
            Episode,
            (Episode.clinic_id == Patient.clinic_id)
            & (Episode.id == _current_episode(clinic_id, patient_id)),
        )
        .outerjoin(
            RecoveryPlan,
            (RecoveryPlan.clinic_id == Episode.clinic_id) & (RecoveryPlan.episode_id == Episode.id),
        )
        .outerjoin(
            PlanRevision,
            (PlanRevision.clinic_id == RecoveryPlan.clinic_id)
            & (PlanRevision.plan_id == RecoveryPlan.id)
            & PlanRevision.published_at.is_not(None),
        )
        .where(Patient.clinic_id == clinic_id, Patient.id == patient_id)
        .order_by(PlanRevision.number.desc())
        .limit(2)
    ).all()
    patient, episode, live = rows[0]
    return patient, episode, live, rows[1][2] if len(rows) > 1 else None


def _current_episode(clinic_id: UUID, patient_id: UUID) -> Any:
    """Select the episode that has not ended, else the latest."""
    return (
        select(Episode.id)
        .where(Episode.clinic_id == clinic_id, Episode.patient_id == patient_id)
        .order_by(Episode.state == "ended", Episode.discharge_date.desc(), Episode.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _by_revision(
    session: Session, model: Any, clinic_id: UUID, revisions: Sequence[UUID]
) -> dict[UUID, list[Any]]:
    rows = session.scalars(
        select(model).where(model.clinic_id == clinic_id, model.revision_id.in_(revisions))
    )
    found: dict[UUID, list[Any]] = {revision: [] for revision in revisions}
    for row in rows:
        found[row.revision_id].append(row)
    return found


def _item(
    item: PlanItem, patient: Patient, calendar: RecoveryCalendar, language: str, rests: Rests
) -> dict[str, Any]:
    own = patient.preferences.get("reminder_times", {})
    names = (str(item.lineage_id), item.code, item.kind)
    rule = with_own_times(Rule.parse(item.rule), own, names)
    rule = if_wanted(rule, item.kind, patient.preferences)
    rule = calendar.progression.followed(rule, item.phase)
    return {
        "id": item.lineage_id,
        "code": item.code,
        "kind": item.kind,
        "phase": item.phase,
        "title": in_language(item.title, language),
        "instructions": _text(item.instructions, language),
        "dose": {
            name: _text(value, language) if name == "note" else value
            for name, value in item.dose.items()
        },
        "media": [_medium(each, language) for each in item.media],
        "when": _when(rule),
        "source": item.source,
        "grade": item.grade,
    } | calendar.resting(calendar.item(rule, item.phase), item.lineage_id, rests)


def _when(rule: Rule) -> dict[str, Any]:
    """Return the rule as a person reads it, at the patient's own times."""
    return {
        "anchor": rule.anchor,
        "from_day": rule.from_day,
        "to_day": rule.to_day,
        "every_days": rule.every,
        "weekdays": sorted(rule.weekdays),
        "slots": [{"slot": slot, "time": _clock(minute)} for slot, minute in rule.slots],
        "valid_for_minutes": rule.valid_for,
        "remind_via": rule.remind_via,
    }


def _clock(minute: int) -> str:
    hours, minutes = divmod(minute, 60)
    return f"{hours:02}:{minutes:02}"


def _restriction(
    limit: PlanRestriction,
    calendar: RecoveryCalendar,
    language: str,
    own: Sequence[PlanRestriction],
) -> dict[str, Any]:
    """Return a limit; one of the plan steps back while this patient's own of its code holds."""
    span = calendar.limit(limit.from_day, limit.to_day)
    if limit.lineage_id is None and any(
        each.code == limit.code and calendar.limit(each.from_day, each.to_day)["current"]
        for each in own
    ):
        span["current"] = False
    return {
        "id": limit.lineage_id,
        "code": limit.code,
        "limit": limit.limit_value,
        "unit": limit.unit,
        "from_day": limit.from_day,
        "to_day": limit.to_day,
        "text": in_language(limit.text, language),
        "source": limit.source,
        "grade": limit.grade,
    } | span


def _phase(phase: Mapping[str, Any], calendar: RecoveryCalendar, language: str) -> dict[str, Any]:
    return {
        "code": phase["code"],
        "title": in_language(phase["title"], language),
        "from_day": phase["from_day"],
        "to_day": phase["to_day"],
    } | calendar.phase(phase)


def _medium(medium: Mapping[str, Any], language: str) -> dict[str, Any]:
    texts = {name: _text(medium.get(name), language) for name in ("alt", "caption")}
    return {**medium, **texts}


def _text(texts: Mapping[str, str] | None, language: str) -> str | None:
    return in_language(texts, language) if texts else None


def _sources(content: Content, facts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return where the facts are from, by the keys that they name."""
    keys = {key for fact in facts for key in fact["source"]}
    return {key: content.sources[key] for key in sorted(keys) if key in content.sources}


def _next_change(
    patient: Patient, today: date, spans: Iterable[Mapping[str, Any]]
) -> datetime | None:
    """Return the start of the next local day on which something begins or has ended."""
    days = {span["from_date"] for span in spans}
    days |= {span["to_date"] + _DAY for span in spans if span["to_date"] is not None}
    ahead = [day for day in days if day > today]
    return start_of_day(patient.time_zone, min(ahead)) if ahead else None
