"""Which clinic a command means."""

from uuid import UUID

from sqlalchemy import select

from recovery_service.cli.refusals import Refusal
from recovery_service.database import transaction
from recovery_service.models import Clinic
from recovery_service.services.new_clinics import clinics_called


def clinic_named(wanted: str) -> UUID:
    """Return the id of a clinic by its id or name; two of one name are told apart by id."""
    with transaction() as session:
        try:
            found = session.get(Clinic, UUID(wanted))
            clinics = [found] if found else []
        except ValueError:
            clinics = list(clinics_called(session, wanted))
        ids = [each.id for each in clinics]
    if len(ids) != 1:
        told = "several clinics have this name; give one id" if ids else "there is no such clinic"
        raise Refusal(f"{told}: {', '.join(map(str, ids)) or wanted}")
    return ids[0]


def only_clinic() -> UUID:
    """Return the id of the one clinic that there is."""
    with transaction() as session:
        ids = session.scalars(select(Clinic.id).limit(2)).all()
    if len(ids) != 1:
        raise Refusal("name the clinic with --clinic" if ids else "there is no clinic yet")
    return ids[0]
