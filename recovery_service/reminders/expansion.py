"""From a due schedule to the rows it owes: pure, one schedule at a time.

The rule's own calendar is `domain.recurrence`; here is only what downtime, expiry and
catch-up make of it.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from recovery_service.domain.recurrence import AnyRule, Occurrence, Place, due_occurrences

SUPERSEDED_AFTER_DOWNTIME = "superseded_after_downtime"
EXPIRED_DURING_DOWNTIME = "expired_during_downtime"
NOT_CAUGHT_UP = "not_caught_up"

# A rule that is not caught up still bears the few minutes that a restart takes.
PUNCTUAL = timedelta(minutes=15)
# What one schedule may write in a batch; a longer arrears goes on in the next one.
MOST_AT_ONCE = 200


class Claimed(NamedTuple):
    """A due schedule as it was claimed; ids are text, they are only handed back."""

    clinic_id: str
    lineage_id: str
    patient_id: str
    kind: str
    remind_via: str
    revision: int
    failures: int
    rule_hash: str
    anchor_date: date
    time_zone: str
    next_date: date
    next_minute: int
    next_due_at: datetime

    @property
    def place(self) -> Place:
        """Where the schedule stands."""
        return Place(self.next_date, self.next_minute, self.next_due_at)


class Fallen(NamedTuple):
    """An occurrence that fell due: `missed` from the start if it has a reason."""

    occurrence: Occurrence
    reason: str | None


class Advance(NamedTuple):
    """What one claimed schedule writes, and where it stands afterwards (None: it is over)."""

    schedule: Claimed
    fallen: tuple[Fallen, ...]
    following: Occurrence | None


def advance(schedule: Claimed, rule: AnyRule, *, now: datetime) -> Advance:
    """Return what fell due and what comes next.

    Raises whatever a poisoned rule, zone or date makes the calendar raise; the caller
    lets it delay this schedule only.
    """
    due, following = due_occurrences(
        rule, schedule.anchor_date, schedule.time_zone, schedule.place, now=now
    )
    if len(due) > MOST_AT_ONCE:
        due, following = due[:MOST_AT_ONCE], due[MOST_AT_ONCE]
    more_is_due = following is not None and following.due_at <= now
    return Advance(schedule, tuple(_judge(rule, due, now=now, more=more_is_due)), following)


def _judge(rule: AnyRule, due: list[Occurrence], *, now: datetime, more: bool) -> Iterator[Fallen]:
    """Let only the latest speak, and only while it matters; the rest is missed.

    Peers that sent all that had piled up met an alert storm after each downtime.
    """
    last = None if more or not due else due[-1]
    for occurrence in due:
        if occurrence.expires_at <= now:
            yield Fallen(occurrence, EXPIRED_DURING_DOWNTIME)
        elif occurrence is not last:
            yield Fallen(occurrence, SUPERSEDED_AFTER_DOWNTIME)
        elif rule.catch_up == "none" and now - occurrence.due_at > PUNCTUAL:
            yield Fallen(occurrence, NOT_CAUGHT_UP)
        else:
            yield Fallen(occurrence, None)
