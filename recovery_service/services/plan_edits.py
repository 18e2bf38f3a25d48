"""Edits of a plan's draft: nothing here reaches the patient before it is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from recovery_service.domain.identifiers import new_id
from recovery_service.domain.recurrence_rules import InvalidRule, Rule
from recovery_service.domain.reminder_kinds import reminder_kind
from recovery_service.domain.slot_names import require_neutral
from recovery_service.errors import InvalidField, NoSuchObject
from recovery_service.models import PlanItem, PlanRestriction, PlanRevision
from recovery_service.services.plans import touch

# What a clinician enters by hand rests on the clinician: convention, with nothing else behind it.
_OWN_SOURCE: Mapping[str, Any] = {"source": ["D"], "grade": "D"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """An item as staff write it; ``rule`` is in the rule's JSON form."""

    kind: str
    title: Mapping[str, str]
    rule: Mapping[str, Any]
    code: str | None = None
    phase: str | None = None
    instructions: Mapping[str, str] | None = None
    dose: Mapping[str, Any] | None = None
    media: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRestriction:
    """A restriction as staff write it; days count from surgery."""

    code: str
    from_day: int
    to_day: int | None = None
    limit: float | None = None
    unit: str | None = None
    text: Mapping[str, str]
    source: Sequence[str] = ("D",)
    grade: str = "D"


def add_item(session: Session, draft: PlanRevision, new: NewItem, *, now: datetime) -> PlanItem:
    """Add an item to the draft, as a lineage of its own."""
    _require_phase(draft, new.phase)
    lineage_id = new_id(now=now)
    item = PlanItem(
        clinic_id=draft.clinic_id,
        id=new_id(now=now),
        revision_id=draft.id,
        lineage_id=lineage_id,
        code=new.code or f"own_{lineage_id.hex[-12:]}",
        position=_last_position(session, draft) + 1,
        kind=new.kind,
        phase=new.phase,
        title=dict(new.title),
        instructions=dict(new.instructions or {}),
        dose=dict(new.dose or {}),
        media=[dict(medium) for medium in new.media],
        rule=_rule(new.kind, new.rule).as_json(),
        clinician_must_confirm=False,
        **_OWN_SOURCE,
    )
    session.add(item)
    touch(draft, now=now)
    session.flush()
    return item


def change_item(
    session: Session,
    draft: PlanRevision,
    lineage_id: UUID,
    changes: Mapping[str, Any],
    *,
    now: datetime,
) -> PlanItem:
    """Change fields of an item; ``rule`` is merged into the one that stands (RFC 7396)."""
    item = item_of(session, draft, lineage_id)
    if "phase" in changes:
        _require_phase(draft, changes["phase"])
    for name, value in changes.items():
        if name == "rule":
            item.rule = _rule(item.kind, _merged(item.rule, value)).as_json()
        else:
            setattr(item, name, value)
    touch(draft, now=now)
    session.flush()
    return item


def remove_item(session: Session, draft: PlanRevision, lineage_id: UUID, *, now: datetime) -> None:
    """Take an item out of the draft; what the patient did with it stays."""
    session.delete(item_of(session, draft, lineage_id))
    touch(draft, now=now)
    session.flush()


def replace_restrictions(
    session: Session, draft: PlanRevision, new: Sequence[NewRestriction], *, now: datetime
) -> None:
    """Replace the draft's restrictions; raises InvalidField naming the one that cannot be.

    Those that were added for this patient stay: they have their own end.
    """
    for place, limit in enumerate(new):
        _require_sound(limit, place, new)
    session.execute(
        delete(PlanRestriction).where(
            PlanRestriction.clinic_id == draft.clinic_id,
            PlanRestriction.revision_id == draft.id,
            PlanRestriction.lineage_id.is_(None),
        )
    )
    session.add_all(
        PlanRestriction(
            clinic_id=draft.clinic_id,
            id=new_id(now=now),
            revision_id=draft.id,
            code=limit.code,
            limit_value=limit.limit,
            unit=limit.unit,
            from_day=limit.from_day,
            to_day=limit.to_day,
            text=dict(limit.text),
            source=list(limit.source),
            grade=limit.grade,
        )
        for limit in new
    )
    touch(draft, now=now)
    session.flush()


def item_of(session: Session, draft: PlanRevision, lineage_id: UUID) -> PlanItem:
    """Return an item of the draft by its lineage; raises NoSuchObject."""
    item = session.scalars(
        select(PlanItem).where(
            PlanItem.clinic_id == draft.clinic_id,
            PlanItem.revision_id == draft.id,
            PlanItem.lineage_id == lineage_id,
        )
    ).one_or_none()
    if item is None:
        raise NoSuchObject("plan item")
    return item


def _rule(kind: str, written: Mapping[str, Any]) -> Rule:
    behaviour = reminder_kind(kind)
    try:
        rule = Rule.parse(
            written,
            identity=behaviour.identity,
            quiet=behaviour.quiet,
            priority=behaviour.priority,
        )
        require_neutral(rule)
    except InvalidRule as refusal:
        raise InvalidField(f"/rule{refusal.pointer}", f"This {refusal.message}.") from None
    return rule


def _merged(standing: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a rule's changes; naming days or slots in one way drops the other way."""
    merged = dict(standing)
    if "weekdays" in changes:
        merged.pop("every_days", None)
    if "every_days" in changes:
        merged.pop("weekdays", None)
    if "every_minutes" in changes:
        merged.pop("slots", None)
    merged |= changes
    return {name: value for name, value in merged.items() if value is not None}


def _require_phase(draft: PlanRevision, phase: str | None) -> None:
    if phase is not None and phase not in {each["code"] for each in draft.phases}:
        raise InvalidField("/phase", "The plan has no such phase.")


def _require_sound(limit: NewRestriction, place: int, others: Sequence[NewRestriction]) -> None:
    if limit.to_day is not None and limit.to_day < limit.from_day:
        raise InvalidField(f"/restrictions/{place}/to_day", "Must not be before from_day.")
    if (limit.limit is None) != (limit.unit is None):
        raise InvalidField(f"/restrictions/{place}/unit", "A limit and its unit belong together.")
    for other in others[:place]:
        ends = other.to_day if other.to_day is not None else limit.from_day
        begins = limit.to_day if limit.to_day is not None else other.from_day
        if other.code == limit.code and limit.from_day <= ends and other.from_day <= begins:
            raise InvalidField(f"/restrictions/{place}/from_day", "Overlaps an earlier one.")


def _last_position(session: Session, draft: PlanRevision) -> int:
    last = session.scalar(
        select(func.max(PlanItem.position)).where(
            PlanItem.clinic_id == draft.clinic_id, PlanItem.revision_id == draft.id
        )
    )
    return -1 if last is None else last
