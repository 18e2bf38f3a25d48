"""Reading the conditions of red-flag rules strictly: only known words, items and answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, product
from types import MappingProxyType

from recovery_service.domain.check_in_items import Catalogue, CheckInItem
from recovery_service.domain.content_fields import Fields
from recovery_service.domain.crisis_words import CrisisWords
from recovery_service.domain.plan_template_fields import LAST_DAY
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.domain.red_flag_conditions import (
    COMPARISONS,
    Answered,
    Comparison,
    Condition,
    Consecutive,
    DayAfter,
    FactIs,
    NoteWords,
    Repeated,
    Return,
    Rise,
    Way,
)

#: What a rule may ask that no answer tells, and its largest value: the share of the due
#: sessions done in the last 7 days (0-1), and how many expected check-ins in a row are missing.
FACTS: Mapping[str, float] = MappingProxyType({"sessions_share": 1, "check_ins_missed": 100})
_MOST_ENTRIES = 14
_MOST_WAYS = 64


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What conditions may name: the items of the catalogue and the crisis list."""

    catalogue: Catalogue
    crisis_words: CrisisWords


def ways(table: Fields, known: Vocabulary) -> tuple[Way, ...]:
    """Return a condition as the ways to meet it; in each, all conditions are met.

    `any_of` joins the ways, `all_of` combines them, so that evaluating needs no
    nesting. Raises `ContentError` for whatever is not known.
    """
    if table.has("any_of"):
        table.only("any_of")
        return tuple(chain.from_iterable(_parts(table, "any_of", known)))
    if table.has("all_of"):
        table.only("all_of")
        combined = tuple(product(*_parts(table, "all_of", known)))
        if len(combined) > _MOST_WAYS:
            table.refuse(f"all_of has more than {_MOST_WAYS} ways to be met")
        return tuple(tuple(chain.from_iterable(way)) for way in combined)
    return ((_condition(table, known),),)


def _parts(table: Fields, key: str, known: Vocabulary) -> list[tuple[Way, ...]]:
    parts = table.values(key)
    if not parts:
        table.refuse(f"{key} is empty")
    return [ways(Fields(part, table.file, table.item), known) for part in parts]


def _condition(table: Fields, known: Vocabulary) -> Condition:
    read = next((read for word, read in _READERS.items() if table.has(word)), None)
    if read is None:
        table.refuse(f"unknown condition {', '.join(map(str, table.raw)) or '(empty)'}")
    return read(table, known)


def _day_after(table: Fields, _: Vocabulary) -> DayAfter:
    table.only("day_after")
    limits = table.table("day_after")
    limits.only(*PROCEDURES)
    if not limits.raw:
        table.refuse("day_after names no procedure")
    return DayAfter(limits={name: limits.integer(name, 0, LAST_DAY) for name in limits.raw})


def _note(table: Fields, known: Vocabulary) -> NoteWords:
    table.only("note")
    table.choice("note", ("crisis_words",))
    return NoteWords(words=known.crisis_words)


def _fact(table: Fields, _: Vocabulary) -> FactIs:
    name = table.choice("fact", FACTS)
    most = FACTS[name]
    table.only("fact", "at_least", "at_most", "below")
    word = _word(table)
    return FactIs(name=name, comparison=Comparison(word=word, operand=table.number(word, 0, most)))


def _of_items(table: Fields, known: Vocabulary) -> Condition:
    items = _items(table, known.catalogue)
    codes = tuple(item.code for item in items)
    for word, read in _COURSES.items():
        if table.has(word):
            return read(table, codes, items[0])
    table.only("item", *COMPARISONS)
    return Answered(item=codes[0], comparison=_comparison(table, items[0]))


def _items(table: Fields, catalogue: Catalogue) -> tuple[CheckInItem, ...]:
    """Return the one item, or those of which the highest answer is taken."""
    named = table.values("highest_of") if table.has("highest_of") else (table.text("item"),)
    for name in named:
        if name not in catalogue.items:
            table.refuse(f"unknown item {name!r}")
    items = tuple(catalogue.items[name] for name in named)
    if table.has("highest_of"):
        ranges = {(item.minimum, item.maximum) for item in items}
        if table.has("item") or len(items) < 2 or len(ranges) > 1 or None in ranges.pop():  # noqa: PLR2004
            table.refuse("highest_of needs several numbers of one range, and no item beside it")
        if not any(table.has(word) for word in _COURSES):
            table.refuse("highest_of belongs to a course of entries")
    return items


