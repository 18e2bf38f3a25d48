"""What speaks for a phase, from what was reported and done: one judgement for page and caseload."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from recovery_service.domain.adherence import Outcome, Pause, adherence
from recovery_service.domain.check_ins import newest_by_date
from recovery_service.domain.local_time import local_date
from recovery_service.domain.phase_attention import PhaseWait
from recovery_service.domain.phase_criteria import Fact, judge, standing_of
from recovery_service.domain.plan_template_parts import Criterion
from recovery_service.domain.progression import DEFER
from recovery_service.domain.series import Told
from recovery_service.services.caseload_rows import CaseloadRow

_EXERCISE = "exercise"


def facts_of(
    phase: Mapping[str, Any],
    told: Iterable[Told],
    outcomes: Sequence[Outcome],
    *,
    pause: Pause | None,
    today: date,
    open_alerts: int,
) -> tuple[Fact, ...]:
    """Return what is known of each criterion of a phase, as a revision stores it."""
    criteria = [Criterion.of(each) for each in phase["criteria"]]
    answers = {day: report.answers for day, report in newest_by_date(told).items()}
    sessions = {
        days: adherence(
            outcomes, _EXERCISE, since=today - timedelta(days=days - 1), until=today, pause=pause
        )
        for days in {each.within_days for each in criteria if each.fact == "sessions_share"}
    }
    return judge(criteria, answers, sessions, today=today, open_alerts=open_alerts)


def phase_wait(row: CaseloadRow, *, pause: Pause | None, today: date) -> PhaseWait | None:
    """Return the phase of a row of the caseload that waits for a clinician, where one is asked."""
    if row.waiting is None or row.surgery_date is None:
        return None
    phase, decision, decided_at = row.waiting
    if (today - row.surgery_date).days < phase["decide_from_day"]:
        return None
    facts = facts_of(
        phase,
        [_told(*each) for each in row.told or ()],
        [_outcome(*each) for each in row.sessions or ()],
        pause=pause,
        today=today,
        open_alerts=len(row.alerts or ()),
    )
    deferred = decided_at if decision == DEFER else None
    return PhaseWait(
        title=phase["title"],
        state=standing_of(facts),
        begins_on=row.surgery_date + timedelta(days=phase["from_day"]),
        deferred_on=deferred and local_date(row.time_zone, datetime.fromisoformat(deferred)),
    )


def _told(
    key: str, day: str, recorded: str, received: str, supersedes: str | None,
    issues: Any, answers: Mapping[str, Any],
) -> Told:  # fmt: skip
    return Told(
        id=UUID(key),
        local_date=date.fromisoformat(day),
        recorded_at=datetime.fromisoformat(recorded),
        received_at=datetime.fromisoformat(received),
        supersedes=UUID(supersedes) if supersedes else None,
        issues=issues,
        answers=answers,
    )


def _outcome(kind: str, day: str, state: str, reason: str | None, count: int) -> Outcome:
    return Outcome(
        kind=kind, local_date=date.fromisoformat(day), state=state, reason=reason, count=count
    )
