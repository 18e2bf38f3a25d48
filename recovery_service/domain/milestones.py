"""Milestones: what a patient reached on the way, computed anew from the reports that count.

They are entries of `config/milestones.toml`, which also says what makes a week one on
target. Nothing is stored: a correction that takes away what met one takes it back.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from recovery_service.domain.check_in_items import Catalogue, named_procedures
from recovery_service.domain.content_fields import Fields, each_once
from recovery_service.domain.languages import Texts
from recovery_service.domain.plan_template_fields import SOURCED, sourced
from recovery_service.domain.plan_template_parts import DRAFT, Sourced, content_hash
from recovery_service.domain.recovery_curve_fields import numeric_item
from recovery_service.domain.series import Told, values_of

_LONGEST = 90


class Condition(Protocol):
    """What meets a milestone."""

    def met_on(self, reports: Mapping[date, Told]) -> date | None:
        """Return the first date on which it was met, of the reports that count by date."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The answer of one date is at least so much."""

    item: str
    at_least: float

    def met_on(self, reports: Mapping[date, Told]) -> date | None:
        """Return the first such date."""
        values = values_of(self.item, reports)
        return next((day for day in sorted(values) if values[day] >= self.at_least), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class InARow:
    """So many dates in a row, each with a report."""

    dates: int

    def met_on(self, reports: Mapping[date, Told]) -> date | None:
        """Return the last date of the first such run."""
        run, before = 0, None
        for day in sorted(reports):
            run = run + 1 if before == day - timedelta(days=1) else 1
            if run >= self.dates:
                return day
            before = day
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBelow:
    """No answer above a limit over so many days, after there had been one of some height.

    The days are told of densely: between two answers lie at most `max_gap_days`. What
    nobody asked or answered proves nothing.
    """

    item: str
    at_most: float
    for_days: int
    max_gap_days: int
    after_at_least: float

    def met_on(self, reports: Mapping[date, Told]) -> date | None:
        """Return the date on which the days were full."""
        values = values_of(self.item, reports)
        had, begun, before = False, None, None
        for day in sorted(values):
            if values[day] > self.at_most:
                had, begun = had or values[day] >= self.after_at_least, None
                continue
            if begun is None or before is None or (day - before).days > self.max_gap_days:
                begun = day
            if had and (day - begun).days + 1 >= self.for_days:
                return day
            before = day
        return None


@dataclass(frozen=True, kw_only=True)
class Milestone(Sourced):
    """One milestone; `title` is for patients and staff."""

    code: str
    procedures: frozenset[str]
    title: Texts
    when: Condition


@dataclass(frozen=True, kw_only=True)
class WeekTarget(Sourced):
    """The share (0-1) of what was due that makes a week one on target."""

    share: float


@dataclass(frozen=True, kw_only=True)
class Milestones:
    """All milestones in the order of the file, and the target of a week."""

    version: int
    status: str
    content_hash: str
    week: WeekTarget
    milestones: tuple[Milestone, ...]

    def for_procedure(self, procedure: str) -> tuple[Milestone, ...]:
        """Return the milestones of a procedure."""
        return tuple(one for one in self.milestones if procedure in one.procedures)


def parse_milestones(
    raw: Mapping[str, Any],
    *,
    catalogue: Catalogue,
    sources: Container[str],
    file: str = "milestones.toml",
) -> Milestones:
    """Read the milestones strictly; raises `ContentError` naming the file and the milestone."""
    top = Fields(raw, file, "milestones")
    top.only("version", "status", "weeks_on_target", "milestones")
    tables = top.tables("milestones")
    each_once(tables)
    week = Fields(top.table("weeks_on_target").raw, file, "weeks_on_target")
    week.only("share", *SOURCED)
    return Milestones(
        version=top.integer("version", 1, 10_000),
        status=top.choice("status", (DRAFT,)),
        content_hash=content_hash(raw),
        week=WeekTarget(share=week.number("share", 0.1, 1), **sourced(week, sources)),
        milestones=tuple(_milestone(table, catalogue, sources) for table in tables),
    )


def _milestone(table: Fields, catalogue: Catalogue, sources: Container[str]) -> Milestone:
    table.only("code", "procedures", "title", "when", *SOURCED)
    procedures = named_procedures(table)
    return Milestone(
        code=table.code(),
        procedures=procedures,
        title=table.texts("title"),
        when=_condition(table.table("when"), sorted(procedures), catalogue),
        **sourced(table, sources),
    )


def _condition(table: Fields, procedures: Sequence[str], catalogue: Catalogue) -> Condition:
    if table.has("check_ins_in_a_row"):
        table.only("check_ins_in_a_row")
        return InARow(dates=table.integer("check_ins_in_a_row", 2, _LONGEST))
    for procedure in procedures:
        numeric_item(table, catalogue, procedure)
    asked = numeric_item(table, catalogue)
    item, low, high = asked.code, asked.minimum or 0, asked.maximum or 0
    if table.has("at_least"):
        table.only("item", "at_least")
        return Reached(item=item, at_least=table.number("at_least", low, high))
    table.only("item", "at_most", "for_days", "max_gap_days", "after_at_least")
    limit = table.number("at_most", low, high)
    before = table.number("after_at_least", low, high)
    if before <= limit:
        table.refuse("after_at_least must be above at_most")
    return KeptBelow(
        item=item,
        at_most=limit,
        for_days=table.integer("for_days", 2, _LONGEST),
        max_gap_days=table.integer("max_gap_days", 1, _LONGEST),
        after_at_least=before,
    )
