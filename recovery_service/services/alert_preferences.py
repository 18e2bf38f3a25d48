"""How a member of staff is told of alerts: by mail, by push, of which tiers, in which browsers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.errors import DeviceIdTaken, NoSuchObject, TooManyDevices
from recovery_service.models import StaffDevice, StaffMember
from recovery_service.services import audit
from recovery_service.services.staff import member_in_scope

#: Every browser is pushed to.
MAX_DEVICES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStaffDevice:
    """A browser that may be pushed to: `subscription` is `{endpoint, keys: {p256dh, auth}}`."""

    name: str
    subscription: Mapping[str, Any] = field(repr=False)


def preferences_of(session: Session, actor: Actor) -> StaffMember:
    """Return the actor as a member of staff."""
    return _me(session, actor)


def choose(
    session: Session, actor: Actor, changes: Mapping[str, str], *, now: datetime
) -> StaffMember:
    """Change `mail` or `push`: the least pressing tier of which the actor wants it, or `none`."""
    member = _me(session, actor, lock=True)
    member.alert_mail = changes.get("mail", member.alert_mail)
    member.alert_push = changes.get("push", member.alert_push)
    member.version, member.updated_at = member.version + 1, now
    session.flush()
    audit.record(session, actor, "staff_changed", "staff_member", member.id, now=now)
    return member


def devices_of(session: Session, actor: Actor) -> Sequence[StaffDevice]:
    """Return the actor's living browsers, newest first."""
    return session.scalars(
        select(StaffDevice)
        .where(*_living(actor))
        .order_by(StaffDevice.created_at.desc(), StaffDevice.id.desc())
    ).all()


def put_device(
    session: Session, actor: Actor, device_id: UUID, new: NewStaffDevice, *, now: datetime
) -> tuple[StaffDevice, bool]:
    """Store a browser of the actor, or what changed of it; return it, and whether it is new.

    Raises DeviceIdTaken (a colleague's), TooManyDevices.
    """
    _me(session, actor, lock=True)  # two at once come one by one
    device = session.get(StaffDevice, (actor.clinic_id, device_id))
    if device is not None and device.staff_id != actor.id:
        raise DeviceIdTaken
    created = device is None
    if device is None or device.retired_at is not None:
        living = session.scalar(select(func.count()).where(*_living(actor))) or 0
        if living >= MAX_DEVICES:
            raise TooManyDevices(MAX_DEVICES)
    if device is None:
        device = StaffDevice(
            clinic_id=actor.clinic_id, id=device_id, staff_id=actor.id, created_at=now
        )
        session.add(device)
    device.name, device.subscription = new.name, dict(new.subscription)
    device.retired_at, device.retired_reason = None, None
    session.flush()
    audit.record(session, actor, "staff_device_added", "staff_device", device_id, now=now)
    return device, created


def take_away(session: Session, actor: Actor, device_id: UUID, *, now: datetime) -> None:
    """Push nothing more to a browser of the actor; raises NoSuchObject."""
    device = session.get(StaffDevice, (actor.clinic_id, device_id), with_for_update=True)
    if device is None or device.staff_id != actor.id:
        raise NoSuchObject("device")
    if device.retired_at is None:
        device.retired_at, device.retired_reason = now, "revoked"
    session.flush()
    audit.record(session, actor, "staff_device_revoked", "staff_device", device_id, now=now)


def _me(session: Session, actor: Actor, *, lock: bool = False) -> StaffMember:
    if actor.id is None:
        raise NoSuchObject("member of staff")
    return member_in_scope(session, actor, actor.id, lock=lock)


def _living(actor: Actor) -> tuple[Any, ...]:
    return (
        StaffDevice.clinic_id == actor.clinic_id,
        StaffDevice.staff_id == actor.id,
        StaffDevice.retired_at.is_(None),
    )
