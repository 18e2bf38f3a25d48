"""Check-ins and alerts of days gone by, as they are stored."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from recovery_service.database import transaction
from recovery_service.models import Alert, CheckIn
from tests.factories import PatientAtHome

HERE = ZoneInfo("Europe/London")


def reported(patient: PatientAtHome, day: date, **answers: Any) -> UUID:
    """Store what a patient said of a day, at nine that morning."""
    at = datetime.combine(day, time(9), tzinfo=HERE)
    made = uuid4()
    with transaction(patient.clinic_id) as session:
        session.add(
            CheckIn(
                clinic_id=patient.clinic_id,
                id=made,
                episode_id=patient.episode_id,
                local_date=day,
                recorded_at=at,
                received_at=at,
                time_zone="Europe/London",
                form_version="1",
                answers=answers,
            )
        )
    return made


def alerted(
    patient: PatientAtHome, day: date, rule: str, *, tier: str = "same_day",
    resolution: str | None = "advised",
) -> UUID:  # fmt: skip
    """Store an alert of a day that was resolved on the next, or is open (None)."""
    at = datetime.combine(day, time(9), tzinfo=HERE)
    made = uuid4()
    with transaction(patient.clinic_id) as session:
        session.add(
            Alert(
                clinic_id=patient.clinic_id,
                id=made,
                patient_id=patient.id,
                episode_id=patient.episode_id,
                rule_id=rule,
                rule_version=1,
                tier=tier,
                state="open" if resolution is None else "resolved",
                raised_at=at,
                found_at=at,
                resolved_at=None if resolution is None else at + timedelta(days=1),
                resolution=resolution,
                created_at=at,
                updated_at=at,
            )
        )
    return made
