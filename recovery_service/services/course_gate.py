"""From when on a plan may speak."""

from datetime import date, datetime

from recovery_service.domain.local_time import start_of_day
from recovery_service.models import Episode, Patient


def gate_of(episode: Episode, patient: Patient, effective_from: date) -> datetime:
    """Return the first instant at which anything may be due.

    Discharge is the gate of every item, also of one that counts from surgery.
    """
    first_day = max(episode.discharge_date, effective_from)
    return start_of_day(patient.time_zone, first_day)
