"""What a schedule owes after an edit: the rules of identity, as pure functions.

An occurrence is what its `occ_key` says, not when it is due: local date and slot
for what recurs, `once` for what does not. So a moved anchor, a changed slot, a
patient in another zone or a release after a hold neither repeat nor swallow one.
An edit replans the schedule from here in the transaction that stores it.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from recovery_service.domain.local_time import local_date
from recovery_service.domain.occurrence_ids import matches
from recovery_service.domain.recurrence import (
    Occurrence,
    Place,
    Rule,
    next_after,
    occurrences,
    occurrences_from,
)

PASSED_BEFORE_START = "passed_before_start"

_JUST_BEFORE = timedelta(microseconds=1)


class Replanned(NamedTuple):
    """How a schedule goes on.

    `next` is where it stands (`next_due_at` is its `due_at`), None when it is over.
    `keep` are occurrences to write now, as they are: what fell due before the edit
    and what it may no longer move. `missed` is what happens once and came too late,
    with its `reason`.
    """

    next: Occurrence | None
    keep: tuple[Occurrence, ...] = ()
    missed: Occurrence | None = None
    reason: str | None = None


def owed(
    rule: Rule, anchor_date: date, zone: str, first: Place, *, now: datetime
) -> list[Occurrence]:
    """Return what the plan before an edit owes: all that is overdue, and the rest of today.

    `first` is where its schedule stood; today is the patient's local date at `now`.
    """
    today = local_date(zone, now)
    found = []
    for occurrence in occurrences_from(rule, anchor_date, zone, first):
        if occurrence.due_at > now and occurrence.local_date > today:
            break
        found.append(occurrence)
    return found


def begin(
    rule: Rule,
    anchor_date: date,
    zone: str,
    *,
    gate: datetime,
    now: datetime,
    already: Collection[str] = frozenset(),
) -> Replanned:
    """Plan a schedule whose gate was never open before, perhaps late.

    Nothing is due before `gate` (discharge, or the day the plan takes effect). Of what
    lies between it and a later `now`, a rule that catches up still keeps the latest
    occurrence while it is valid. The rest is not written as missed: nobody had asked for it,
    it counts for and against nobody, and a first day that begins with a list of failures is
    a bad one. What fell due under a plan before the phone came is another matter: that was
    asked for, and the sweep closes it with its reason.
    `already` are the keys of rows that stand, of what the patient did ahead of time.
    """
    plan = replan(rule, anchor_date, zone, gate=gate, now=now, already=already)
    if rule.identity == "once" or rule.catch_up != "latest":
        return plan
    since = max(gate - _JUST_BEFORE, now - rule.validity)
    late = list(occurrences(rule, anchor_date, zone, since, now - _JUST_BEFORE))
    return plan._replace(keep=tuple(each for each in late[-1:] if each.occ_key not in already))


def replan(
    rule: Rule,
    anchor_date: date,
    zone: str,
    *,
    gate: datetime,
    now: datetime,
    already: Collection[str] = frozenset(),
    owed: Iterable[Occurrence] = (),
) -> Replanned:
    """Return how a schedule goes on after its rule, anchor, zone or gate changed.

    `gate` is the first instant at which anything may be due: discharge, the day the
    revision takes effect, the moment a hold ends. `already` are the keys of rows that
    stand; leave out those nobody has met, which an edit may still move: unsent ones
    ahead (hand them in with `owed` instead, and store what comes back over them) and
    what was missed as `PASSED_BEFORE_START`. `owed` is what `owed()` says of the plan
    before the edit; a release after a hold owes nothing.

    A slot moves today only if it is unsent and its new time is ahead; one whose new
    time has passed is kept at its old time, and the edit holds from the next local date.
    """
    moment = max(gate, now)
    if rule.identity == "once":
        return _replan_once(rule, anchor_date, zone, moment, already)

    def stays(occurrence: Occurrence) -> bool:
        if occurrence.occ_key in already or occurrence.due_at < gate:
            return False
        moved = matches(rule, anchor_date, zone, occurrence.occ_key)
        if moved is not None and moved.due_at >= moment:
            return False
        return occurrence.due_at <= now or _cannot_move(occurrence, moved, zone)

    coming: Iterable[Occurrence] = ()
    if first := next_after(rule, anchor_date, zone, moment - _JUST_BEFORE):
        coming = occurrences_from(rule, anchor_date, zone, first.place)
    following = next((found for found in coming if found.occ_key not in already), None)
    return Replanned(following, keep=tuple(filter(stays, owed)))


def _cannot_move(occurrence: Occurrence, moved: Occurrence | None, zone: str) -> bool:
    """Say whether one that is still ahead, but whose new time has passed, is to be kept.

    A removed slot has nothing to keep. Nor has a traveller for whom the old instant
    lies on another local date: that would make two in a day.
    """
    return moved is not None and local_date(zone, occurrence.due_at) == occurrence.local_date


def _replan_once(
    rule: Rule, anchor_date: date, zone: str, moment: datetime, already: Collection[str]
) -> Replanned:
    """Place a single happening: on its day, at once while it is still valid, or missed."""
    once = next(occurrences_from(rule, anchor_date, zone, Place(anchor_date, 0)), None)
    if once is None or once.occ_key in already:
        return Replanned(None)
    if once.expires_at <= moment:
        return Replanned(None, missed=once, reason=PASSED_BEFORE_START)
    return Replanned(once._replace(due_at=max(once.due_at, moment)))


def snooze_until(occurrence: Occurrence, *, minutes: int, now: datetime) -> datetime | None:
    """Return when a snoozed occurrence speaks again; None when that is too late.

    Across midnight it remains what it was, yesterday's; its expiry does not move.
    """
    again = now + timedelta(minutes=minutes)
    return again if again < occurrence.expires_at else None


def supersedes(newer: Occurrence, older: Occurrence) -> bool:
    """Say whether one occurrence of an item ends the unsent rounds of another of it."""
    return newer.occ_key != older.occ_key and newer.due_at > older.due_at
