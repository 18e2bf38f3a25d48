"""Check-ins that tests begin with, sent as a phone's are."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from recovery_service.database import few_trips, transaction, within
from recovery_service.domain.check_ins import NewCheckIn
from recovery_service.extensions import parts
from recovery_service.services.alerting import Advised
from recovery_service.services.check_ins import Recorded, Reporter, record_check_in
from tests.factories import ClinicWithStaff, PatientAtHome


def report(
    patient: PatientAtHome, *, now: datetime, zone: str = "Europe/London", **answers: Any
) -> Recorded:
    """Store a check-in of today; needs the application's context."""
    new = NewCheckIn(
        id=uuid4(),
        date=now.date(),
        recorded_at=now,
        time_zone=zone,
        form_version=parts().content.check_ins.form_version,
        answers=answers,
    )
    whose = Reporter(clinic_id=patient.clinic_id, patient_id=patient.id, home_zone=zone)
    with within(patient.clinic_id):
        return record_check_in(few_trips, transaction, parts().content, whose, new, now=now)


def report_something(clinic: ClinicWithStaff, patient: PatientAtHome, *, now: datetime) -> Advised:
    """Report what leads to one alert of the least pressing tier, and return its advice."""
    assert clinic.id == patient.clinic_id
    (advised,) = report(patient, now=now, days_since_bowels=4).verdict.advised
    return advised
