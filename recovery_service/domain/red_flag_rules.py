"""Red-flag rules: clinical content that says which answers need whom, and how soon.

A rule is one entry of `config/red_flags.toml`. Parsing is the only way to one, and
refuses with `ContentError` naming the file and the rule.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from recovery_service.domain.check_in_items import Cadence, Catalogue, named_procedures
from recovery_service.domain.content_fields import Fields
from recovery_service.domain.crisis_words import CrisisWords
from recovery_service.domain.languages import Texts
from recovery_service.domain.plan_template_fields import LAST_DAY, SOURCED, sourced
from recovery_service.domain.plan_template_parts import DRAFT, Sourced, content_hash
from recovery_service.domain.red_flag_condition_fields import Vocabulary, ways
from recovery_service.domain.red_flag_conditions import (
    Answered,
    DayAfter,
    FactIs,
    NoteWords,
    OfOneCheckIn,
    OfTheCourse,
    Way,
)
from recovery_service.domain.red_flag_reach import (
    Window,
    is_of_several,
    refuse_what_is_asked_too_rarely,
    refuse_what_no_form_asks,
)

__all__ = ["TIERS", "Escalation", "RedFlagRule", "RedFlagRules", "parse_rules"]

EMERGENCY = "emergency"
#: The strictest first.
TIERS = (EMERGENCY, "same_day", "next_business_day")
LONGEST_SILENCE = 30
LONGEST_GAP = 14

_KEYS = (
    "id", "version", "tier", "procedures", "from_day", "to_day", "when", "escalations",
    "silence_days", "max_gap_days", "title", "text",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """A stricter tier of a rule, with a condition and a text of its own.

    It does not need the rule's own condition: what it asks is a follow-up question as
    a rule, which has its parent by the catalogue.
    """

    tier: str
    when: tuple[Way, ...]
    text: Texts


@dataclass(frozen=True, kw_only=True)
class RedFlagRule(Sourced):
    """One rule. `title` and `text` are for the patient.

    `window` holds days since surgery. `gaps` say how many days may lie between two
    consecutive entries, by recovery day; empty where the rule speaks of none.
    After its alert was resolved, the rule is silent for `silence_days` unless the
    finding is worse; an emergency never is.
    """

    id: str
    version: int
    tier: str
    procedures: frozenset[str]
    window: Window
    when: tuple[Way, ...]
    escalations: tuple[Escalation, ...]
    silence_days: int
    gaps: tuple[Cadence, ...]
    title: Texts
    text: Texts

    def gap(self, recovery_day: int | None) -> int:
        """Return the most days between an entry of that day and the one before it.

        On an unknown day it is the widest, to miss nothing.
        """
        if recovery_day is None:
            return max((one.every_days for one in self.gaps), default=0)
        begun = [one.every_days for one in self.gaps if one.from_day <= recovery_day]
        return begun[-1] if begun else next((one.every_days for one in self.gaps), 0)


class Path(NamedTuple):
    """One way of a rule, laid out for judging: courses first, then questions.

    The conditions on one check-in are together by the question that they go back to, because
    a question and its follow-ups are taken from the same check-in.
    """

    courses: tuple[OfTheCourse | FactIs | DayAfter, ...]
    questions: tuple[tuple[OfOneCheckIn, ...], ...]


class Level(NamedTuple):
    """A tier of a rule, with its text and the ways in which it is met."""

    tier: str
    text: Texts
    paths: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class RedFlagRules:
    """All rules in the order of the file, and the catalogue that their items are of."""

    version: int
    status: str
    content_hash: str
    rules: tuple[RedFlagRule, ...]
    catalogue: Catalogue

    @cached_property
    def levels(self) -> Mapping[str, tuple[Level, ...]]:
        """The tiers of each rule by its id, its own first: laid out once, judged often."""
        return {
            rule.id: tuple(
                Level(tier, text, tuple(self._path(way) for way in when))
                for tier, when, text in (
                    (rule.tier, rule.when, rule.text),
                    *((each.tier, each.when, each.text) for each in rule.escalations),
                )
            )
            for rule in self.rules
        }

    def _path(self, way: Way) -> Path:
        questions: dict[str, list[OfOneCheckIn]] = {}
        courses: list[OfTheCourse | FactIs | DayAfter] = []
        for one in way:
            if isinstance(one, Answered):
                questions.setdefault(self._question(one.item), []).append(one)
            elif isinstance(one, NoteWords):
                questions.setdefault("", []).append(one)  # the note is no item and has no name
            else:
                courses.append(one)
        return Path(tuple(courses), tuple(tuple(together) for together in questions.values()))

    def _question(self, item: str) -> str:
        """Return the item that a follow-up goes back to, or the item itself."""
        show_if = self.catalogue.items[item].show_if
        return item if show_if is None else self._question(show_if.item)

    @cached_property
    def course_items(self) -> list[str]:
        """The items of which a rule reads a course: those that an old report is read for."""
        return sorted(
            {
                item
                for rule in self.rules
                for ways_of in (rule.when, *(each.when for each in rule.escalations))
                for way in ways_of
                for one in way
                if isinstance(one, OfTheCourse)
                for item in one.items
            }
        )


def parse_rules(
    raw: Mapping[str, Any],
    *,
    catalogue: Catalogue,
    crisis_words: CrisisWords,
    sources: Container[str],
    file: str = "red_flags.toml",
) -> RedFlagRules:
    """Read the rules strictly; `sources` holds the source keys that exist.

    Raises `ContentError` naming the file and the rule that is wrong.
    """
    top = Fields(raw, file, "red_flags")
    top.only("version", "status", "rules")
    known = Vocabulary(catalogue=catalogue, crisis_words=crisis_words)
    tables = _named(top)
    return RedFlagRules(
        version=top.integer("version", 1, 10_000),
        status=top.choice("status", (DRAFT,)),
        content_hash=content_hash(raw),
        rules=tuple(_rule(table, known, sources) for table in tables),
        catalogue=catalogue,
    )


def _named(top: Fields) -> tuple[Fields, ...]:
    """Return the tables of the rules, each under its own name, none twice."""
    tables: dict[str, Fields] = {}
    for table in top.tables("rules"):
        name = table.text("id")
        if not name.isascii() or not name.replace("_", "").isalnum() or name.upper() != name:
            table.refuse("id must be made of A-Z, 0-9 and _")
        named = Fields(table.raw, table.file, f"rules/{name}")
        if name in tables:
            named.refuse(f"duplicate id {name!r}")
        tables[name] = named
    if not tables:
        top.refuse("has no rules")
    return tuple(tables.values())


def _rule(table: Fields, known: Vocabulary, sources: Container[str]) -> RedFlagRule:
    table.only(*_KEYS, *SOURCED)
    tier = table.choice("tier", TIERS)
    rule = RedFlagRule(
        id=table.text("id"),
        version=table.integer("version", 1, 10_000),
        tier=tier,
        procedures=named_procedures(table),
        window=_window(table),
        when=ways(table.table("when"), known),
        escalations=tuple(_escalation(each, tier, known) for each in _escalations(table)),
        silence_days=_silence_days(table, tier),
        gaps=_gaps(table, known.catalogue),
        title=table.texts("title"),
        text=table.texts("text"),
        **sourced(table, sources),
    )
    _check(table, rule, known.catalogue)
    return rule


def _window(table: Fields) -> Window:
    first = table.optional_integer("from_day", 0, LAST_DAY)
    last = table.optional_integer("to_day", 0, LAST_DAY)
    if first is not None and last is not None and last < first:
        table.refuse("impossible window: to_day is before from_day")
    return Window(first=first, last=last)


def _escalations(table: Fields) -> Iterable[Fields]:
    return (Fields(raw, table.file, table.item) for raw in table.values("escalations"))


def _escalation(table: Fields, tier: str, known: Vocabulary) -> Escalation:
    table.only("tier", "when", "text")
    stricter = TIERS[: TIERS.index(tier)]
    return Escalation(
        tier=table.choice("tier", stricter),
        when=ways(table.table("when"), known),
        text=table.texts("text"),
    )


def _silence_days(table: Fields, tier: str) -> int:
    """Return the days of silence; an emergency has none."""
    return table.integer("silence_days", 0, 0 if tier == EMERGENCY else LONGEST_SILENCE)


def _gaps(table: Fields, catalogue: Catalogue) -> tuple[Cadence, ...]:
    """Return the gaps: the form's own cadence, or one number for all days."""
    if not table.has("max_gap_days"):
        return ()
    if table.raw["max_gap_days"] == "cadence":
        return catalogue.cadence
    days = table.integer("max_gap_days", 1, LONGEST_GAP)
    return (Cadence(from_day=0, to_day=LAST_DAY, every_days=days),)


def _check(table: Fields, rule: RedFlagRule, catalogue: Catalogue) -> None:
    """Refuse what each field allows and the rule as a whole does not."""
    met = [*rule.when, *(way for each in rule.escalations for way in each.when)]
    conditions = [condition for way in met for condition in way]
    runs = any(map(is_of_several, conditions))
    if runs != bool(rule.gaps):
        table.refuse("max_gap_days belongs to consecutive entries, and to nothing else")
    for one in conditions:
        if isinstance(one, DayAfter) and one.limits.keys() != rule.procedures:
            table.refuse("day_after must name the procedures of the rule, and no other")
    for alternatives in (rule.when, *(each.when for each in rule.escalations)):
        reach = (table, alternatives, rule.procedures, rule.window)
        refuse_what_no_form_asks(*reach, catalogue)
        refuse_what_is_asked_too_rarely(*reach, rule.gap, catalogue)
