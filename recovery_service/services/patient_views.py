"""A patient as staff see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from recovery_service.errors import NoSuchObject
from recovery_service.models import CareTeamMember, Destination, Patient, PatientExternalId
from recovery_service.services.addresses import addresses_of
from recovery_service.services.episode_views import EpisodeView, view_episode
from recovery_service.services.patients import care_team_of, external_ids_of
from recovery_service.services.scope import current_episode


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientView:
    """A patient with everything that one page shows."""

    patient: Patient
    external_ids: Sequence[PatientExternalId]
    addresses: Sequence[Destination]
    care_team: Sequence[CareTeamMember]
    episode: EpisodeView | None


def view_patient(session: Session, patient: Patient, *, now: datetime) -> PatientView:
    """Return the patient as they stand now, with the current or the latest episode."""
    try:
        episode = current_episode(session, patient.clinic_id, patient.id)
        view = view_episode(session, episode, patient, now=now)
    except NoSuchObject:
        view = None
    return PatientView(
        patient=patient,
        external_ids=external_ids_of(session, patient),
        addresses=addresses_of(session, patient),
        care_team=care_team_of(session, patient),
        episode=view,
    )
