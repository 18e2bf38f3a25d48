"""Addresses of a patient: e-mail and SMS, as staff know them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.identifiers import new_id
from recovery_service.domain.preferences import muted_kinds
from recovery_service.errors import InvalidField
from recovery_service.models import Destination, Patient
from recovery_service.services.late_reminders import remind_late

CHANNELS = ("email", "sms")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAddress:
    """One address; ``verified`` says that it was tried and belongs to the patient."""

    channel: str
    value: str
    verified: bool = False
    opted_out: bool = False


def addresses_of(session: Session, patient: Patient) -> Sequence[Destination]:
    """Return the addresses in use."""
    return session.scalars(
        select(Destination)
        .where(
            Destination.clinic_id == patient.clinic_id,
            Destination.patient_id == patient.id,
            Destination.channel.in_(CHANNELS),
            Destination.retired_at.is_(None),
        )
        .order_by(Destination.channel, Destination.id)
    ).all()


def replace_addresses(
    session: Session, patient: Patient, wanted: Sequence[NewAddress], *, now: datetime
) -> Sequence[Destination]:
    """Make these the patient's addresses; one that stays keeps what is known of it.

    To one that can be used from now on goes what is due and has reached nobody.
    """
    keys = [(each.channel, each.value) for each in wanted]
    if len(set(keys)) < len(keys):
        raise InvalidField("/addresses", "The same address stands here twice.")
    standing = {(row.channel, row.address): row for row in addresses_of(session, patient)}
    for key, row in standing.items():
        if key not in keys:
            row.retired_at, row.retired_reason = now, "replaced"
    session.flush()
    usable = {key for key, row in standing.items() if _takes(row)}
    for each in wanted:
        row = standing.get((each.channel, each.value)) or _added(session, patient, each, now=now)
        row.verified_at = (row.verified_at or now) if each.verified else None
        row.opted_out_at = (row.opted_out_at or now) if each.opted_out else None
    session.flush()
    addresses = addresses_of(session, patient)
    if any(_takes(row) and (row.channel, row.address) not in usable for row in addresses):
        remind_late(session, patient, now=now)
    return addresses


def _takes(row: Destination) -> bool:
    return row.verified_at is not None and row.opted_out_at is None


def _added(session: Session, patient: Patient, new: NewAddress, *, now: datetime) -> Destination:
    row = Destination(
        clinic_id=patient.clinic_id,
        id=new_id(now=now),
        patient_id=patient.id,
        channel=new.channel,
        address=new.value,
        muted_kinds=muted_kinds(
            patient.preferences, new.channel, contact_mode=patient.contact_mode
        ),
        created_at=now,
    )
    session.add(row)
    return row
