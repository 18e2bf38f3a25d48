"""Adherence: what was done of what was due, counted so that it blames nobody wrongly."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from recovery_service.domain.actions import RETIRED
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.rescheduling import PASSED_BEFORE_START

GROUPS = tuple(
    dict.fromkeys(kind.counts for kind in REMINDER_KINDS.values() if kind.counts is not None)
)

PAUSED = "paused"
# Why a missed one was missed although the patient could have known of it, in the words
# of the reminder loop. Whatever else the reason is, nobody is blamed for it.
REACHED = frozenset({"not_answered", "not_reminded", "left_to_device"})

# A check-in that did not come is silence however its reminder fared, unless the plan was
# paused or the service itself had stood still: the reasons that the sweep gives.
UNANSWERED = (
    "not_answered", "not_reminded", "left_to_device", "not_delivered", "no_destination",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The days on which the patient wanted no reminders, both included."""

    first: date
    last: date

    def holds(self, day: date) -> bool:
        """Say whether the day is one of them."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`count` occurrences of a kind on one date that ended alike.

    `state` and `reason` are the occurrence's; `late` says that they were done after
    they had been missed.
    """

    kind: str
    local_date: date
    state: str
    reason: str | None
    late: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Adherence:
    """`done` of `due`, `late` of those done; what is left out: `not_reached`, `paused`."""

    done: int
    due: int
    late: int
    not_reached: int
    paused: int

    @property
    def rate(self) -> float | None:
        """The share done, 0 to 1; None while nothing was due."""
        return None if self.due == 0 else round(self.done / self.due, 4)


def verdict(outcome: Outcome, pause: Pause | None = None) -> str:
    """Return `done`, `missed`, `paused`, `not_reached`, or `out` for what does not count.

    What is still open does not count yet. Whatever was done counts, also on a paused
    day; what was skipped was answered, so it had reached the patient.
    """
    state, reason = outcome.state, outcome.reason
    if state not in ("done", "skipped", "missed") or reason in (RETIRED, PASSED_BEFORE_START):
        return "out"
    if state == "done":
        return "done"
    if reason == PAUSED or (pause is not None and pause.holds(outcome.local_date)):
        return "paused"
    return "missed" if state == "skipped" or reason in REACHED else "not_reached"


def adherence(
    outcomes: Iterable[Outcome],
    group: str,
    *,
    since: date | None = None,
    until: date,
    pause: Pause | None = None,
) -> Adherence:
    """Return the figure of a group of kinds from `since` (None: the beginning) to `until`."""
    counts = dict.fromkeys(("done", "missed", "paused", "not_reached", "out"), 0)
    late = 0
    for outcome in outcomes:
        if counts_for(outcome.kind) != group or outcome.local_date > until:
            continue
        if since is not None and outcome.local_date < since:
            continue
        found = verdict(outcome, pause)
        counts[found] += outcome.count
        late += outcome.count if found == "done" and outcome.late else 0
    return Adherence(
        done=counts["done"],
        due=counts["done"] + counts["missed"],
        late=late,
        not_reached=counts["not_reached"],
        paused=counts["paused"],
    )


def counts_for(kind: str) -> str | None:
    """Return the group of kinds that a kind counts for, None for none."""
    known = REMINDER_KINDS.get(kind)
    return known.counts if known else None
