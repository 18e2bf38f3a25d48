"""Episodes as they are shown: with the recovery day and the state of the plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from recovery_service.domain.episodes import plan_state
from recovery_service.domain.local_time import zone
from recovery_service.domain.recovery_day import days_since
from recovery_service.models import Episode, Patient, PlanRevision, RecoveryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeView:
    """An episode and where it stands on the patient's calendar."""

    episode: Episode
    plan_state: str
    days_since_surgery: int | None
    days_since_discharge: int


def view_episode(
    session: Session, episode: Episode, patient: Patient, *, now: datetime
) -> EpisodeView:
    """Return the episode as it stands now."""
    published = bool(
        session.scalar(
            select(
                exists()
                .where(
                    RecoveryPlan.clinic_id == episode.clinic_id,
                    RecoveryPlan.episode_id == episode.id,
                )
                .where(
                    PlanRevision.clinic_id == RecoveryPlan.clinic_id,
                    PlanRevision.plan_id == RecoveryPlan.id,
                    PlanRevision.published_at.is_not(None),
                )
            )
        )
    )
    where = zone(patient.time_zone)
    surgery = episode.surgery_date
    return EpisodeView(
        episode=episode,
        plan_state=plan_state(episode.state, published=published),
        days_since_surgery=None if surgery is None else days_since(surgery, now=now, zone=where),
        days_since_discharge=days_since(episode.discharge_date, now=now, zone=where),
    )


def episodes_of(session: Session, patient: Patient) -> Sequence[Episode]:
    """Return all episodes of a patient, the newest first."""
    return session.scalars(
        select(Episode)
        .where(Episode.clinic_id == patient.clinic_id, Episode.patient_id == patient.id)
        .order_by(Episode.discharge_date.desc(), Episode.id.desc())
    ).all()
