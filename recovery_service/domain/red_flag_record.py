"""One patient's check-ins as red-flag rules read them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, Self
from uuid import UUID

from recovery_service.domain.check_in_forms import check_answers
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One check-in: the answers that count, by item, and the note."""

    local_date: date
    answers: Mapping[str, Any]
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The check-ins of an episode up to a day, the oldest first; none was corrected."""

    catalogue: Catalogue
    day: date
    told: Sequence[Told]

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
                answers=counted_answers(catalogue, report.answers),
                note=report.note,
            )
            for report in own
            if report.local_date <= day
        )
        return cls(catalogue=catalogue, day=day, told=told)

    def of_one_check_in(self, conditions: Sequence[OfOneCheckIn]) -> tuple[Fact, ...]:
        """Return the facts of each check-in of the day that meets all conditions."""
        found: list[Fact] = []
        for told in self.told:
            if told.local_date == self.day:
                parts = [one.facts(told.answers, told.note, self.day) for one in conditions]
                found += [fact for part in parts for fact in part] if all(parts) else []
        return tuple(found)

    def series(self, items: Sequence[str]) -> tuple[Entry, ...]:
        """Return the entries of an item by date, of several the highest of each date.

        A date's entry is its newest answer; a later check-in that leaves the item
        open takes nothing back. Without an entry on the judged day the course is not
        of that day, and empty.
        """
        newest: dict[str, dict[date, Any]] = {item: {} for item in items}
        for told in self.told:
            for item in items:
                if told.answers.get(item) is not None:
                    newest[item][told.local_date] = told.answers[item]
        days = sorted({day for entries in newest.values() for day in entries})
        if not days or days[-1] != self.day:
            return ()
        return tuple(
            (day, max(entries[day] for entries in newest.values() if day in entries))
            for day in days
        )

    def question(self, item: str) -> str:
        """Return the item that a follow-up goes back to, or the item itself."""
        show_if = self.catalogue.items[item].show_if
        return item if show_if is None else self.question(show_if.item)


def counted_answers(catalogue: Catalogue, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers that the catalogue knows and shows.

    Left out are unknown items, answers that their item cannot have, and follow-ups
    whose parent has no answer that shows them: a form may have changed, or the patient
    may have changed the answer above after the follow-up.
    """
    known = check_answers(catalogue, answers).known
    counted: dict[str, Any] = {}
    for code, item in catalogue.items.items():  # a parent stands before its follow-ups
        if known.get(code) is not None and (item.show_if is None or _shows(item.show_if, counted)):
            counted[code] = known[code]
    return counted


def _shows(show_if: ShowIf, answers: Mapping[str, Any]) -> bool:
    answer = answers.get(show_if.item)
    if answer is None:
        return False
    if show_if.at_least is not None:
        return bool(answer >= show_if.at_least)
    return answer in show_if.one_of
