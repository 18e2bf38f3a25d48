"""When a phase that waits for a clinician is a reason to look at a patient; pure.

Days are conventions (D): they order a list and decide nothing about the phase.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from recovery_service.domain.phase_criteria import READY

#: Its day has come so many days ago, every criterion is met, and nobody decided.
UNDECIDED_AFTER = 3
#: Who deferred a phase is not asked again before so many days have passed.
ASK_AGAIN_AFTER = 7
READY_URGENCY, OVERDUE_URGENCY = 38, 44


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseWait:
    """A phase that is proposed: whether its criteria are met (`state`), and its day."""

    title: Mapping[str, str]
    state: str
    begins_on: date
    deferred_on: date | None = None


def phase_reason(wait: PhaseWait, today: date) -> tuple[str, int, Mapping[str, Any]] | None:
    """Return code, urgency and facts of the reason, None where nobody has to look yet.

    `phase_ready`: every criterion is met. `phase_overdue`: its day has come, and a criterion
    is not met or too little is known, or it was ready and nobody decided for three days.
    """
    if wait.deferred_on is not None and (today - wait.deferred_on).days < ASK_AGAIN_AFTER:
        return None
    late = (today - wait.begins_on).days
    facts = {"title": wait.title, "on": wait.begins_on}
    if wait.state == READY and late < UNDECIDED_AFTER:
        return "phase_ready", READY_URGENCY, facts
    if late >= 0:
        return "phase_overdue", OVERDUE_URGENCY, facts | {"state": wait.state}
    return None
