"""Whether a rule can ever be met: what it needs has to be asked of those it is for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from recovery_service.domain.check_in_items import Catalogue
from recovery_service.domain.content_fields import Fields
from recovery_service.domain.plan_template_fields import LAST_DAY
from recovery_service.domain.red_flag_conditions import (
    Answered,
    Condition,
    Consecutive,
    DayAfter,
    FactIs,
    NoteWords,
    Return,
    Rise,
    Way,
)


@dataclass(frozen=True, kw_only=True)
class Window:
    """Days since surgery from `first` to `last`, both inclusive; None is an open end."""

    first: int | None
    last: int | None

    @property
    def is_open(self) -> bool:
        """Say whether the window holds every day there is."""
        return self.first is None and self.last is None

    def holds(self, day: int | None) -> bool:
        """Say whether the day is one of them; an unknown day is, to miss nothing."""
        if day is None:
            return True
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


def refuse_what_no_form_asks(
    table: Fields,
    alternatives: Iterable[Way],
    procedures: frozenset[str],
    window: Window,
    catalogue: Catalogue,
) -> None:
    """Refuse an item that is asked of none of the procedures, and a procedure left out.

    A condition may name items of several regions, but each must be asked of somebody,
    and each procedure needs one way in which all is asked. Raises `ContentError`.
    """
    met = tuple(alternatives)
    for code in dict.fromkeys(code for way in met for one in way for code in items_of(one)):
        if not any(_asks(catalogue, code, name, window, met) for name in procedures):
            table.refuse(f"no form of its procedures and days asks {code!r}")
    for name in sorted(procedures):
        if not any(_reaches(catalogue, way, name, window) for way in met):
            table.refuse(f"no form for {name!r} on its days asks what the rule needs")


def refuse_what_is_asked_too_rarely(
    table: Fields,
    alternatives: Iterable[Way],
    procedures: frozenset[str],
    window: Window,
    gap: Callable[[int], int],
    catalogue: Catalogue,
) -> None:
    """Refuse consecutive entries that the forms of its days never ask so close together.

    `gap` gives the most days between the entry of a day and the one before it. Raises
    `ContentError`.
    """
    for way in alternatives:
        for one in filter(is_of_several, way):
            spans = (_days(window, way, name) for name in procedures)
            if not any(_is_close(catalogue, one, days, gap) for days in spans):
                table.refuse(f"no two forms ask {items_of(one)[0]!r} within max_gap_days")


def is_of_several(condition: Condition) -> bool:
    """Say whether a condition speaks of consecutive entries."""
    return isinstance(condition, Consecutive | Rise | Return) and condition.entries > 1


def items_of(condition: Condition) -> tuple[str, ...]:
    """Return the items that a condition reads."""
    if isinstance(condition, FactIs | DayAfter | NoteWords):
        return ()
    return (condition.item,) if isinstance(condition, Answered) else condition.items


def _asks(
    catalogue: Catalogue, code: str, procedure: str, window: Window, met: Iterable[Way]
) -> bool:
    return any(
        _is_asked(catalogue, code, procedure, _days(window, way, procedure))
        for way in met
        if any(code in items_of(one) for one in way)
    )


def _reaches(catalogue: Catalogue, way: Way, procedure: str, window: Window) -> bool:
    """Say whether the forms ask all of a way; of several items that rank, one is enough."""
    days = _days(window, way, procedure)
    return bool(days) and all(
        not items_of(one)
        or any(_is_asked(catalogue, code, procedure, days) for code in items_of(one))
        for one in way
    )


def _is_asked(catalogue: Catalogue, code: str, procedure: str, days: range) -> bool:
    item = catalogue.items[code]
    return procedure in item.procedures and (
        (item.always and bool(days)) or any(map(catalogue.is_due, days))
    )


def _is_close(
    catalogue: Catalogue, condition: Condition, days: range, gap: Callable[[int], int]
) -> bool:
    if any(catalogue.items[code].always for code in items_of(condition)):
        return bool(days)
    due = filter(catalogue.is_due, range(days.stop))
    return any(later in days and later - earlier <= gap(later) for earlier, later in pairwise(due))


def _days(window: Window, way: Way, procedure: str) -> range:
    """Return the days on which a way can be met."""
    first, last = window.first or 0, LAST_DAY if window.last is None else window.last
    limits = [one.limits.get(procedure, LAST_DAY) for one in way if isinstance(one, DayAfter)]
    return range(max([first, *(limit + 1 for limit in limits)]), last + 1)
