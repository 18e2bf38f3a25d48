"""Red flags: what a patient's check-ins mean by the rules, and how urgent it is.

`evaluate` is pure: the same rules, check-ins and situation give the same findings, in
whatever order the check-ins come. Nothing clinical is decided here; that is data.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from recovery_service.domain.languages import Texts
from recovery_service.domain.red_flag_conditions import (
    DayAfter,
    Fact,
    FactIs,
    OfTheCourse,
)
from recovery_service.domain.red_flag_record import AnsweredReport, Record
from recovery_service.domain.red_flag_rules import TIERS, Level, Path, RedFlagRule, RedFlagRules

__all__ = ["AnsweredReport", "Fact", "Finding", "Situation", "evaluate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Whose check-ins are judged, and as of which day.

    `local_date` is the day that is judged, on the patient's calendar: today, or for a
    check-in that came late the date it is about. `surgery_date` None: not known.
    `facts` are what no answer tells (see `red_flag_condition_fields.FACTS`); one that
    is missing or None is not known and meets no condition.
    """

    episode_id: UUID
    procedure: str
    surgery_date: date | None
    local_date: date
    facts: Mapping[str, float | None] = field(default_factory=dict)

    def recovery_day(self, day: date) -> int | None:
        """Return the days from surgery to a date; None while the surgery date is unknown."""
        return None if self.surgery_date is None else (day - self.surgery_date).days


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that is met, at the strictest of its tiers that is.

    `facts` are all that met it, at any of its tiers. `title` and `text` are for the
    patient; `text` is the one of the tier. `day_assumed`: the recovery day is not
    known, and the rule's window or day limit was taken as if it held.
    """

    rule_id: str
    rule_version: int
    tier: str
    facts: tuple[Fact, ...]
    title: Texts
    text: Texts
    day_assumed: bool = False


def evaluate(
    rules: RedFlagRules, history: Iterable[AnsweredReport], situation: Situation
) -> tuple[Finding, ...]:
    """Return what the check-ins mean on the judged day, the strictest first, then by file.

    Only check-ins of the episode up to the judged day are used, and none that was
    corrected. A condition on one check-in is met by any check-in of the judged day, so
    the worst counts; a question and its follow-ups are taken from the same one, while
    different questions may come from different ones. A condition on the course takes
    the newest answer of each date (by `recorded_at`), and needs one on the judged day.
    An answer of an older form counts where today's catalogue knows the item and the
    answer; anything else, and a follow-up without its parent, counts as unanswered,
    and that meets no condition. On an unknown recovery day every window holds, and the
    finding says so.
    """
    record = Record.of(
        rules.catalogue, history, episode_id=situation.episode_id, day=situation.local_date
    )
    levels = rules.levels
    found = (_finding(rule, levels[rule.id], record, situation) for rule in rules.rules)
    return tuple(sorted(filter(None, found), key=lambda one: TIERS.index(one.tier)))


def _finding(
    rule: RedFlagRule, levels: Iterable[Level], record: Record, situation: Situation
) -> Finding | None:
    day = situation.recovery_day(situation.local_date)
    if situation.procedure not in rule.procedures or not rule.window.holds(day):
        return None
    asked = _Asked(rule=rule, record=record, situation=situation)
    met = [(tier, text, facts) for tier, text, paths in levels if (facts := asked.facts(paths))]
    if not met:
        return None
    tier, text, _ = min(met, key=lambda level: TIERS.index(level[0]))
    facts = _each_once(fact for level in met for fact in level[2])
    return Finding(
        rule_id=rule.id,
        rule_version=rule.version,
        tier=tier,
        facts=facts,
        title=rule.title,
        text=text,
        day_assumed=day is None and _needs_the_day(rule, facts),
    )


def _needs_the_day(rule: RedFlagRule, facts: Iterable[Fact]) -> bool:
    return not rule.window.is_open or any("day_after" in fact.comparison for fact in facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A rule put to one patient's record on the judged day."""

    rule: RedFlagRule
    record: Record
    situation: Situation

    def facts(self, paths: Iterable[Path]) -> tuple[Fact, ...]:
        """Return the facts of all ways that are met; none if none is."""
        found: list[Fact] = []
        for path in paths:
            found += self._of_path(path)
        return _each_once(found)

    def _of_path(self, path: Path) -> list[Fact]:
        """Return the facts of a way; none unless all its conditions are met."""
        found: list[Fact] = []
        for one in path.courses:
            if not (facts := self._of_course(one)):
                return []
            found += facts
        for together in path.questions:
            if not (facts := self.record.of_one_check_in(together)):
                return []
            found += facts
        return found

    def _of_course(self, one: OfTheCourse | FactIs | DayAfter) -> tuple[Fact, ...]:
        """Return the facts of a condition that more than one check-in decides."""
        at = self.situation
        if isinstance(one, FactIs):
            return one.facts(at.facts, at.local_date)
        if isinstance(one, DayAfter):
            return one.facts(at.procedure, at.recovery_day(at.local_date), at.local_date)
        return one.facts(self.record.series(one.items), self._gap)

    def _gap(self, day: date) -> int:
        return self.rule.gap(self.situation.recovery_day(day))


def _each_once(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    found: list[Fact] = []
    for fact in facts:
        if fact not in found:
            found.append(fact)
    return tuple(found)
