"""The patient's own agenda with what the device reminds of, as one document."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain.local_time import start_of_day
from recovery_service.services.agenda import agenda
from recovery_service.services.device_plan import read_device_plan

_DAY = timedelta(days=1)


def my_agenda(
    session: Session,
    clinic_id: UUID,
    patient_id: UUID,
    days: tuple[date, date],
    *,
    time_zone: str,
    now: datetime,
    language: str,
) -> dict[str, Any]:
    """Return the agenda of some local dates, the first and the last included."""
    first, last = days
    return {
        "from_date": first,
        "to_date": last,
        "time_zone": time_zone,
        "valid_until": start_of_day(time_zone, last + _DAY),
        "items": agenda(session, clinic_id, patient_id, first, last, now=now, language=language),
        "device_plan": read_device_plan(session, clinic_id, patient_id, now=now),
    }
