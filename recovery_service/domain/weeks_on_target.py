"""Weeks on target: in how many weeks enough of what was due was done.

Weeks are seven days from discharge on. A week on hold, or with a pause of the patient's
own, never counts against anybody; nor does one in which nothing was due. Nobody is told
of a streak unasked: it is shown, never pushed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from recovery_service.domain.adherence import Outcome, Pause, counts_for, verdict

DAYS_A_WEEK = 7
GROUP = "exercise"
ON_HOLD = "on_hold"

MET, MISSED, FROZEN = "met", "missed", "frozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeksOnTarget:
    """`met` of `counted` weeks that are over, `frozen` ones apart.

    `in_a_row` are the latest of them met without a missed one between; frozen weeks
    neither add to it nor break it. `share` is the target, 0 to 1; `done` of `due` are
    this week's so far.
    """

    share: float
    met: int
    counted: int
    frozen: int
    in_a_row: int
    done: int
    due: int


@dataclass(slots=True)
class _Week:
    done: int = 0
    due: int = 0
    stopped: bool = False

    def state(self, share: float) -> str:
        # Compared as products: 4 of 5 is on a target of 0.8, whatever binary fractions say.
        if self.due and self.done >= round(share * self.due, 9):
            return MET
        return FROZEN if self.stopped or not self.due else MISSED


def weeks_on_target(
    outcomes: Iterable[Outcome],
    stops: Sequence[Pause],
    *,
    discharge: date,
    until: date,
    share: float,
) -> WeeksOnTarget:
    """Return the figure as of `until` (included); `stops` are holds and pauses."""
    over = max((until - discharge).days, 0) // DAYS_A_WEEK
    weeks = [_Week() for _ in range(over + 1)]
    for place, week in enumerate(weeks):
        first = discharge + timedelta(days=place * DAYS_A_WEEK)
        last = first + timedelta(days=DAYS_A_WEEK - 1)
        week.stopped = any(stop.first <= last and first <= stop.last for stop in stops)
    for outcome in outcomes:
        place = (outcome.local_date - discharge).days // DAYS_A_WEEK
        counts = counts_for(outcome.kind) == GROUP and outcome.local_date <= until
        if counts and 0 <= place < len(weeks):
            _add(weeks[place], outcome, stops)
    states = [week.state(share) for week in weeks[:over]]
    current = weeks[over]
    return WeeksOnTarget(
        share=share,
        met=states.count(MET),
        counted=states.count(MET) + states.count(MISSED),
        frozen=states.count(FROZEN),
        in_a_row=_in_a_row(states),
        done=current.done,
        due=current.due,
    )


def _add(week: _Week, outcome: Outcome, stops: Sequence[Pause]) -> None:
    found = verdict(outcome)
    if found == "missed" and any(stop.holds(outcome.local_date) for stop in stops):
        found = "paused"
    if found in ("done", "missed"):
        week.due += outcome.count
        week.done += outcome.count if found == "done" else 0
    elif found == "paused" or (outcome.state == "cancelled" and outcome.reason == ON_HOLD):
        # What a hold or a pause took away tells of earlier ones too, long after they ended.
        week.stopped = True


def _in_a_row(states: Sequence[str]) -> int:
    row = 0
    for state in reversed(states):
        if state == MISSED:
            break
        row += state == MET
    return row
