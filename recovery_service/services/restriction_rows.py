"""A restriction for one patient: what may be asked for, and the rows that it becomes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.local_time import local_date
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.errors import InvalidField, SurgeryDateNeeded
from recovery_service.models import Episode, Patient, PlanItem, PlanRestriction, PlanRevision
from recovery_service.services.plan_edits import NewItem
from recovery_service.services.plans import restrictions_of
from recovery_service.services.schedules import items_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRestriction:
    """A restriction as a clinician adds it; each end is a day since surgery or a local date.

    `holds` are items that are not asked for meanwhile. `item` comes and goes with it, like
    the wearing of a brace: its rule says when in the day, the restriction says on which days.
    """

    code: str
    text: Mapping[str, str]
    reason: str
    limit: float | None = None
    unit: str | None = None
    from_day: int | None = None
    from_date: date | None = None
    to_day: int | None = None
    to_date: date | None = None
    holds: Sequence[UUID] = ()
    item: NewItem | None = None


def days_of(
    new: OwnRestriction, episode: Episode, patient: Patient, *, now: datetime
) -> tuple[int, int | None]:
    """Return both ends in days since surgery; without a beginning it begins today."""
    surgery = surgery_of(episode)
    first, last = new.from_day, new.to_day
    if first is None:
        begins = new.from_date or local_date(patient.time_zone, now)
        first = (begins - surgery).days
    if last is None and new.to_date is not None:
        last = (new.to_date - surgery).days
    if first < 0:
        raise InvalidField("/from_date", "Must not be before the surgery.")
    if last is not None and last < first:
        pointer = "/to_date" if new.to_day is None else "/to_day"
        raise InvalidField(pointer, "Must not be before its beginning.")
    return first, last


def require_sound(
    session: Session,
    revisions: tuple[PlanRevision, PlanRevision | None],
    new: OwnRestriction,
    first: int,
    last: int | None,
    today: int,
) -> None:
    """Raise InvalidField for what cannot be, before anything is written.

    `revisions` are the live one and the draft; `today` is the day since surgery.
    """
    if last is not None and last < today:
        raise InvalidField("/to_day", "This would have ended already.")
    if (new.limit is None) != (new.unit is None):
        raise InvalidField("/unit", "A limit and its unit belong together.")
    for revision in (each for each in revisions if each is not None):
        for other in restrictions_of(session, revision):
            same = other.code == new.code
            overlaps = (other.to_day is None or first <= other.to_day) and (
                last is None or other.from_day <= last
            )
            if same and overlaps and other.lineage_id is not None:
                raise InvalidField("/code", "Another limit of this code stands in these days.")
    _require_held(new, items_of(session, revisions[0]), first, today)


def _require_held(new: OwnRestriction, items: Iterable[PlanItem], first: int, today: int) -> None:
    known = {item.lineage_id: item.kind for item in items}
    for place, lineage in enumerate(new.holds):
        kind = known.get(lineage)
        if kind is None:
            raise InvalidField(f"/holds/{place}", "The live plan has no such item.")
        if REMINDER_KINDS[kind].counts is None:  # never what watches over the patient
            raise InvalidField(f"/holds/{place}", "Only exercise and posture can be held.")
    if new.holds and first > today:
        raise InvalidField("/holds", "Items can be held from today on, not from a later day.")


def within(item: NewItem, code: str, first: int, last: int | None) -> NewItem:
    """Return an item that comes with a restriction, on its days."""
    days = {"anchor": "surgery", "from_day": first, "to_day": last}
    return NewItem(
        code=code,
        kind=item.kind,
        title=item.title,
        instructions=item.instructions,
        dose=item.dose,
        media=item.media,
        rule={name: value for name, value in ({**item.rule} | days).items() if value is not None},
    )


def as_row(
    revision: PlanRevision,
    new: OwnRestriction,
    lineage: UUID,
    worn: UUID,
    actor: Actor,
    first: int,
    last: int | None,
    *,
    now: datetime,
) -> PlanRestriction:
    """Return the row of a restriction in a revision."""
    return PlanRestriction(
        clinic_id=revision.clinic_id,
        id=new_id(now=now),
        revision_id=revision.id,
        code=new.code,
        limit_value=new.limit,
        unit=new.unit,
        from_day=first,
        to_day=last,
        text=dict(new.text),
        source=["D"],
        grade="D",
        clinician_must_confirm=False,
        lineage_id=lineage,
        reason=new.reason,
        added_by=actor.id,
        added_at=now,
        held_items=[str(each) for each in new.holds] or None,
        worn_item=worn if new.item is not None else None,
    )


def surgery_of(episode: Episode) -> date:
    """Return the day from which a restriction counts; raises SurgeryDateNeeded."""
    if episode.surgery_date is None:
        raise SurgeryDateNeeded
    return episode.surgery_date
