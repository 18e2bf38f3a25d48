"""What differs between two versions of a piece of content, for whoever approves it again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = ("code", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentChange:
    """One place that differs; None stands for what is not there.

    `place` is the way to it, with the entries of a list by their `code` or `id` where they
    have one: ``items/walk_protect/dose/minutes``.
    """

    place: str
    before: Any
    after: Any


def changes_between(before: Any, after: Any) -> tuple[ContentChange, ...]:
    """Return the differences in the order of their places, each as deep as it reaches."""
    return tuple(sorted(_differences(before, after, ""), key=lambda change: change.place))


def _differences(before: Any, after: Any, place: str) -> Iterator[ContentChange]:
    ours, theirs = _entries(before), _entries(after)
    if ours is None or theirs is None:
        # 1 and 1.0 are equal to Python and two values to the hash.
        if type(before) is not type(after) or before != after:
            yield ContentChange(place=place, before=before, after=after)
        return
    for name in ours.keys() | theirs.keys():
        yield from _differences(ours.get(name), theirs.get(name), f"{place}/{name}".lstrip("/"))
    stayed = [[name for name in one if name in ours and name in theirs] for one in (ours, theirs)]
    if isinstance(after, list) and stayed[0] != stayed[1]:
        yield ContentChange(place=f"{place}/order", before=list(ours), after=list(theirs))


def _entries(value: Any) -> dict[str, Any] | None:
    """Return what a table or a list holds by name; None for what holds nothing."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list):
        names = [_name(entry, number) for number, entry in enumerate(value)]
        return dict(zip(names, value, strict=True)) if len(set(names)) == len(names) else None
    return None


def _name(entry: Any, number: int) -> str:
    if isinstance(entry, Mapping):
        for key in _NAMES:
            if isinstance(entry.get(key), str):
                return str(entry[key])
    return str(number)
