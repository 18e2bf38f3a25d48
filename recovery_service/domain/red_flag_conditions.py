"""The words in which a red-flag rule says when it is met.

A condition is either about one check-in (`Answered`, `NoteWords`), about a course of
entries (`Consecutive`, `Rise`, `Repeated`, `Return`), or about what is no answer
(`FactIs`, `DayAfter`). `red_flag_condition_fields` reads them, `red_flags` evaluates.

An entry is the answer of one local date. What does not answer does not count: it meets
no condition and breaks none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from statistics import median
from types import MappingProxyType
from typing import Any, Protocol

from recovery_service.domain.crisis_words import CrisisWords, crisis_words_in

Entry = tuple[date, Any]


class Answers(Protocol):
    """The answers of one check-in."""

    def get(self, code: str, /) -> Any:
        """Return the answer to an item, or None."""
        ...


#: How many days may lie between an entry of that date and the one before it.
Gap = Callable[[date], int]

_DAYS_A_WEEK = 7

#: The comparisons by their word in the file; each takes the answer and the operand.
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "is": lambda answer, operand: bool(answer == operand),
        "one_of": lambda answer, operand: answer in operand,
        "at_least": lambda answer, operand: bool(answer >= operand),
        "at_most": lambda answer, operand: bool(answer <= operand),
        "below": lambda answer, operand: bool(answer < operand),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A word of `COMPARISONS` and what the answer is compared with."""

    word: str
    operand: Any

    def holds(self, answer: Any) -> bool:
        """Say whether an answer meets it; None never does."""
        return answer is not None and COMPARISONS[self.word](answer, self.operand)

    def as_json(self) -> dict[str, Any]:
        """Return it as the file has it, such as `{at_least: 38.0}`."""
        operand = self.operand
        return {self.word: list(operand) if isinstance(operand, tuple) else operand}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What met a condition: the answer, its local date, and the comparison it met.

    `item` is an item of the catalogue, `note`, or the name of a fact. `comparison` is
    JSON in the words of the file, with the figure that was compared with where it had
    to be computed: `{rise_at_least: 4, median: 2}`.
    """

    item: str
    value: Any
    local_date: date
    comparison: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored: `{item, value, date, comparison}`."""
        return {
            "item": self.item,
            "value": self.value,
            "date": self.local_date.isoformat(),
            "comparison": dict(self.comparison),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One check-in gave this answer."""

    item: str
    comparison: Comparison

    def facts(self, answers: Answers, note: str | None, day: date) -> tuple[Fact, ...]:
        """Return the fact of a check-in that meets this, else nothing."""
        del note
        answer = answers.get(self.item)
        if not self.comparison.holds(answer):
            return ()
        return (_fact(self.item, day, answer, self.comparison.as_json()),)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteWords:
    """The note of one check-in holds a word of the crisis list."""

    words: CrisisWords

    def facts(self, answers: Answers, note: str | None, day: date) -> tuple[Fact, ...]:
        """Return the phrases that were found, each as the list spells it."""
        del answers
        if not note:
            return ()
        found = crisis_words_in(self.words, note)
        return tuple(_fact("note", day, phrase, {"note": "crisis_words"}) for phrase in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consecutive:
    """The last `entries` entries all compare so; of several items the highest is taken."""

    items: tuple[str, ...]
    comparison: Comparison
    entries: int

    def facts(self, series: Sequence[Entry], gap: Gap) -> tuple[Fact, ...]:
        """Return the entries that meet this, else nothing."""
        name, run = _name(self.items), _run(series, self.entries, gap)
        if not all(self.comparison.holds(answer) for _, answer in run):
            return ()
        return tuple(_fact(name, day, answer, self.comparison.as_json()) for day, answer in run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """The last `entries` entries each lie this much above the median before them.

    The median is that of the `last` entries before an entry, if all of them lie within
    `within_days` days before it; with fewer there is no median and no rise.
    """

    items: tuple[str, ...]
    at_least: float
    last: int
    within_days: int
    entries: int

    def facts(self, series: Sequence[Entry], gap: Gap) -> tuple[Fact, ...]:
        """Return the entries that rose so far, each with its median, else nothing."""
        run = _run(series, self.entries, gap)
        first = len(series) - len(run)
        found: list[Fact] = []
        for place, (day, answer) in enumerate(run, start=first):
            middle = self._median(series[max(place - self.last, 0) : place], day)
            if middle is None or answer - middle < self.at_least:
                return ()
            comparison = {"rise_at_least": self.at_least, "median": middle}
            found.append(_fact(_name(self.items), day, answer, comparison))
        return tuple(found)

    def _median(self, before: Sequence[Entry], day: date) -> float | None:
        earliest = day - timedelta(days=self.within_days)
        near = [answer for each, answer in before if each >= earliest]
        return median(near) if len(near) == self.last else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """At least `times` of the last `of_last` entries (or of as many as there are) compare so."""

    items: tuple[str, ...]
    comparison: Comparison
    times: int
    of_last: int

    def facts(self, series: Sequence[Entry], gap: Gap) -> tuple[Fact, ...]:
        """Return the entries that compare so, if they are enough, else nothing."""
        del gap
        name, compared = _name(self.items), self.comparison.as_json()
        hits = [entry for entry in series[-self.of_last :] if self.comparison.holds(entry[1])]
        found = tuple(_fact(name, day, answer, compared) for day, answer in hits)
        return found if len(found) >= self.times else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """The last `entries` entries compare so, after a week that had been good.

    The best week is the lowest median of any 7 local days before those entries that
    hold at least `week_entries` entries.
    """

    items: tuple[str, ...]
    comparison: Comparison
    entries: int
    best_week_at_most: float
    week_entries: int

    def facts(self, series: Sequence[Entry], gap: Gap) -> tuple[Fact, ...]:
        """Return the entries of the return, each with the best week, else nothing."""
        run = _run(series, self.entries, gap)
        if not all(self.comparison.holds(answer) for _, answer in run):
            return ()
        best = min(self._weeks(series[: len(series) - len(run)]), default=None)
        if best is None or best > self.best_week_at_most:
            return ()
        compared = {
            **self.comparison.as_json(),
            "best_week_at_most": self.best_week_at_most,
            "best_week": best,
        }
        return tuple(_fact(_name(self.items), day, answer, compared) for day, answer in run)

    def _weeks(self, before: Sequence[Entry]) -> Iterator[float]:
        for place, (first, _) in enumerate(before):
            end = first + timedelta(days=_DAYS_A_WEEK)
            week = [answer for day, answer in before[place:] if day < end]
            if len(week) >= self.week_entries:
                yield median(week)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactIs:
    """Something that is no answer compares so: see `FACTS` in `red_flag_condition_fields`."""

    name: str
    comparison: Comparison

    def facts(self, known: Mapping[str, Any], day: date) -> tuple[Fact, ...]:
        """Return the fact if it is known and compares so, else nothing."""
        value = known.get(self.name)
        if not self.comparison.holds(value):
            return ()
        return (_fact(self.name, day, value, self.comparison.as_json()),)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAfter:
    """The recovery day is past the last day that the procedure allows.

    `limits` maps procedures to days since surgery. An unknown day counts as past.
    """

    limits: Mapping[str, int]

    def facts(self, procedure: str, recovery_day: int | None, day: date) -> tuple[Fact, ...]:
        """Return the recovery day as a fact (None: unknown) if it is past, else nothing."""
        limit = self.limits.get(procedure)
        if limit is None or (recovery_day is not None and recovery_day <= limit):
            return ()
        return (_fact("days_since_surgery", day, recovery_day, {"day_after": limit}),)


OfOneCheckIn = Answered | NoteWords
OfTheCourse = Consecutive | Rise | Repeated | Return
Condition = OfOneCheckIn | OfTheCourse | FactIs | DayAfter
#: Conditions that must all be met; any-of and all-of are written out to a list of these.
Way = tuple[Condition, ...]


def _fact(item: str, day: date, value: Any, comparison: Mapping[str, Any]) -> Fact:
    return Fact(item=item, value=value, local_date=day, comparison=comparison)


def _name(items: tuple[str, ...]) -> str:
    return items[0] if len(items) == 1 else f"highest of {', '.join(items)}"


def _run(series: Sequence[Entry], entries: int, gap: Gap) -> Sequence[Entry]:
    """Return the last so many entries if none is too far from the one before, else none."""
    run = series[-entries:]
    whole = len(run) == entries and all(
        (later - earlier).days <= gap(later) for (earlier, _), (later, _) in pairwise(run)
    )
    return run if whole else ()
