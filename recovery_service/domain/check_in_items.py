"""The catalogue of questions: what a check-in may ask, of whom, and on which days."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from recovery_service.domain.content_fields import Fields, each_once
from recovery_service.domain.languages import Texts
from recovery_service.domain.plan_template_parts import DRAFT, content_hash
from recovery_service.domain.procedures import CERVICAL, LUMBAR, PROCEDURES

TYPES = ("boolean", "integer", "decimal", "code")
_LAST_DAY = 1000
_SIZE = 100_000
_HASH_DIGITS = 12
_KEYS = ("code", "type", "min", "max", "decimals", "step", "codes", "label", "help")
_OWN = ("procedures", "safety", "ask")  # a follow-up has those of the item it follows


@dataclass(frozen=True, kw_only=True)
class AnswerCode:
    """One of the answers to choose from."""

    code: str
    label: Texts


@dataclass(frozen=True, kw_only=True)
class ShowIf:
    """When a follow-up is shown: `item` has one of these answers, or at least this number."""

    item: str
    one_of: tuple[str | bool, ...] = ()
    at_least: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return `{item, in: [...]}` or `{item, at_least}`."""
        if self.at_least is not None:
            return {"item": self.item, "at_least": self.at_least}
        return {"item": self.item, "in": list(self.one_of)}


