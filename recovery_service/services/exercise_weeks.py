"""Exercises by recovery week and kind: what was done of what was due."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from recovery_service.domain.adherence import verdict
from recovery_service.domain.recovery_day import week_of
from recovery_service.models import Episode, Patient
from recovery_service.services.progress import outcomes_of, pause_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseWeek:
    """One kind in one week since surgery (since discharge where no surgery date is known)."""

    week: int
    kind: str
    done: int
    due: int
    not_reached: int


def exercise_weeks(session: Session, episode: Episode, patient: Patient) -> Sequence[ExerciseWeek]:
    """Return the weeks in which something counted, the latest first."""
    anchor = episode.surgery_date or episode.discharge_date
    pause = pause_of(patient)
    counts: dict[tuple[int, str], dict[str, int]] = {}
    for outcome in outcomes_of(session, episode):
        key = (week_of((outcome.local_date - anchor).days), outcome.kind)
        found = counts.setdefault(key, dict.fromkeys(("done", "missed", "not_reached"), 0))
        judged = verdict(outcome, pause)
        if judged in found:
            found[judged] += outcome.count
    return [
        ExerciseWeek(
            week=week,
            kind=kind,
            done=found["done"],
            due=found["done"] + found["missed"],
            not_reached=found["not_reached"],
        )
        for (week, kind), found in sorted(counts.items(), key=lambda each: (-each[0][0], each[0]))
        if any(found.values())
    ]
