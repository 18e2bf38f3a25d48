"""When staff are away, and who stands in for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.identifiers import new_id
from recovery_service.errors import InvalidField, NoSuchObject
from recovery_service.models import StaffAbsence, StaffMember
from recovery_service.services import audit


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAbsence:
    """The first and the last date of it, and who stands in, if anybody does."""

    from_date: date
    to_date: date
    cover: UUID | None = None


def absences_of(session: Session, actor: Actor, staff_id: UUID) -> Sequence[StaffAbsence]:
    """Return a colleague's absences, the latest first; raises NoSuchObject."""
    _member(session, actor, staff_id)
    return session.scalars(
        select(StaffAbsence)
        .where(StaffAbsence.clinic_id == actor.clinic_id, StaffAbsence.staff_id == staff_id)
        .order_by(StaffAbsence.from_date.desc(), StaffAbsence.id.desc())
    ).all()


def add_absence(
    session: Session, actor: Actor, staff_id: UUID, new: NewAbsence, *, now: datetime
) -> StaffAbsence:
    """Note that somebody is away; raises NoSuchObject, InvalidField."""
    _member(session, actor, staff_id)
    if new.to_date < new.from_date:
        raise InvalidField("/to", "Must not be before the first day.")
    if new.cover is not None:
        cover = session.get(StaffMember, (actor.clinic_id, new.cover))
        if cover is None or cover.disabled_at is not None or new.cover == staff_id:
            raise InvalidField("/cover", "Must be another colleague.")
    absence = StaffAbsence(
        clinic_id=actor.clinic_id,
        id=new_id(now=now),
        staff_id=staff_id,
        from_date=new.from_date,
        to_date=new.to_date,
        cover_id=new.cover,
        created_at=now,
    )
    session.add(absence)
    session.flush()
    audit.record(session, actor, "absence_added", "staff_member", staff_id, now=now)
    return absence


def remove_absence(
    session: Session, actor: Actor, staff_id: UUID, absence_id: UUID, *, now: datetime
) -> None:
    """Take an absence back; raises NoSuchObject."""
    absence = session.get(StaffAbsence, (actor.clinic_id, absence_id))
    if absence is None or absence.staff_id != staff_id:
        raise NoSuchObject("absence")
    session.delete(absence)
    session.flush()
    audit.record(session, actor, "absence_removed", "staff_member", staff_id, now=now)


def _member(session: Session, actor: Actor, staff_id: UUID) -> StaffMember:
    member = session.get(StaffMember, (actor.clinic_id, staff_id))
    if member is None:
        raise NoSuchObject("staff member")
    return member
