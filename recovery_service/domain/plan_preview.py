"""What an edit of a plan does to the occurrences that are still open: appear, move, vanish.

Pure, and without an expansion of its own: both sides come from `recurrence`, from the
place where a schedule stands and from where `rescheduling` would have it stand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from recovery_service.domain.recurrence import Occurrence, Place, Rule, occurrences_from

APPEARS, MOVES, VANISHES = "appears", "moves", "vanishes"
CHANGES = (APPEARS, MOVES, VANISHES)
REASONS = (
    "item_added", "item_removed", "phase_waits", "slot_added", "slot_removed",
    "time_changed", "day_changed", "days_changed",
)  # fmt: skip


class Side(NamedTuple):
    """One item before or after an edit.

    `place` is where its schedule stands, None where it is over; `rows` are those that stand
    and are open; `taken` are the keys that have a row already, open or not.
    """

    rule: Rule
    anchor: date
    zone: str
    place: Place | None
    rows: Sequence[Occurrence] = ()
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One occurrence that appears, moves or vanishes; `was` is where it stood, if anywhere."""

    lineage_id: UUID
    occ_key: str
    change: str
    reason: str
    occurrence: Occurrence
    was: Occurrence | None = None


def open_occurrences(side: Side | None, *, now: datetime, until: date) -> dict[str, Occurrence]:
    """Return what is still to be done of an item up to a local date, by key."""
    if side is None:
        return {}
    found = {row.occ_key: row for row in side.rows if row.expires_at > now}
    if side.place is None:
        return found
    for each in occurrences_from(side.rule, side.anchor, side.zone, side.place):
        if each.local_date > until:
            break
        if each.occ_key not in side.taken and each.expires_at > now:
            found[each.occ_key] = each
    return found


def shifts(
    lineage_id: UUID,
    before: Side | None,
    after: Side | None,
    *,
    waits: bool,
    now: datetime,
    until: date,
) -> list[Shift]:
    """Compare an item before and after; `waits` says that it is held back with its phase."""
    old = open_occurrences(before, now=now, until=until)
    new = open_occurrences(after, now=now, until=until)
    found = []
    for key in dict.fromkeys((*old, *new)):
        was, comes = old.get(key), new.get(key)
        if was is not None and comes is not None and was.due_at == comes.due_at:
            continue
        change = APPEARS if was is None else VANISHES if comes is None else MOVES
        shown = comes or was
        assert shown is not None  # noqa: S101 - the key is of one of them
        found.append(
            Shift(
                lineage_id=lineage_id,
                occ_key=key,
                change=change,
                reason=_reason(change, before, after, shown.slot, waits=waits),
                occurrence=shown,
                was=was if change == MOVES else None,
            )
        )
    return found


def counts(found: Iterable[Shift], since: date | None, until: date | None) -> Mapping[str, int]:
    """Return how many appear, move and vanish after one local date and up to another."""
    total = dict.fromkeys(CHANGES, 0)
    for each in found:
        day = each.occurrence.local_date
        if (since is None or day > since) and (until is None or day <= until):
            total[each.change] += 1
    return total


def _reason(change: str, before: Side | None, after: Side | None, slot: str, *, waits: bool) -> str:
    if after is None:
        return "phase_waits" if waits else "item_removed"
    if before is None:
        return "item_added"
    old, new = dict(before.rule.slots), dict(after.rule.slots)
    if change == MOVES:
        return "time_changed" if old.get(slot) != new.get(slot) else "day_changed"
    if change == APPEARS and slot not in old:
        return "slot_added"
    if change == VANISHES and slot not in new:
        return "slot_removed"
    return "days_changed"
