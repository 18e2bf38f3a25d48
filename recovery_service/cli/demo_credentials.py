"""The demo's sign-ins for people, scripts and integrators, with a usable code for each phone."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from recovery_service.cli.applications import application
from recovery_service.cli.demo_clinic_people import CLINIC, COLLEAGUES
from recovery_service.cli.demo_folder import DemoFolder, read_codes
from recovery_service.database import transaction
from recovery_service.extensions import parts
from recovery_service.models import Clinic, EnrolmentCode, Episode, Patient
from recovery_service.services.enrolment import create_code
from recovery_service.services.new_clinics import clinics_called

# A code that was written down must outlast the day on which somebody tries it.
_FRESH = timedelta(days=2)


def credentials(settings: Settings, place: DemoFolder) -> dict[str, Any]:
    """Return who can sign in, and every patient with a phone and a code that still opens."""
    secrets = place.secrets()
    with application(settings):
        patients = _patients(read_codes(place.credentials))
    return {
        "base_url": settings.base_url,
        "clinic": CLINIC,
        "staff": [
            {
                "email": each.email,
                "name": each.name,
                "password": secrets.passwords[each.email],
                "role": each.role,
            }
            | ({"totp_secret": secrets.totp_seeds[each.email]} if each.totp else {})
            for each in COLLEAGUES
        ],
        "patients": patients,
    }


def _patients(codes: dict[str, str]) -> list[dict[str, Any]]:
    with transaction() as session:
        clinic = clinics_called(session, CLINIC)[0]
    with transaction(clinic.id) as session:
        rows = session.execute(
            select(Patient, Episode)
            .join(
                Episode,
                (Episode.clinic_id == Patient.clinic_id) & (Episode.patient_id == Patient.id),
            )
            .where(
                Patient.clinic_id == clinic.id,
                Patient.contact_mode == "app",
                Episode.state != "ended",
            )
            .order_by(Patient.name)
        ).all()
        return [_credential(session, clinic, patient, episode, codes) for patient, episode in rows]


def _credential(
    session: Session, clinic: Clinic, patient: Patient, episode: Episode, codes: dict[str, str]
) -> dict[str, Any]:
    code = codes.get(str(patient.id))
    if code is None or not _opens(session, clinic, code):
        code = create_code(
            session,
            parts().keys,
            parts().content,
            patient,
            episode,
            created_by=None,
            lost_device=False,
            now=parts().clock(),
        )
    return {
        "id": str(patient.id),
        "name": patient.name,
        "date_of_birth": patient.date_of_birth.isoformat(),
        "procedure": episode.procedure,
        "enrolment_code": code,
    }


def _opens(session: Session, clinic: Clinic, code: str) -> bool:
    """Tell whether a code that was given out will still let a phone in tomorrow."""
    row = session.scalars(
        select(EnrolmentCode).where(
            EnrolmentCode.clinic_id == clinic.id,
            EnrolmentCode.code_hash == parts().keys.enrolment_code(code),
        )
    ).one_or_none()
    return (
        row is not None
        and row.used_at is None
        and row.revoked_at is None
        and row.expires_at > parts().clock() + _FRESH
    )
