"""The shipped plan after a fusion, in which a clinician lets a phase begin."""

from datetime import datetime

from recovery_service.database import transaction
from recovery_service.extensions import parts
from recovery_service.models import Episode, Patient
from recovery_service.services import plan_drafts, templates
from recovery_service.services.publishing import Publication, publish
from tests.factories import ClinicWithStaff, PatientAtHome


def publish_fusion(clinic: ClinicWithStaff, patient: PatientAtHome, *, now: datetime) -> None:
    """Draft and publish the template of the episode's operation."""
    content = parts().content
    with transaction(clinic.id) as session:
        episode = session.get_one(Episode, (clinic.id, patient.episode_id))
        person = session.get_one(Patient, (clinic.id, patient.id))
        template = templates.default_for(session, content, episode)
        plan_drafts.draft_from_template(session, clinic.actor(), episode, template, now=now)
        publish(session, clinic.actor(), episode, person, content, Publication(), now=now)
