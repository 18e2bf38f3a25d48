"""What clinicians have decided of the phases of an episode: the last word on each counts."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from recovery_service.domain.progression import Progression, are_gated
from recovery_service.models import Episode, PhaseDecision


def progression_of(
    session: Session, episode: Episode, phases: Sequence[Mapping[str, Any]]
) -> Progression:
    """Return how an episode goes through these phases; one look-up, and none without a gate."""
    if not are_gated(phases):
        return Progression(phases=phases, decisions={})
    standing = decisions_of(session, episode.clinic_id, episode.id)
    return Progression(phases=phases, decisions={each.phase: each.decision for each in standing})


def decisions_of(session: Session, clinic_id: UUID, episode_id: UUID) -> Sequence[PhaseDecision]:
    """Return the decision that stands on each phase."""
    return session.scalars(
        select(PhaseDecision)
        .ext(distinct_on(PhaseDecision.phase))
        .where(PhaseDecision.clinic_id == clinic_id, PhaseDecision.episode_id == episode_id)
        .order_by(PhaseDecision.phase, PhaseDecision.number.desc())
    ).all()
