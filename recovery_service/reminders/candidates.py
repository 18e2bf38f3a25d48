"""What a decision is told: the reminders that are due, and the patient's day."""

from collections.abc import Hashable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from recovery_service.domain.interruptions import Candidate, Day
from recovery_service.domain.local_time import local_date, start_of_day, zone
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.sitting_breaks import is_rest
from recovery_service.reminders.held import Held
from recovery_service.reminders.ledger import Habit, Page

_DAY = timedelta(days=1)
_LOWEST = 9


def candidate_of(held: Held) -> Candidate:
    """Return what a delivery stands for; the rule's own settings come over its kind's."""
    kind = REMINDER_KINDS.get(held.kind)
    slot = held.occ_key.partition(".")[2]
    return Candidate(
        key=key_of(held),
        kind=held.kind,
        priority=held.priority or (kind.priority if kind else _LOWEST),
        quiet=held.quiet or (kind.quiet if kind else "shift"),
        cause=held.cause,
        once=not slot,
        rest=is_rest(held.kind, slot),
        due_at=held.due_at,
        expires_at=held.expires_at,
        granted=held.lead_id is not None,
    )


def key_of(held: Held) -> Hashable:
    """Return what the deliveries of one reminder have in common, whatever their device."""
    return (held.occurrence_id, held.round, held.cause)


def day_of(
    held: Held,
    page: Page,
    preferences: Mapping[str, Any],
    ahead: Sequence[tuple[datetime, int]],
    habit: Habit | None,
    *,
    now: datetime,
) -> Day:
    """Return the patient's day, as of this moment."""
    done, due, ignored = habit or Habit(0, 0, 0)
    return Day(
        zone=held.time_zone,
        day=(page.local_date - held.since).days,
        pushes=page.pushes,
        breaks=page.breaks,
        carries_until=page.carries_until,
        ahead=ahead,
        adherence=done / due if due else 0.0,
        exercises=due,
        ignored=ignored,
        paused_until=paused_until(preferences, held.time_zone, now),
    )


def paused_until(preferences: Mapping[str, Any], zone_name: str, now: datetime) -> datetime | None:
    """Return when the patient's own pause ends: local dates, the last one included."""
    pause = preferences.get("pause")
    if not pause:
        return None
    today = local_date(zone_name, now)
    first, last = pause.get("from"), pause.get("to")
    if first is not None and date.fromisoformat(first) > today:
        return None
    if last is None:
        return datetime.max.replace(tzinfo=zone("UTC"))
    end = date.fromisoformat(last)
    return start_of_day(zone_name, end + _DAY) if today <= end else None
