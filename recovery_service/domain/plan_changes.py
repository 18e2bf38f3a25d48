"""What is different between two revisions of a plan, item by item and limit by limit."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


class Entry(NamedTuple):
    """An item of a revision: its lineage, its title, and by name all that a patient sees of it."""

    id: UUID
    title: str
    content: Mapping[str, Any]


class Limit(NamedTuple):
    """A restriction of a revision; its code and first day are what it is.

    One that was added for this patient is its own (`own`), and may be moved.
    """

    code: str
    from_day: int
    text: str
    content: Mapping[str, Any]
    own: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedItem:
    """An item that is new, gone or different; `fields` names what of it is different."""

    id: UUID
    title: str
    fields: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedLimit:
    """A restriction that is `added`, `removed` or `changed`; the text is the one that holds now."""

    code: str
    change: str
    text: str
    fields: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanges:
    """What differs since revision `since`; `restored_from` is an older one that came back."""

    since: int
    added: Sequence[ChangedItem]
    removed: Sequence[ChangedItem]
    changed: Sequence[ChangedItem]
    limits: Sequence[ChangedLimit]
    restored_from: int | None = None
    summary: Sequence[str] = ()

    @property
    def restrictions(self) -> bool:
        """Say whether any restriction differs."""
        return bool(self.limits)


def compare(
    *,
    since: int,
    before: Iterable[Entry],
    after: Iterable[Entry],
    limits_before: Iterable[Limit] = (),
    limits_after: Iterable[Limit] = (),
    restored_from: int | None = None,
) -> PlanChanges:
    """Compare two revisions by lineage: an item that was renamed is the same item."""
    old = {entry.id: entry for entry in before}
    new = {entry.id: entry for entry in after}
    return PlanChanges(
        since=since,
        added=[ChangedItem(id=e.id, title=e.title) for e in new.values() if e.id not in old],
        removed=[ChangedItem(id=e.id, title=e.title) for e in old.values() if e.id not in new],
        changed=[
            ChangedItem(id=entry.id, title=entry.title, fields=fields)
            for entry in new.values()
            if entry.id in old and (fields := differing(old[entry.id].content, entry.content))
        ],
        limits=_limits(limits_before, limits_after),
        restored_from=restored_from,
    )


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names whose values differ, in the order of the newer."""
    names = dict.fromkeys((*new, *old))
    return tuple(name for name in names if old.get(name) != new.get(name))


def _limits(before: Iterable[Limit], after: Iterable[Limit]) -> list[ChangedLimit]:
    """Compare restrictions; of one code, the one that begins on the same day is the same."""
    old, new = _keyed(before), _keyed(after)
    found = []
    for key, limit in new.items():
        fields = differing(old[key].content, limit.content) if key in old else ()
        if key not in old or fields:
            change = CHANGED if key in old else ADDED
            found.append(
                ChangedLimit(code=limit.code, change=change, text=limit.text, fields=fields)
            )
    found += [
        ChangedLimit(code=limit.code, change=REMOVED, text=limit.text)
        for key, limit in old.items()
        if key not in new
    ]
    return found


def _keyed(limits: Iterable[Limit]) -> dict[Hashable, Limit]:
    ordered = sorted(limits, key=lambda each: (each.from_day, each.code))
    return {each.own or (each.code, each.from_day): each for each in ordered}
