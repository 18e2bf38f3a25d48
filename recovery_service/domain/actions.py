"""What a patient can do about an occurrence, and what becomes of it: pure rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

Action = Literal["complete", "skip", "snooze", "reopen"]
ACTIONS = ("complete", "skip", "snooze", "reopen")

NOT_ANSWERED = "not_answered"
BY_PATIENT = "by_patient"
RETIRED = "retired"
ITEM_REMOVED = "item_removed"

SNOOZE_MINUTES = 30
SHORTEST_SNOOZE, LONGEST_SNOOZE = 5, 240
REACH_BACK = timedelta(days=7)
DOUBLE_TAP = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAction:
    """One tap: `id` is the phone's own, `at` its clock.

    `minutes` belong to a snooze, `done` (`sets, reps, minutes, effort`) and `pain`
    (0-10) to what was completed.
    """

    id: UUID
    action: Action
    at: datetime
    minutes: int | None = None
    reason: str | None = None
    done: Mapping[str, Any] | None = None
    pain: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of an occurrence: its new state and why; `late` and `retired` are kept.

    `late`: it had been missed. `retired`: the plan no longer has it, so that it
    counts neither for nor against anybody.
    """

    state: str
    reason: str | None
    late: bool
    retired: bool

    @property
    def open(self) -> bool:
        """Say whether it still waits for the patient."""
        return self.state in ("due", "snoozed")


def state_now(
    state: str,
    reason: str | None,
    due_at: datetime,
    expires_at: datetime,
    next_at: datetime | None,
    *,
    now: datetime,
) -> tuple[str, str | None]:
    """Return how a stored state reads at an instant, with its reason.

    An open one whose time is over was missed, whether or not the sweep has been there;
    a snooze that is over is due again; what was reopened ahead of its time is upcoming.
    """
    if state not in ("due", "snoozed"):
        return state, reason
    if expires_at <= now:
        return "missed", NOT_ANSWERED
    if state == "snoozed" and next_at is not None and next_at > now:
        return "snoozed", None
    return ("upcoming" if due_at > now else "due"), None


def settle(action: Action, reads: str, *, gone: bool) -> Verdict:
    """Return what completing or skipping makes of an occurrence that reads so now.

    `gone` says that the plan no longer has the item.
    """
    retired = gone or reads == "cancelled"
    late = reads == "missed"
    if action == "skip":
        return Verdict(state="skipped", reason=BY_PATIENT, late=late, retired=retired)
    reason = RETIRED if retired else None
    return Verdict(state="done", reason=reason, late=late, retired=retired)


def reopened(expires_at: datetime, *, retired: bool, now: datetime) -> Verdict:
    """Return what taking an answer back makes of it: open while it matters, else missed."""
    if retired:
        return Verdict(state="cancelled", reason=ITEM_REMOVED, late=False, retired=True)
    if expires_at <= now:
        return Verdict(state="missed", reason=NOT_ANSWERED, late=False, retired=False)
    return Verdict(state="due", reason=None, late=False, retired=False)
