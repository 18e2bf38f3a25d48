"""What a device reminds of by itself: the next local notifications, as a pure function.

An app can have only so many notifications pending (iOS: 64), so the plan is a window that
rolls on: the soonest, up to the instant for which the plan says that it is complete.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from recovery_service.domain.local_time import local_date
from recovery_service.domain.quiet_hours import QuietHours, quiet_until

MOST_ENTRIES = 59

# What is due and still to be shown waits for the end of the quiet hours.
_OPEN = ("upcoming", "due", "snoozed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One occurrence of an item that a device reminds of.

    `state` is the agenda's, `next_at` when a snoozed one speaks again; `quiet` is what
    quiet hours do to the item (`shift`, `drop`, `ignore`); `rest` says that it is a sitting
    break. Instants are in UTC.
    """

    occurrence_id: str
    lineage_id: UUID
    kind: str
    rest: bool
    local_date: date
    due_at: datetime
    expires_at: datetime
    state: str
    next_at: datetime | None
    quiet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the patient wants it: zone, quiet hours, pause (local dates), breaks in a day."""

    time_zone: str
    quiet_hours: QuietHours
    breaks: int
    pause: Mapping[str, str] | None = None

    def pauses(self, at: datetime) -> bool:
        """Say whether an instant lies on a day on which the patient wants no reminders."""
        if not self.pause:
            return False
        # Dates in ISO form sort as texts.
        day = local_date(self.time_zone, at).isoformat()
        return self.pause.get("from", day) <= day <= self.pause.get("to", day)

    def moment(self, candidate: Candidate) -> datetime | None:
        """Return when one is to be shown, None for not at all.

        A snooze is the patient's own wish, which quiet hours do not overrule.
        """
        at: datetime | None = candidate.next_at or candidate.due_at
        if at is not None and candidate.next_at is None and candidate.quiet != "ignore":
            over = quiet_until(self.quiet_hours, self.time_zone, at)
            if over is not None:
                at = over if candidate.quiet == "shift" else None
        if at is None or at >= candidate.expires_at or self.pauses(at):
            return None
        return at


class Planned(NamedTuple):
    """One local notification: of which occurrence, and when."""

    at: datetime
    candidate: Candidate

    @property
    def due_at(self) -> datetime:
        """When it falls due; quiet hours may have moved `at` behind it."""
        return self.candidate.next_at or self.candidate.due_at


class DevicePlan(NamedTuple):
    """The notifications, soonest first; complete for what falls due before `until`."""

    planned: Sequence[Planned]
    until: datetime


def device_plan(
    candidates: Iterable[Candidate], manner: Manner, *, now: datetime, horizon: datetime
) -> DevicePlan:
    """Return what is to be shown after `now` and falls due before `horizon`.

    There are at most `MOST_ENTRIES`.

    The candidates are all of each local day, also what is over and done: which sitting
    breaks of a day are shown depends on the day alone, so that whatever happens to one of
    them changes nothing about the others.
    """
    shown = [
        Planned(at, candidate)
        for candidate in candidates
        if (at := manner.moment(candidate)) is not None
    ]
    waiting = [
        each
        for each in _latest(_capped(shown, manner.breaks))
        if each.candidate.state in _OPEN and each.at > now and each.due_at < horizon
    ]
    waiting.sort(key=lambda each: each.due_at)
    until = horizon if len(waiting) <= MOST_ENTRIES else waiting[MOST_ENTRIES].due_at
    kept = [each for each in waiting if each.due_at < until]
    return DevicePlan(sorted(kept, key=lambda each: (each.at, each.due_at)), until)


def _capped(shown: Iterable[Planned], most: int) -> Iterator[Planned]:
    """Leave so many sitting breaks a local day, spread over it; a snoozed one is asked for."""
    days: defaultdict[date, list[Planned]] = defaultdict(list)
    for each in shown:
        if each.candidate.rest and each.candidate.state != "cancelled":
            days[each.candidate.local_date].append(each)
        else:
            yield each
    for day in days.values():
        day.sort(key=lambda each: (each.candidate.due_at, each.candidate.occurrence_id))
        chosen = set(_spread(len(day), most))
        yield from (
            each
            for position, each in enumerate(day)
            if position in chosen or each.candidate.next_at is not None
        )


def _spread(count: int, most: int) -> Iterable[int]:
    """Return the positions of `most` of `count` things in a row, evenly apart."""
    if count <= most:
        return range(count)
    return ((2 * position + 1) * count // (2 * most) for position in range(most))


def _latest(shown: Iterable[Planned]) -> Iterable[Planned]:
    """Of an item's occurrences that quiet hours move to one moment, keep the last."""
    found: dict[tuple[UUID, datetime], Planned] = {}
    for each in shown:
        key = (each.candidate.lineage_id, each.at)
        other = found.get(key)
        if other is None or other.candidate.due_at < each.candidate.due_at:
            found[key] = each
    return found.values()
