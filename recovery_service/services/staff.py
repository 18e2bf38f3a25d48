"""Members of staff: who works here, in which roles, and how they sign in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import any_, delete, func, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor, Role
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.keys import Keys
from recovery_service.errors import (
    EmailTaken,
    LastAdmin,
    NoSuchObject,
    NotAllowed,
    SessionExpired,
)
from recovery_service.models import StaffMember, StaffSession
from recovery_service.services import audit, directory
from recovery_service.services.passwords import hash_password, require_strong
from recovery_service.services.tokens import revoke_families

_UNIQUE_EMAIL = "uq_staff_member_clinic_id_email"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStaffMember:
    """Somebody who is to work here; without a password they cannot sign in yet."""

    email: str
    name: str
    roles: Sequence[str]
    locale: str = "en"
    password: str | None = field(default=None, repr=False)


def staff_of(
    session: Session, actor: Actor, *, before: tuple[Any, ...] | None, limit: int
) -> Sequence[StaffMember]:
    """Return the clinic's staff, newest first, one more than `limit`."""
    wanted = select(StaffMember).where(StaffMember.clinic_id == actor.clinic_id)
    if before is not None:
        place = func.row(StaffMember.created_at, StaffMember.id)
        wanted = wanted.where(place < func.row(*before))
    newest_first = wanted.order_by(StaffMember.created_at.desc(), StaffMember.id.desc())
    return session.scalars(newest_first.limit(limit + 1)).all()


def member_in_scope(
    session: Session, actor: Actor, staff_id: UUID, *, lock: bool = False
) -> StaffMember:
    """Return a member of the actor's clinic; raises NoSuchObject."""
    member = session.get(
        StaffMember, (actor.clinic_id, staff_id), with_for_update=lock, populate_existing=lock
    )
    if member is None:
        raise NoSuchObject("member of staff")
    return member


def add_member(
    session: Session, actor: Actor, keys: Keys, new: NewStaffMember, *, now: datetime
) -> StaffMember:
    """Add somebody; raises EmailTaken, or InvalidField for a weak password."""
    email = new.email.strip().lower()
    if new.password is not None:
        require_strong(new.password, about=(new.name, email))
    member = StaffMember(
        clinic_id=actor.clinic_id,
        id=new_id(now=now),
        email=email,
        name=new.name,
        roles=sorted(set(new.roles)),
        locale=new.locale,
        password_hash=None if new.password is None else hash_password(new.password),
        created_at=now,
        updated_at=now,
    )
    session.add(member)
    _flush(session)
    directory.enter(session, "staff_email", keys.staff_email(email), actor.clinic_id)
    audit.record(session, actor, "staff_added", "staff_member", member.id, now=now)
    return member


def change_member(
    session: Session,
    actor: Actor,
    keys: Keys,
    staff_id: UUID,
    changes: Mapping[str, Any],
    *,
    now: datetime,
) -> StaffMember:
    """Change somebody; `disabled` is true or false, `password` a new one.

    Being disabled and a new password end every session at once. Raises NoSuchObject,
    EmailTaken, LastAdmin, NotAllowed for one's own roles or access, or InvalidField.
    """
    others = _other_admins(session, actor, staff_id)
    member = member_in_scope(session, actor, staff_id, lock=True)
    _require_allowed(actor, member, changes, others)
    if "email" in changes:
        _move_email(session, keys, member, changes["email"])
    for name in ("name", "locale", "alert_mail"):
        setattr(member, name, changes.get(name, getattr(member, name)))
    if "roles" in changes:
        member.roles = sorted(set(changes["roles"]))
    if "disabled" in changes:
        member.disabled_at = (member.disabled_at or now) if changes["disabled"] else None
    if "password" in changes:
        require_strong(changes["password"], about=(member.name, member.email))
        member.password_hash = hash_password(changes["password"])
    if changes.get("disabled") or "password" in changes:
        end_sessions(session, member, now=now)
    member.version, member.updated_at = member.version + 1, now
    _flush(session)
    audit.record(session, actor, _event(changes), "staff_member", member.id, now=now)
    return member


def end_sessions(session: Session, member: StaffMember, *, now: datetime) -> None:
    """End all tokens and all browsers of a member; the next request is refused."""
    revoke_families(
        session, member.clinic_id, reason=SessionExpired.code, now=now, staff_id=member.id
    )
    session.execute(
        delete(StaffSession).where(
            StaffSession.clinic_id == member.clinic_id, StaffSession.staff_id == member.id
        )
    )


def _other_admins(session: Session, actor: Actor, staff_id: UUID) -> int:
    """Count the admins besides, and hold them: two who demote each other come one by one."""
    admins = session.scalars(
        select(StaffMember)
        .where(
            StaffMember.clinic_id == actor.clinic_id,
            literal(Role.ADMIN.value) == any_(StaffMember.roles),
        )
        .order_by(StaffMember.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    return sum(each.id != staff_id and each.disabled_at is None for each in admins)


def _require_allowed(
    actor: Actor, member: StaffMember, changes: Mapping[str, Any], other_admins: int
) -> None:
    """Refuse what would leave nobody in charge, or lets somebody change their own powers."""
    roles = set(changes.get("roles", member.roles))
    leaves = Role.ADMIN.value not in roles or changes.get("disabled", False)
    if Role.ADMIN.value in member.roles and leaves and other_admins == 0:
        raise LastAdmin
    if member.id != actor.id:
        return
    if roles != set(member.roles):
        raise NotAllowed("change your own roles")
    if changes.get("disabled"):
        raise NotAllowed("disable your own account")


def _move_email(session: Session, keys: Keys, member: StaffMember, wanted: str) -> None:
    email = wanted.strip().lower()
    if email == member.email:
        return
    before, member.email = member.email, email
    _flush(session)
    directory.remove(session, "staff_email", keys.staff_email(before), member.clinic_id)
    directory.enter(session, "staff_email", keys.staff_email(email), member.clinic_id)


def _flush(session: Session) -> None:
    """Write; of two who take one address at once, the database lets one through."""
    try:
        session.flush()
    except IntegrityError as error:
        if _UNIQUE_EMAIL in str(error.orig):
            raise EmailTaken from None
        raise


def _event(changes: Mapping[str, Any]) -> str:
    if "disabled" in changes:
        return "staff_disabled" if changes["disabled"] else "staff_enabled"
    return "staff_roles_changed" if "roles" in changes else "staff_changed"
