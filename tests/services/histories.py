"""What patients of the caseload's tests reported and did, as phone and loop leave it."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.extensions import parts
from recovery_service.models import Appointment, CheckIn, Occurrence
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import Item, plan_item

TODAY = date(2026, 3, 2)


def settled(clinic: ClinicWithStaff, clock: ManualClock, **changes: Any) -> PatientAtHome:
    """Return a patient three weeks after surgery with a live plan, about whom nothing is wrong."""
    patient = make_patient(
        clinic, now=clock(), surgery_date=date(2026, 2, 9), discharge_date=date(2026, 2, 10),
        **changes,
    )  # fmt: skip
    plan_item(patient, now=clock())
    return patient


def tell(patient: PatientAtHome, back: int, *, hour: int = 8, **answers: Any) -> None:
    """Store what the patient reported so many days ago."""
    day = TODAY - timedelta(days=back)
    at = datetime(day.year, day.month, day.day, hour, tzinfo=parts().clock().tzinfo)
    with transaction(patient.clinic_id) as session:
        session.add(
            CheckIn(
                clinic_id=patient.clinic_id, id=uuid4(), episode_id=patient.episode_id,
                local_date=day, recorded_at=at, received_at=at, time_zone="Europe/London",
                form_version="1", answers=answers,
            )
        )  # fmt: skip


def happened(item: Item, back: int, state: str, reason: str | None = None, slot: str = "a") -> None:
    """Store how an occurrence of so many days ago ended."""
    day = TODAY - timedelta(days=back)
    at = datetime(day.year, day.month, day.day, 7, tzinfo=parts().clock().tzinfo)
    with transaction(item.clinic_id) as session:
        session.add(
            Occurrence(
                clinic_id=item.clinic_id, lineage_id=item.lineage,
                occ_key=f"{day:%Y%m%d}.{slot}", local_date=day, due_at=at,
                expires_at=at + timedelta(hours=1), state=state, reason=reason, closed_at=at,
            )
        )  # fmt: skip


def appointment(
    session: Any, patient: PatientAtHome, clinic: ClinicWithStaff, clock: ManualClock,
    state: str, starts_at: datetime | None, window: tuple[int, int] | None = None,
    response: str | None = None,
) -> None:  # fmt: skip
    """Store an appointment; `window` is in days from today."""
    first, last = (TODAY + timedelta(days=each) for each in window or (0, 0))
    session.add(
        Appointment(
            clinic_id=clinic.id, id=uuid4(), patient_id=patient.id, site_id=clinic.site_id,
            episode_id=patient.episode_id, kind="visit", state=state, title={"en": "Visit"},
            starts_at=starts_at, minutes=30, window_from=window and first,
            window_to=window and last, created_at=clock(), updated_at=clock(),
            response=response, responded_at=response and clock(),
        )
    )  # fmt: skip
