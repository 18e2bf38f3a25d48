"""What has changed in the template that a clinic's own was based on, and what the clinic has of it.

Three contents are compared: the upstream one as it was (the base), as it is now, and the
clinic's own. So who reads it sees which changes are news, and which would meet an own edit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery_service.domain.plan_changes import ADDED, CHANGED, REMOVED, differing

PARTS = ("template", "phases", "items", "restrictions", "appointments", "questionnaires")
YOURS = ("unchanged", "edited", "absent", "same")
_HEAD = ("title", "typical_stay_days")

Raw = Mapping[str, Any]
Key = tuple[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamChange:
    """One entry that is `added`, `removed` or `changed` upstream; `fields` names what of it.

    `yours` says what the clinic's own template has of it: `unchanged` (as it was upstream),
    `edited` (something else), `absent`, or `same` (as it is upstream now). Restrictions of
    one code are told apart by `from_day`.
    """

    part: str
    code: str
    from_day: int | None
    change: str
    fields: Sequence[str]
    yours: str


def upstream_changes(base: Raw, upstream: Raw, own: Raw) -> list[UpstreamChange]:
    """Return what differs between `base` and `upstream`, in the order of the template's parts."""
    return [change for part in PARTS for change in _part_changes(part, base, upstream, own)]


def _part_changes(part: str, base: Raw, upstream: Raw, own: Raw) -> list[UpstreamChange]:
    old, new, mine = (_entries(content, part) for content in (base, upstream, own))
    return [
        _change(part, key, old.get(key), new.get(key), mine.get(key))
        for key in dict.fromkeys((*new, *old))
        if old.get(key) != new.get(key)
    ]


def _change(
    part: str, key: Key, old: Raw | None, new: Raw | None, mine: Raw | None
) -> UpstreamChange:
    change = ADDED if old is None else REMOVED if new is None else CHANGED
    fields = differing(old, new) if old is not None and new is not None else ()
    return UpstreamChange(
        part=part,
        code=key[0],
        from_day=key[1],
        change=change,
        fields=fields,
        yours=_yours(old, new, mine),
    )


def _yours(old: Raw | None, new: Raw | None, mine: Raw | None) -> str:
    if mine == new:
        return "same"
    if mine is None:
        return "absent"
    return "unchanged" if mine == old else "edited"


def _entries(content: Raw, part: str) -> dict[Key, Raw]:
    if part == "template":
        return {("template", None): {name: content.get(name) for name in _HEAD}}
    ranged = part == "restrictions"
    return {
        (each["code"], each["from_day"] if ranged else None): each for each in content.get(part, ())
    }
