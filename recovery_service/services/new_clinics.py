"""How a clinic begins: with a first site, and with somebody nobody in it could have invited."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.keys import Keys
from recovery_service.models import Clinic, Site, StaffMember
from recovery_service.services.sites import NewSite, add_site
from recovery_service.services.totp import new_seed, seal_seed


def founder(clinic_id: UUID) -> Actor:
    """Return the actor that stands for the operator, in a clinic that has nobody yet."""
    return Actor(clinic_id=clinic_id, kind="system", id=None)


def clinics_called(session: Session, name: str) -> Sequence[Clinic]:
    """Return the clinics of exactly this name; the table stands outside the wall."""
    return session.scalars(select(Clinic).where(Clinic.name == name).order_by(Clinic.id)).all()


def open_clinic(
    session: Session, actor: Actor, name: str, site: NewSite, *, kind: str, now: datetime
) -> Site:
    """Store the actor's clinic and its default site, inside that clinic's wall.

    ``kind`` is ``production, demo`` or ``sandbox``.
    """
    session.add(Clinic(id=actor.clinic_id, name=name, kind=kind, created_at=now, updated_at=now))
    session.flush()
    return add_site(session, actor, site, now=now)


def give_totp(keys: Keys, member: StaffMember) -> str:
    """Ask for one-time codes from now on; return the seed in base32, the only time it is seen."""
    seed = new_seed()
    member.totp_seed = seal_seed(keys, member.clinic_id, member.id, seed)
    return seed
