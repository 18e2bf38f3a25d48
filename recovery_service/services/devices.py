"""Devices: installations of the app, and how reminders reach them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.errors import DeviceIdTaken, NoSuchObject, SessionExpired, TooManyDevices
from recovery_service.models import Device, Patient, RefreshToken, TokenFamily
from recovery_service.services.destinations import add_push, push_destinations, retire_push
from recovery_service.services.late_reminders import remind_late
from recovery_service.services.tokens import revoke_families

#: Every device is pushed to, so their number bounds what one patient costs.
MAX_DEVICES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice:
    """What an app says about itself when it enrols; the client chose the id."""

    id: UUID
    name: str
    platform: str
    time_zone: str
    locale: str
    app_version: str
    public_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """What a device says of itself; ``told`` are the columns that it set.

    ``subscription`` is `{endpoint, keys: {p256dh, auth}}` for ``webpush`` and `{token}`
    for the others; ``subscription_told`` says whether the report speaks of it at all.
    """

    platform: str
    told: Mapping[str, Any]
    permission: str
    subscription: Mapping[str, Any] | None = field(default=None, repr=False)
    subscription_told: bool = False


def enrol_device(session: Session, patient: Patient, new: NewDevice, *, now: datetime) -> None:
    """Store the device, or bring back one that the patient had; raises DeviceIdTaken."""
    row = {
        "clinic_id": patient.clinic_id,
        "patient_id": patient.id,
        "created_at": now,
        "id": new.id,
        "permission": "unknown",
    }
    told = {
        "name": new.name,
        "platform": new.platform,
        "public_key": new.public_key,
        "time_zone": new.time_zone,
        "locale": new.locale,
        "app_version": new.app_version,
        "last_seen_at": now,
        "revoked_at": None,
    }
    # One statement: of two patients with one id, exactly one gets it.
    stored = session.scalar(
        insert(Device)
        .values(row | told)
        .on_conflict_do_update(
            index_elements=["clinic_id", "id"],
            set_=told,
            where=Device.patient_id == patient.id,
        )
        .returning(Device.id)
    )
    if stored is None:
        raise DeviceIdTaken
    end_sessions(session, patient.clinic_id, now=now, device_id=new.id)


def report_device(
    session: Session,
    clinic_id: UUID,
    patient_id: UUID,
    device_id: UUID,
    report: DeviceReport,
    *,
    now: datetime,
) -> tuple[Device, bool]:
    """Store what a device says of itself; return it and whether it is new.

    A changed subscription retires the old destination and makes a new one, to which goes
    what is due and has reached nobody; a denied permission retires it. Raises
    NoSuchObject for another's device or a revoked one.
    """
    patient = locked_patient(session, clinic_id, patient_id)
    device = session.get(Device, (clinic_id, device_id))
    created = device is None
    if device is None:
        _require_room(session, patient)
        device = Device(clinic_id=clinic_id, id=device_id, patient_id=patient_id, created_at=now)
    elif device.patient_id != patient_id or device.revoked_at is not None:
        raise NoSuchObject("device")
    for name, value in report.told.items():
        setattr(device, name, value)
    device.platform, device.permission, device.last_seen_at = (
        report.platform,
        report.permission,
        now,
    )
    session.add(device)
    session.flush()
    _route_pushes(session, patient, device, report, now=now)
    return device, created


def devices_of(
    session: Session,
    clinic_id: UUID,
    patient_id: UUID,
    *,
    before: tuple[Any, ...] | None,
    limit: int,
) -> list[Device]:
    """Return the patient's living devices, newest first, one more than `limit`."""
    living = (
        select(Device)
        .where(
            Device.clinic_id == clinic_id,
            Device.patient_id == patient_id,
            Device.revoked_at.is_(None),
        )
        .order_by(Device.created_at.desc(), Device.id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        created_at, device_id = before
        place = func.row(Device.created_at, Device.id)
        living = living.where(place < func.row(created_at, device_id))
    return list(session.scalars(living))


def revoke_device(
    session: Session, clinic_id: UUID, patient_id: UUID, device_id: UUID, *, now: datetime
) -> None:
    """End one device of the patient: its sessions and its reminders; others stay."""
    device = session.get(Device, (clinic_id, device_id), with_for_update=True)
    if device is None or device.patient_id != patient_id:
        raise NoSuchObject("device")
    device.revoked_at = device.revoked_at or now
    end_sessions(session, clinic_id, now=now, device_id=device_id)
    retire_push(session, clinic_id, reason="revoked", now=now, device_id=device_id)


def revoke_every_device(
    session: Session, clinic_id: UUID, patient_id: UUID, *, reason: str, now: datetime
) -> None:
    """End all devices, sessions and push destinations of a patient at once."""
    living = update(Device).where(
        Device.clinic_id == clinic_id, Device.patient_id == patient_id, Device.revoked_at.is_(None)
    )
    session.execute(living.values(revoked_at=now))
    end_sessions(session, clinic_id, now=now, patient_id=patient_id)
    retire_push(session, clinic_id, reason=reason, now=now, patient_id=patient_id)


def sign_out(session: Session, actor: Actor, *, now: datetime) -> None:
    """End the actor's session; a phone that has logged out gets no more pushes."""
    if actor.family_id is not None:
        end_sessions(session, actor.clinic_id, now=now, id=actor.family_id)
    if actor.device_id is not None:
        retire_push(
            session, actor.clinic_id, reason="signed_out", now=now, device_id=actor.device_id
        )


def end_sessions(session: Session, clinic_id: UUID, *, now: datetime, **which: UUID) -> None:
    """End the sessions of a ``device_id``, a ``patient_id`` or a family ``id``."""
    revoke_families(session, clinic_id, reason=SessionExpired.code, now=now, **which)


def device_seen(session: Session, clinic_id: UUID, token_hash: bytes, *, now: datetime) -> None:
    """Note that the device of a refresh token was here."""
    holder = (
        select(TokenFamily.device_id)
        .join(
            RefreshToken,
            (RefreshToken.clinic_id == TokenFamily.clinic_id)
            & (RefreshToken.family_id == TokenFamily.id),
        )
        .where(RefreshToken.clinic_id == clinic_id, RefreshToken.token_hash == token_hash)
    )
    seen = update(Device).where(
        Device.clinic_id == clinic_id, Device.id == holder.scalar_subquery()
    )
    session.execute(seen.values(last_seen_at=now).execution_options(synchronize_session=False))


def locked_patient(session: Session, clinic_id: UUID, patient_id: UUID) -> Patient:
    """Return the patient, whose changes then wait for each other."""
    return session.get_one(Patient, (clinic_id, patient_id), with_for_update={"key_share": True})


def _require_room(session: Session, patient: Patient) -> None:
    living = select(func.count()).where(
        Device.clinic_id == patient.clinic_id,
        Device.patient_id == patient.id,
        Device.revoked_at.is_(None),
    )
    if (session.scalar(living) or 0) >= MAX_DEVICES:
        raise TooManyDevices(MAX_DEVICES)


def _route_pushes(
    session: Session, patient: Patient, device: Device, report: DeviceReport, *, now: datetime
) -> None:
    current = push_destinations(session, device.clinic_id, [device.id]).get(device.id)
    reason, wanted = "replaced", report.subscription
    if report.permission == "denied":
        reason, wanted = "denied", None
    elif not report.subscription_told:
        return
    elif wanted is None:
        reason = "withdrawn"
    if current is not None:
        if wanted == current.subscription and report.platform == current.channel:
            return
        retire_push(session, device.clinic_id, reason=reason, now=now, device_id=device.id)
    if wanted is not None:
        add_push(session, patient, device.id, report.platform, wanted, now=now)
        remind_late(session, patient, now=now)
