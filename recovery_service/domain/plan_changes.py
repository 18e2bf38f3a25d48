"""What is different between two revisions of a plan, item by item."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID


class Entry(NamedTuple):
    """An item of a revision: its lineage, its title, and all that a patient sees of it."""

    id: UUID
    title: str
    content: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanges:
    """Items that are new, gone or different since revision `since`, and whether limits are."""

    since: int
    added: Sequence[Entry]
    removed: Sequence[Entry]
    changed: Sequence[Entry]
    restrictions: bool


def compare(
    *, since: int, before: Iterable[Entry], after: Iterable[Entry], restrictions: bool
) -> PlanChanges:
    """Compare two revisions by lineage: an item that was renamed is the same item."""
    old = {entry.id: entry for entry in before}
    new = {entry.id: entry for entry in after}
    return PlanChanges(
        since=since,
        added=[entry for entry in new.values() if entry.id not in old],
        removed=[entry for entry in old.values() if entry.id not in new],
        changed=[
            entry
            for entry in new.values()
            if entry.id in old and old[entry.id].content != entry.content
        ],
        restrictions=restrictions,
    )
