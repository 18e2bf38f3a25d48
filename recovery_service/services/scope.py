"""Finding what an actor may see; everything else does not exist for them."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.errors import NoSuchObject
from recovery_service.models import Episode, Patient


def patient_in_scope(session: Session, actor: Actor, patient_id: UUID) -> Patient:
    """Return a patient of the actor's clinic; raises NoSuchObject."""
    patient = session.scalars(
        select(Patient).where(Patient.clinic_id == actor.clinic_id, Patient.id == patient_id)
    ).one_or_none()
    if patient is None:
        raise NoSuchObject("patient")
    return patient


def episode_in_scope(
    session: Session, actor: Actor, episode_id: UUID, *, lock: bool = False
) -> Episode:
    """Return an episode of the actor's clinic; raises NoSuchObject."""
    wanted = select(Episode).where(Episode.clinic_id == actor.clinic_id, Episode.id == episode_id)
    episode = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
    if episode is None:
        raise NoSuchObject("episode")
    return episode


def current_episode(session: Session, clinic_id: UUID, patient_id: UUID) -> Episode:
    """Return the patient's episode that has not ended, else the latest; raises NoSuchObject."""
    episode = session.scalars(
        select(Episode)
        .where(Episode.clinic_id == clinic_id, Episode.patient_id == patient_id)
        .order_by((Episode.state == "ended"), Episode.discharge_date.desc(), Episode.id.desc())
        .limit(1)
    ).one_or_none()
    if episode is None:
        raise NoSuchObject("episode")
    return episode
