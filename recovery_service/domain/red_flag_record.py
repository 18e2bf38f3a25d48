"""One patient's check-ins as red-flag rules read them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, Self
from uuid import UUID

from recovery_service.domain.check_in_forms import known_answer
from recovery_service.domain.check_in_items import Catalogue, ShowIf
from recovery_service.domain.check_ins import Report, standing
from recovery_service.domain.red_flag_conditions import Entry, Fact, OfOneCheckIn


class AnsweredReport(Report, Protocol):
    """A stored check-in with what it says."""

    @property
    def episode_id(self) -> UUID:
        """The episode it belongs to."""
        ...

    @property
    def answers(self) -> Mapping[str, Any]:
        """Answers by item, as they were given."""
        ...

    @property
    def note(self) -> str | None:
        """What the patient wrote in free words."""
        ...


class CountedAnswers:
    """The answers of one check-in that the catalogue knows and shows.

    Unknown items do not count, nor answers that their item cannot have, nor follow-ups
    whose parent has no answer that shows them: a form may have changed, or the patient may
    have changed the answer above after the follow-up. Each is looked at when it is asked
    for: a history has hundreds, and the rules read a few.
    """

    __slots__ = ("_catalogue", "_found", "_given")

    def __init__(self, catalogue: Catalogue, given: Mapping[str, Any]) -> None:
        self._catalogue = catalogue
        self._given = given
        self._found: dict[str, Any] = {}

    def get(self, code: str) -> Any:
        """Return the answer that counts, or None."""
        if code not in self._found:
            self._found[code] = self._read(code)
        return self._found[code]

    def _read(self, code: str) -> Any:
        given, item = self._given.get(code), self._catalogue.items.get(code)
        if given is None or item is None:
            return None
        answer = known_answer(item, given)
        if item.show_if is not None and not self._shows(item.show_if):
            return None
        return answer

    def _shows(self, show_if: ShowIf) -> bool:
        answer = self.get(show_if.item)
        if answer is None:
            return False
        if show_if.at_least is not None:
            return bool(answer >= show_if.at_least)
        return answer in show_if.one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One check-in: the answers that count, by item, and the note."""

    local_date: date
    answers: CountedAnswers
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The check-ins of an episode up to a day, the oldest first; none was corrected."""

    catalogue: Catalogue
    day: date
    told: Sequence[Told]
    of_the_day: Sequence[Told]
    _courses: dict[tuple[str, ...], tuple[Entry, ...]] = field(default_factory=dict, init=False)

    @classmethod
    def of(
        cls,
        catalogue: Catalogue,
        history: Iterable[AnsweredReport],
        *,
        episode_id: UUID,
        day: date,
    ) -> Self:
        """Read the check-ins; a correction counts even if it came after the day."""
        own = standing(report for report in history if report.episode_id == episode_id)
        told = tuple(
            Told(
                local_date=report.local_date,
                answers=CountedAnswers(catalogue, report.answers),
                note=report.note,
            )
            for report in own
            if report.local_date <= day
        )
        today = tuple(one for one in told if one.local_date == day)
        return cls(catalogue=catalogue, day=day, told=told, of_the_day=today)

    def of_one_check_in(self, conditions: Sequence[OfOneCheckIn]) -> tuple[Fact, ...]:
        """Return the facts of each check-in of the day that meets all conditions."""
        found: list[Fact] = []
        for told in self.of_the_day:
            met: list[Fact] = []
            for one in conditions:
                if not (facts := one.facts(told.answers, told.note, self.day)):
                    break
                met += facts
            else:
                found += met
        return tuple(found)

    def series(self, items: Sequence[str]) -> tuple[Entry, ...]:
        """Return the entries of an item by date, of several the highest of each date.

        A date's entry is its newest answer; a later check-in that leaves the item
        open takes nothing back. Without an entry on the judged day the course is not
        of that day, and empty.
        """
        key = tuple(items)
        if key not in self._courses:
            self._courses[key] = self._course(key)
        return self._courses[key]

    def _course(self, items: tuple[str, ...]) -> tuple[Entry, ...]:
        newest: dict[str, dict[date, Any]] = {item: {} for item in items}
        for told in self.told:
            for item in items:
                if (answer := told.answers.get(item)) is not None:
                    newest[item][told.local_date] = answer
        days = sorted({day for entries in newest.values() for day in entries})
        if not days or days[-1] != self.day:
            return ()
        return tuple(
            (day, max(entries[day] for entries in newest.values() if day in entries))
            for day in days
        )