def _consecutive(table: Fields, codes: tuple[str, ...], item: CheckInItem) -> Consecutive:
    table.only("item", "highest_of", "consecutive", *COMPARISONS)
    return Consecutive(
        items=codes,
        comparison=_comparison(table, item),
        entries=table.integer("consecutive", 1, _MOST_ENTRIES),
    )


def _rise(table: Fields, codes: tuple[str, ...], item: CheckInItem) -> Rise:
    table.only("item", "highest_of", "rise_at_least", "last", "within_days", "consecutive")
    low, high = _range(table, item)
    last = table.integer("last", 1, _MOST_ENTRIES)
    return Rise(
        items=codes,
        at_least=table.number("rise_at_least", 1, high - low),
        last=last,
        within_days=table.integer("within_days", last, 60),
        entries=_entries(table),
    )


def _repeated(table: Fields, codes: tuple[str, ...], item: CheckInItem) -> Repeated:
    table.only("item", "highest_of", "times", "of_last", *COMPARISONS)
    times = table.integer("times", 1, _MOST_ENTRIES)
    return Repeated(
        items=codes,
        comparison=_comparison(table, item),
        times=times,
        of_last=table.integer("of_last", times, _MOST_ENTRIES),
    )


def _return(table: Fields, codes: tuple[str, ...], item: CheckInItem) -> Return:
    table.only("item", "highest_of", "best_week_at_most", "week_entries", "consecutive", "at_least")
    low, high = _range(table, item)
    comparison = _comparison(table, item)
    best = table.number("best_week_at_most", low, high)
    if best >= comparison.operand:
        table.refuse("best_week_at_most must lie below at_least")
    return Return(
        items=codes,
        comparison=comparison,
        entries=_entries(table),
        best_week_at_most=best,
        week_entries=table.integer("week_entries", 1, 7),
    )


def _entries(table: Fields) -> int:
    return table.integer("consecutive", 1, _MOST_ENTRIES) if table.has("consecutive") else 1


def _word(table: Fields) -> str:
    words = [word for word in COMPARISONS if table.has(word)]
    if len(words) != 1:
        table.refuse(f"needs exactly one of {', '.join(COMPARISONS)}")
    return words[0]


def _comparison(table: Fields, item: CheckInItem) -> Comparison:
    word = _word(table)
    if word in ("is", "one_of"):
        named = table.values(word) if word == "one_of" else (table.raw[word],)
        if not named or any(not _can_have(item, answer) for answer in named):
            table.refuse(f"{word} names an answer that {item.code} does not have")
        return Comparison(word=word, operand=named if word == "one_of" else named[0])
    return Comparison(word=word, operand=table.number(word, *_range(table, item)))


def _range(table: Fields, item: CheckInItem) -> tuple[float, float]:
    if item.minimum is None or item.maximum is None:
        table.refuse(f"needs a number, and {item.code} has none")
    return item.minimum, item.maximum


def _can_have(item: CheckInItem, answer: object) -> bool:
    """Say whether a choice has this answer; 1 is not the answer true, and a number no choice."""
    if isinstance(answer, bool):
        return item.type == "boolean"
    return isinstance(answer, str) and answer in {one.code for one in item.codes}


_COURSES: Mapping[str, Callable[[Fields, tuple[str, ...], CheckInItem], Condition]] = (
    MappingProxyType(
        {
            "rise_at_least": _rise,
            "best_week_at_most": _return,
            "times": _repeated,
            "consecutive": _consecutive,
        }
    )
)
_READERS: Mapping[str, Callable[[Fields, Vocabulary], Condition]] = MappingProxyType(
    {
        "day_after": _day_after,
        "note": _note,
        "fact": _fact,
        "item": _of_items,
        "highest_of": _of_items,
    }
)
