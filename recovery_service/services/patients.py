"""Patients: registered with their first episode, changed, reached, followed by a team."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.content import Content
from recovery_service.domain.episodes import NewEpisode
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.keys import Keys
from recovery_service.domain.local_time import local_date
from recovery_service.errors import ContentNotApproved, ExternalIdKnown, InvalidField
from recovery_service.models import (
    CareTeamMember,
    Episode,
    Patient,
    PatientExternalId,
    StaffMember,
)
from recovery_service.services import audit
from recovery_service.services.addresses import NewAddress, replace_addresses
from recovery_service.services.destinations import mute
from recovery_service.services.enrolment import Renewal, renew_code
from recovery_service.services.episodes import open_episode
from recovery_service.services.schedules import replan_patient

OLDEST = 120
_REPLANNING = frozenset({"time_zone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPatient:
    """A patient as staff enter them, with the episode that brings them here."""

    name: str
    date_of_birth: date
    time_zone: str
    locale: str
    episode: NewEpisode
    contact_mode: str = "app"
    external_ids: Sequence[tuple[str, str]] = ()
    phone: str | None = None
    email: str | None = None
    care_team: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A patient just registered; the code is shown once, and only where there is an app.

    `withheld` says why there is none yet, where content is not approved.
    """

    patient: Patient
    episode: Episode
    enrolment_code: str | None
    withheld: ContentNotApproved | None = None


def register_patient(
    session: Session, actor: Actor, keys: Keys, content: Content, new: NewPatient, *, now: datetime
) -> Registered:
    """Store a patient, the first episode, the care team, and a code for the phone.

    While content is not approved the patient is registered without a code. Raises
    InvalidField naming the field, or ExternalIdKnown.
    """
    _require_birth(new.date_of_birth, today=local_date(new.time_zone, now))
    patient = Patient(
        clinic_id=actor.clinic_id,
        id=new_id(now=now),
        name=new.name,
        date_of_birth=new.date_of_birth,
        time_zone=new.time_zone,
        locale=new.locale,
        contact_mode=new.contact_mode,
        preferences={},
        created_at=now,
        updated_at=now,
    )
    session.add(patient)
    session.flush()
    _add_external_ids(session, patient, new.external_ids)
    addresses = [("sms", new.phone), ("email", new.email)]
    given = [NewAddress(channel=channel, value=value) for channel, value in addresses if value]
    replace_addresses(session, patient, given, now=now)
    set_care_team(session, patient, new.care_team or _author(actor), now=now)
    audit.record(
        session, actor, "patient_registered", "patient", patient.id, patient_id=patient.id, now=now
    )
    episode = open_episode(
        session, actor, content, patient, new.episode, now=now, pointer="/episode"
    )
    made = Renewal()
    if new.contact_mode == "app":
        made = renew_code(
            session, keys, content, patient, episode,
            created_by=actor.id, lost_device=False, now=now,
        )  # fmt: skip
    return Registered(
        patient=patient, episode=episode, enrolment_code=made.code, withheld=made.refusal
    )


def change_patient(
    session: Session, actor: Actor, patient: Patient, changes: Mapping[str, Any], *, now: datetime
) -> Patient:
    """Change what is known of a patient; a moved zone re-plans in the same transaction."""
    if "date_of_birth" in changes:
        _require_birth(changes["date_of_birth"], today=local_date(patient.time_zone, now))
    if "external_ids" in changes:
        for row in external_ids_of(session, patient):
            session.delete(row)
        session.flush()
        _add_external_ids(session, patient, changes["external_ids"])
    moved = any(name in changes and changes[name] != getattr(patient, name) for name in _REPLANNING)
    for name, value in changes.items():
        if name != "external_ids":
            setattr(patient, name, value)
    touch(patient, now=now)
    session.flush()
    if moved:
        replan_patient(session, patient, now=now)
    if "contact_mode" in changes:
        mute(session, patient, now=now)
    audit.record(
        session, actor, "patient_changed", "patient", patient.id, patient_id=patient.id, now=now
    )
    return patient


