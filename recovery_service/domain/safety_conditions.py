"""Conditions of red-flag rules as JSON, in the words of `config/red_flags.toml`.

What nests in the file is written out: `{any_of: [{all_of: [condition, ...]}, ...]}`, so that
an evaluator needs neither nesting nor products. See docs/safety_rules.md.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from recovery_service.domain.red_flag_conditions import (
    Answered,
    Condition,
    Consecutive,
    DayAfter,
    FactIs,
    NoteWords,
    OfTheCourse,
    Repeated,
    Return,
    Rise,
    Way,
)


def ways_as_json(ways: Iterable[Way], *, procedure: str) -> dict[str, Any]:
    """Return when a tier of a rule is met, as one procedure's bundle has it."""
    return {
        "any_of": [
            {"all_of": [condition_as_json(one, procedure=procedure) for one in way]} for way in ways
        ]
    }


def condition_as_json(condition: Condition, *, procedure: str) -> dict[str, Any]:
    """Return one condition in the words of the file; of day limits only the procedure's."""
    match condition:
        case Answered(item=item, comparison=comparison):
            return {"item": item, **comparison.as_json()}
        case NoteWords():
            return {"note": "crisis_words"}
        case FactIs(name=name, comparison=comparison):
            return {"fact": name, **comparison.as_json()}
        case DayAfter(limits=limits):
            own = {procedure: limits[procedure]} if procedure in limits else {}
            return {"day_after": own}
        case _:
            return {**_items(condition.items), **_of_the_course(condition)}


def _of_the_course(condition: OfTheCourse) -> dict[str, Any]:
    match condition:
        case Consecutive():
            return {**condition.comparison.as_json(), "consecutive": condition.entries}
        case Rise():
            return {
                "rise_at_least": condition.at_least,
                "last": condition.last,
                "within_days": condition.within_days,
                "consecutive": condition.entries,
            }
        case Repeated():
            return {
                **condition.comparison.as_json(),
                "times": condition.times,
                "of_last": condition.of_last,
            }
        case Return():
            return {
                **condition.comparison.as_json(),
                "best_week_at_most": condition.best_week_at_most,
                "week_entries": condition.week_entries,
                "consecutive": condition.entries,
            }


def _items(items: tuple[str, ...]) -> Mapping[str, Any]:
    return {"item": items[0]} if len(items) == 1 else {"highest_of": list(items)}