@dataclass(frozen=True, kw_only=True)
class CheckInItem:
    """One question.

    `type` is one of `TYPES`; numbers have an inclusive `minimum` and `maximum`,
    decimals a number of `decimals`, and maybe a `step` for the app's control.
    `always` says that every form asks it, not only the full one; safety items always.
    """

    code: str
    type: str
    procedures: frozenset[str]
    safety: bool
    always: bool
    label: Texts
    help: Texts | None = None
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    step: float | None = None
    codes: tuple[AnswerCode, ...] = ()
    show_if: ShowIf | None = None


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """Days since surgery on which the whole form is due: every so many, both ends inclusive."""

    from_day: int
    to_day: int
    every_days: int

    def holds(self, day: int) -> bool:
        """Say whether the day is one of them."""
        return self.from_day <= day <= self.to_day and (day - self.from_day) % self.every_days == 0


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All questions in the order in which they are asked, by code.

    `form_version` is the declared version and the first digits of the content's
    hash: it changes with every edit, also with one that forgot to count up.
    """

    version: int
    status: str
    form_version: str
    content_hash: str
    cadence: tuple[Cadence, ...]
    also_on_days: frozenset[int]
    items: Mapping[str, CheckInItem]

    def is_due(self, day: int | None) -> bool:
        """Say whether the whole form is due; on an unknown day it is, to miss nothing."""
        if day is None or day in self.also_on_days:
            return True
        return any(window.holds(day) for window in self.cadence)


def parse_catalogue(raw: Mapping[str, Any], *, file: str = "check_in_items.toml") -> Catalogue:
    """Read the catalogue strictly; raises `ContentError` naming the file and the item."""
    top = Fields(raw, file, "catalogue")
    top.only("version", "status", "cadence", "also_on_days", "items")
    tables = top.tables("items")
    each_once(tables)
    if not tables:
        top.refuse("has no items")
    items: dict[str, CheckInItem] = {}
    for table in tables:
        items[table.code()] = _item(table, items)
    version = top.integer("version", 1, 10_000)
    digest = content_hash(raw)
    return Catalogue(
        version=version,
        status=top.choice("status", (DRAFT,)),
        form_version=f"{version}-{digest[:_HASH_DIGITS]}",
        content_hash=digest,
        cadence=_cadence(top),
        also_on_days=_also_on_days(top),
        items=items,
    )


def _cadence(top: Fields) -> tuple[Cadence, ...]:
    found: list[Cadence] = []
    for table in top.tables("cadence"):
        table.only("from_day", "to_day", "every_days")
        first = table.integer("from_day", 0, _LAST_DAY)
        last = table.integer("to_day", first, _LAST_DAY)
        step = table.integer("every_days", 1, _LAST_DAY)
        found.append(Cadence(from_day=first, to_day=last, every_days=step))
    if not found or any(after.from_day <= before.to_day for before, after in pairwise(found)):
        top.refuse("cadence must have windows in order that do not overlap")
    return tuple(found)


def _also_on_days(top: Fields) -> frozenset[int]:
    days = top.values("also_on_days")
    if not all(type(day) is int and 0 <= day <= _LAST_DAY for day in days):
        top.refuse(f"also_on_days must be whole numbers from 0 to {_LAST_DAY}")
    return frozenset(days)


def _item(table: Fields, before: Mapping[str, CheckInItem]) -> CheckInItem:
    show_if = _show_if(table, before) if table.has("show_if") else None
    table.only(*_KEYS, *(("show_if",) if show_if else _OWN))
    kind = table.choice("type", TYPES)
    numeric = kind in ("integer", "decimal")
    if not numeric and any(table.has(key) for key in ("min", "max", "decimals", "step")):
        table.refuse(f"a {kind} has no range")
    return CheckInItem(
        code=table.code(),
        type=kind,
        label=table.texts("label"),
        help=table.optional_texts("help"),
        codes=_codes(table, kind),
        show_if=show_if,
        **(_range(table, kind) if numeric else {}),
        **(_like(before[show_if.item]) if show_if else _asked(table)),
    )


def _asked(table: Fields) -> dict[str, Any]:
    """Return of whom and when an item is asked, as keywords."""
    safety = table.flag("safety")
    if safety and table.has("ask"):
        table.refuse("a safety item is always asked; leave ask out")
    ask = table.choice("ask", ("due", "always")) if table.has("ask") else "due"
    return {
        "procedures": named_procedures(table),
        "safety": safety,
        "always": safety or ask == "always",
    }


def _like(parent: CheckInItem) -> dict[str, Any]:
    return {"procedures": parent.procedures, "safety": parent.safety, "always": parent.always}


def named_procedures(table: Fields) -> frozenset[str]:
    """Return the procedures that are named one by one, by a region, or all at once."""
    named = table.raw.get("procedures")
    if named == "all":
        return frozenset(PROCEDURES)
    if named in (LUMBAR, CERVICAL):
        return frozenset(name for name, regions in PROCEDURES.items() if named in regions)
    if not isinstance(named, list) or not named or not set(map(str, named)) <= set(PROCEDURES):
        table.refuse(f"procedures must be all, a region, or a list of procedures, not {named!r}")
    return frozenset(named)


def _range(table: Fields, kind: str) -> dict[str, Any]:
    """Return the range of a number, as keywords."""
    if kind == "integer":
        low = table.integer("min", -_SIZE, _SIZE)
        if table.has("decimals") or table.has("step"):
            table.refuse("an integer has neither decimals nor step")
        return {"minimum": low, "maximum": table.integer("max", low + 1, _SIZE)}
    low_decimal = table.number("min", -_SIZE, _SIZE)
    return {
        "minimum": low_decimal,
        "maximum": table.number("max", math.nextafter(low_decimal, math.inf), _SIZE),
        "decimals": table.integer("decimals", 1, 3),
        "step": table.number("step", 0.001, _SIZE) if table.has("step") else None,
    }


def _codes(table: Fields, kind: str) -> tuple[AnswerCode, ...]:
    tables = table.tables("codes")
    if (kind == "code") != bool(tables):
        table.refuse("codes belong to the type code, and to no other")
    named = tuple(Fields(one.raw, table.file, table.item) for one in tables)
    each_once(named)
    for one in named:
        one.only("code", "label")
    return tuple(AnswerCode(code=one.code(), label=one.texts("label")) for one in named)


def _show_if(table: Fields, before: Mapping[str, CheckInItem]) -> ShowIf:
    condition = table.table("show_if")
    condition.only("item", "in", "at_least")
    parent = before.get(condition.text("item"))
    if parent is None:
        condition.refuse(f"show_if names {condition.text('item')!r}, which is no item above")
    if condition.has("at_least") == condition.has("in"):
        condition.refuse("show_if needs either in or at_least")
    if condition.has("at_least"):
        return ShowIf(item=parent.code, at_least=_threshold(condition, parent))
    answers = condition.values("in")
    if not answers or any(answer not in _answers(parent, answer) for answer in answers):
        condition.refuse(f"show_if names an answer that {parent.code} does not have")
    return ShowIf(item=parent.code, one_of=answers)


def _threshold(condition: Fields, parent: CheckInItem) -> float:
    if parent.minimum is None or parent.maximum is None:
        condition.refuse(f"show_if needs a number, and {parent.code} has none")
    return condition.number("at_least", parent.minimum, parent.maximum)


def _answers(parent: CheckInItem, answer: object) -> Iterable[object]:
    """Return the answers of the same type that an item has; 1 is not the answer true."""
    if isinstance(answer, bool):
        return (True, False) if parent.type == "boolean" else ()
    return tuple(one.code for one in parent.codes)
