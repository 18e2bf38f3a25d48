"""What one report means: judged on its own date, and on the later ones that it changes.

A report may come days late, or correct an earlier one. Its own date is judged with all that
is known of that date. A later date is judged again as well, because a course of entries may
only now be complete; of it counts what was not found before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from recovery_service.domain.red_flag_rules import TIERS, RedFlagRules
from recovery_service.domain.red_flags import AnsweredReport, Finding, Situation, evaluate


class Judge(Protocol):
    """`evaluate` for one episode's history, as of a date."""

    def __call__(self, history: Sequence[AnsweredReport], day: date) -> tuple[Finding, ...]:
        """Return the findings, the strictest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PastReport:
    """A stored check-in as the rules read it."""

    id: UUID
    episode_id: UUID
    local_date: date
    recorded_at: datetime
    received_at: datetime
    supersedes: UUID | None
    answers: Mapping[str, Any]
    note: str | None = None
    issues: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A finding and the local date it is about.

    `new`: the report itself contributed to it. Otherwise the same date's earlier check-ins
    had led to it already, and it is only told again.
    """

    finding: Finding
    about: date
    new: bool


def judge_report(
    rules: RedFlagRules,
    earlier: Sequence[AnsweredReport],
    report: AnsweredReport,
    situation: Situation,
) -> tuple[Judged, ...]:
    """Return what a report means, one finding a rule, the strictest first, then by file.

    `situation` is that of the report's own date. `earlier` may hold check-ins of later
    dates, and of other episodes, which are not used.
    """

    def judge(history: Sequence[AnsweredReport], day: date) -> tuple[Finding, ...]:
        return evaluate(rules, history, replace(situation, local_date=day))

    with_it = (*earlier, report)
    own = report.local_date
    found = [
        Judged(finding=one, about=own, new=_contributes(judge, earlier, one, own))
        for one in judge(with_it, own)
    ]
    for day in sorted({one.local_date for one in earlier if one.local_date > own}):
        found += [
            Judged(finding=one, about=day, new=True)
            for one in judge(with_it, day)
            if _contributes(judge, earlier, one, day)
        ]
    return _one_a_rule(rules, found)


def _contributes(
    judge: Judge, earlier: Sequence[AnsweredReport], found: Finding, day: date
) -> bool:
    """Say whether a finding was not there without the report, or not by the same facts."""
    before = {one.rule_id: one for one in judge(earlier, day)}.get(found.rule_id)
    return before is None or before.tier != found.tier or before.facts != found.facts


def _one_a_rule(rules: RedFlagRules, found: Sequence[Judged]) -> tuple[Judged, ...]:
    """Of several findings of a rule keep the strictest; of equal ones the latest date."""
    order = {rule.id: place for place, rule in enumerate(rules.rules)}
    kept: dict[str, Judged] = {}
    for one in found:
        other = kept.get(one.finding.rule_id)
        if other is None or _rank(one) <= _rank(other):
            kept[one.finding.rule_id] = one
    return tuple(sorted(kept.values(), key=lambda one: (_rank(one), order[one.finding.rule_id])))


def _rank(judged: Judged) -> int:
    return TIERS.index(judged.finding.tier)
