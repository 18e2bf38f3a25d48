"""Which items of a revision rest under a restriction of this patient, and until when."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.recurrence_rules import Rule
from recovery_service.domain.resting import resting
from recovery_service.models import Episode, PlanItem, PlanRestriction

Rests = Mapping[UUID, int | None]


def rests_of(limits: Iterable[PlanRestriction]) -> dict[UUID, int | None]:
    """Return the last day since surgery of each item's rest; None lasts until it is ended."""
    found: dict[UUID, int | None] = {}
    for limit in limits:
        for lineage in map(UUID, limit.held_items or ()):
            ends = (found.get(lineage, -1), limit.to_day)
            found[lineage] = None if None in ends else max(day for day in ends if day is not None)
    return found


def rests_in(session: Session, items: Sequence[PlanItem]) -> Rests:
    """Return the rests in the revision that these items are of; one look-up."""
    if not items:
        return {}
    return rests_of(
        session.scalars(
            select(PlanRestriction).where(
                PlanRestriction.clinic_id == items[0].clinic_id,
                PlanRestriction.revision_id == items[0].revision_id,
                PlanRestriction.held_items.is_not(None),
            )
        )
    )


def followed(rule: Rule, lineage: UUID, rests: Rests, episode: Episode) -> Rule | None:
    """Return the rule as it is followed under the restrictions, None where it is not."""
    if lineage not in rests or episode.surgery_date is None:
        return rule
    gap = (episode.discharge_date - episode.surgery_date).days
    return resting(rule, rests[lineage], gap=gap)
