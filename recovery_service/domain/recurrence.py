"""Rules laid on a calendar: the only expansion of a recurrence rule in the service.

Two pure functions do the work: `next_local` finds the next place of a rule on
integers alone, `local_time.instant` (cached) turns a place into UTC. The
agenda, the reminder loop and plan edits are all built of them.

Where a schedule stands is a `Place`, a local date and a minute of that day,
and deliberately not a slot's name or index: when slots are edited a name may
be gone and an index may mean another slot, but a place on the wall clock
always has something next.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from recovery_service.domain.appointment_rules import APPOINTMENT, AppointmentRule
from recovery_service.domain.local_time import instant
from recovery_service.domain.local_time import zone as zone_of
from recovery_service.domain.recurrence_rules import InvalidRule, Rule

__all__ = [
    "AnyRule",
    "InvalidRule",
    "Occurrence",
    "Place",
    "Rule",
    "due_occurrences",
    "next_after",
    "next_local",
    "occurrences",
    "occurrences_from",
    "parse_rule",
    "step",
]

AnyRule = Rule | AppointmentRule
"""What a schedule may follow."""

_NEVER = datetime.min.replace(tzinfo=UTC)


class Place(NamedTuple):
    """A spot on a wall calendar: a local date and a minute of that day (0-1439).

    The calendar says when that is. Only what happens once may be later than its
    spot, after an anchor moved; `due_at` then says when.
    """

    local_date: date
    minute: int
    due_at: datetime | None = None


class Occurrence(NamedTuple):
    """One planned happening; `occ_key` is what it is, the rest is when.

    `local_date` and `minute` are on the wall clock of the patient, `due_at` and
    `expires_at` are aware instants in UTC. `occ_key` is `YYYYMMDD.slot` for what
    recurs, `once` for what does not, and an appointment's own.
    """

    local_date: date
    slot: str
    due_at: datetime
    expires_at: datetime
    occ_key: str
    minute: int

    @property
    def place(self) -> Place:
        """Where it stands on the wall calendar."""
        return Place(self.local_date, self.minute, self.due_at)


def parse_rule(mapping: Mapping[str, Any]) -> AnyRule:
    """Read the stored rule of a schedule; raises `InvalidRule`."""
    which = AppointmentRule if mapping.get("identity") == APPOINTMENT else Rule
    return which.parse(mapping)


def next_local(rule: Rule, day: int, weekday: int, slot: int) -> tuple[int, int] | None:
    """Return the rule's first (day, slot index) at or after the given one, or None.

    `day` counts from the anchor, `weekday` is that day's (ISO, or any number equal to
    it modulo 7). A slot index past the last means the next day, so the place after
    (day, slot) is found from (day, slot + 1).
    """
    if slot >= len(rule.slots):
        day, weekday, slot = day + 1, weekday + 1, 0
    if day < rule.from_day:
        day, weekday, slot = rule.from_day, weekday + rule.from_day - day, 0
    steps = rule.day_steps
    wait = steps[(weekday if rule.weekdays else day - rule.from_day) % len(steps)]
    if wait:
        day, slot = day + wait, 0
    if rule.to_day is not None and day > rule.to_day:
        return None
    return day, slot


def occurrences_from(
    rule: AnyRule, anchor_date: date, zone: str, place: Place
) -> Iterator[Occurrence]:
    """Yield what the rule produces at `place` and later, with strictly rising instants.

    Slots that land on the same instant (inside a gap) are one, the first of them;
    a date that the zone skips has none. An appointment knows its instants itself.
    """
    if isinstance(rule, AppointmentRule):
        for each, day_shown, at in rule.shown_from(zone, place.local_date, place.minute):
            yield Occurrence(day_shown, "", each.due_at, each.expires_at, each.occ_key, at)
        return
    anchor = anchor_date.toordinal()
    day = place.local_date.toordinal() - anchor
    slot = bisect_left(rule.minutes, place.minute)
    slots, validity, recurs = rule.slots, rule.validity, rule.identity == "recurring"
    last = _NEVER
    while spot := next_local(rule, day, anchor + day, slot):
        day, slot = spot
        name, minute = slots[slot]
        due = instant(zone, anchor + day, minute)
        if due is not None and due > last:
            today, stamp = _calendar(anchor + day)
            if recurs:
                yield Occurrence(today, name, due, due + validity, f"{stamp}.{name}", minute)
            else:
                late = max(due, place.due_at or due)
                yield Occurrence(today, name, late, due + validity, "once", minute)
            last = due
        slot += 1


def occurrences(
    rule: Rule, anchor_date: date, zone: str, after: datetime, until: datetime
) -> Iterator[Occurrence]:
    """Yield what falls due with `after < due_at <= until`, in order."""
    for occurrence in _beyond(rule, anchor_date, zone, after):
        if occurrence.due_at > until:
            return
        yield occurrence


def next_after(rule: Rule, anchor_date: date, zone: str, after: datetime) -> Occurrence | None:
    """Return the first occurrence due later than `after`, or None when the rule has ended."""
    return next(_beyond(rule, anchor_date, zone, after), None)


def step(rule: Rule, anchor_date: date, zone: str, place: Place) -> Occurrence | None:
    """Return what follows the occurrence at `place`, or None when it was the last."""
    here = instant(zone, place.local_date.toordinal(), place.minute) or _NEVER
    following = occurrences_from(rule, anchor_date, zone, Place(place.local_date, place.minute + 1))
    return next((occurrence for occurrence in following if occurrence.due_at > here), None)


def due_occurrences(
    rule: AnyRule, anchor_date: date, zone: str, first: Place, *, now: datetime
) -> tuple[list[Occurrence], Occurrence | None]:
    """Return what fell due from `first` on up to and including `now`, and what comes next.

    `first` is where the schedule stands: the place of its next occurrence, itself
    included. The second of the pair is where it stands afterwards.
    """
    due: list[Occurrence] = []
    for occurrence in occurrences_from(rule, anchor_date, zone, first):
        if occurrence.due_at > now:
            return due, occurrence
        due.append(occurrence)
    return due, None


def _beyond(rule: Rule, anchor_date: date, zone: str, after: datetime) -> Iterator[Occurrence]:
    """Begin where the wall clock stands; whatever is due later, it has not shown yet."""
    shown = after.astimezone(zone_of(zone))
    start = Place(shown.date(), shown.hour * 60 + shown.minute)
    for occurrence in occurrences_from(rule, anchor_date, zone, start):
        if occurrence.due_at > after:
            yield occurrence


@lru_cache(maxsize=4096)
def _calendar(ordinal: int) -> tuple[date, str]:
    day = date.fromordinal(ordinal)
    return day, f"{day:%Y%m%d}"