def touch(patient: Patient, *, now: datetime) -> None:
    """Count a change of the patient, or of what staff see and edit as a part of them."""
    patient.version += 1
    patient.updated_at = now


def set_care_team(
    session: Session, patient: Patient, staff_ids: Sequence[UUID], *, now: datetime
) -> None:
    """Let these people follow the patient from today on; the first of them leads."""
    _require_staff(session, patient.clinic_id, staff_ids)
    today = local_date(patient.time_zone, now)
    # Who left today and comes back today takes up the same row.
    rows = session.scalars(
        select(CareTeamMember).where(
            CareTeamMember.clinic_id == patient.clinic_id,
            CareTeamMember.patient_id == patient.id,
            CareTeamMember.to_date.is_(None) | (CareTeamMember.from_date == today),
        )
    )
    known = {row.staff_id: row for row in rows}
    for staff_id, row in known.items():
        if staff_id not in staff_ids and row.to_date is None:
            row.to_date = max(row.from_date, today)
    for place, staff_id in enumerate(staff_ids):
        row = known.get(staff_id) or CareTeamMember(
            clinic_id=patient.clinic_id,
            id=new_id(now=now),
            patient_id=patient.id,
            staff_id=staff_id,
            from_date=today,
        )
        row.to_date, row.lead = None, place == 0
        session.add(row)
    session.flush()


def care_team_of(session: Session, patient: Patient) -> Sequence[CareTeamMember]:
    """Return who follows the patient now, the lead first."""
    return session.scalars(
        select(CareTeamMember)
        .where(
            CareTeamMember.clinic_id == patient.clinic_id,
            CareTeamMember.patient_id == patient.id,
            CareTeamMember.to_date.is_(None),
        )
        .order_by(CareTeamMember.lead.desc(), CareTeamMember.id)
    ).all()


def external_ids_of(session: Session, patient: Patient) -> Sequence[PatientExternalId]:
    """Return the patient's numbers in other systems."""
    return session.scalars(
        select(PatientExternalId)
        .where(
            PatientExternalId.clinic_id == patient.clinic_id,
            PatientExternalId.patient_id == patient.id,
        )
        .order_by(PatientExternalId.system)
    ).all()


def _author(actor: Actor) -> Sequence[UUID]:
    return (actor.id,) if actor.id is not None and actor.kind == "staff" else ()


def _require_birth(born: date, *, today: date) -> None:
    if born > today:
        raise InvalidField("/date_of_birth", "Must not be in the future.")
    if born.year < today.year - OLDEST:
        raise InvalidField("/date_of_birth", f"Must not be more than {OLDEST} years ago.")


def _add_external_ids(session: Session, patient: Patient, ids: Sequence[tuple[str, str]]) -> None:
    if len(set(ids)) < len(ids):
        raise InvalidField("/external_ids", "The same id stands here twice.")
    for position, (system, value) in enumerate(ids):
        # One statement: of two patients with one id at once, exactly one gets it.
        stored = session.scalar(
            insert(PatientExternalId)
            .values(clinic_id=patient.clinic_id, system=system, value=value, patient_id=patient.id)
            .on_conflict_do_nothing()
            .returning(PatientExternalId.patient_id)
        )
        if stored is None:
            raise ExternalIdKnown(system, position=position)


def _require_staff(session: Session, clinic_id: UUID, staff_ids: Sequence[UUID]) -> None:
    if len(set(staff_ids)) < len(staff_ids):
        raise InvalidField("/care_team", "The same person stands here twice.")
    known = set(
        session.scalars(
            select(StaffMember.id).where(
                StaffMember.clinic_id == clinic_id,
                StaffMember.id.in_(staff_ids),
                StaffMember.disabled_at.is_(None),
            )
        )
    )
    for position, staff_id in enumerate(staff_ids):
        if staff_id not in known:
            raise InvalidField(f"/care_team/{position}", "There is no such member of staff.")
