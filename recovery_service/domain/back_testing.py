"""Back-testing: what changed rules would have said to check-ins of the past, before they do.

Pure: episodes come in one by one, a report comes out. Each check-in is judged as it
arrived, with what had arrived before it, by both sets of rules at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple
from uuid import UUID

from recovery_service.domain.back_test_report import BackTestReport, Fire
from recovery_service.domain.red_flag_conditions import FactIs
from recovery_service.domain.red_flag_rules import TIERS, RedFlagRule, RedFlagRules
from recovery_service.domain.red_flags import AnsweredReport, Finding, Situation, evaluate

__all__ = ["BackTest", "EpisodeHistory", "PastAlert"]

# No id of a file has a slash, so that no rule of the other set can be meant.
_CHANGED = "changed/"

Fires = dict[Fire, str]


class PastAlert(NamedTuple):
    """An alert of the past, on the patient's calendar.

    `resolved_on` None: not resolved yet. `acted_on` says whether staff did something
    because of it; None while that is open.
    """

    id: UUID
    rule_id: str
    tier: str
    raised_on: date
    resolved_on: date | None
    acted_on: bool | None

    def stood_on(self, day: date) -> bool:
        """Say whether it was raised by that day and not resolved before it."""
        return self.raised_on <= day and (self.resolved_on is None or day <= self.resolved_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeHistory:
    """One episode's past, and the local dates that are looked at, both inclusive.

    Check-ins of other dates are read for their course, and judged no more; alerts that
    were raised on others overlap with fires, and are followed no more.
    """

    episode_id: UUID
    procedure: str
    surgery_date: date | None
    first_day: date
    last_day: date
    check_ins: Sequence[AnsweredReport]
    alerts: Sequence[PastAlert] = ()

    def looks_at(self, day: date) -> bool:
        """Say whether the date is one of those that are looked at."""
        return self.first_day <= day <= self.last_day


class BackTest:
    """A comparison of the rules in force with changed ones; it grows by episode.

    Rules that read what no answer tells meet nothing here, in either set: what the
    service had counted on a past day is not kept. The report names them.
    """

    def __init__(self, rules: RedFlagRules, changed: RedFlagRules) -> None:
        """Both sets are of the same catalogue of questions."""
        in_force = {rule.id: rule for rule in rules.rules}
        differing = [rule for rule in changed.rules if in_force.get(rule.id) != rule]
        self._both = replace(
            rules,
            rules=(*rules.rules, *(replace(one, id=_CHANGED + one.id) for one in differing)),
        )
        self._same = {rule.id for rule in changed.rules} - {rule.id for rule in differing}
        self.report = BackTestReport(
            not_judged=sorted({*_of_facts(rules), *_of_facts(changed)}),
        )

    def add(self, history: EpisodeHistory) -> None:
        """Judge one more episode by both sets."""
        report = self.report
        report.episodes += 1
        report.patient_days += (history.last_day - history.first_day).days + 1
        now, changed = self._judged(history)
        for fire in sorted(now.keys() | changed.keys()):
            report.compare(fire, now.get(fire), changed.get(fire))
        for fire in sorted(changed):
            standing = {one.rule_id for one in history.alerts if one.stood_on(fire.day)}
            report.overlap(fire.rule_id, standing)
        for alert in (one for one in history.alerts if history.looks_at(one.raised_on)):
            during: dict[str, str] = {}
            for fire, tier in changed.items():
                if alert.stood_on(fire.day):
                    during[fire.rule_id] = _strictest(during.get(fire.rule_id), tier)
            report.follow(alert.id, alert.rule_id, alert.acted_on, _fate(alert, during))

    def _judged(self, history: EpisodeHistory) -> tuple[Fires, Fires]:
        """Return the fires of both sets, each at its strictest tier of the day."""
        now: Fires = {}
        changed: Fires = {}
        arrived = sorted(history.check_ins, key=lambda one: (one.received_at, one.id))
        for place, check_in in enumerate(arrived, start=1):
            self.report.check_ins += history.looks_at(check_in.local_date)
            for day in _days_changed(arrived[:place]):
                if history.looks_at(day):
                    situation = _situation(history, day)
                    for finding in evaluate(self._both, arrived[:place], situation):
                        self._enter(finding, situation, now, changed)
        return now, changed

    def _enter(self, finding: Finding, of: Situation, now: Fires, changed: Fires) -> None:
        rule_id = finding.rule_id.removeprefix(_CHANGED)
        fire = Fire(of.episode_id, rule_id, of.local_date)
        if finding.rule_id == rule_id:
            now[fire] = _strictest(now.get(fire), finding.tier)
        if finding.rule_id != rule_id or rule_id in self._same:
            changed[fire] = _strictest(changed.get(fire), finding.tier)


def _days_changed(arrived: Sequence[AnsweredReport]) -> list[date]:
    """Return the date of the last report and the later ones that it may complete a course of."""
    own = arrived[-1].local_date
    return sorted({one.local_date for one in arrived if one.local_date >= own})


def _situation(history: EpisodeHistory, day: date) -> Situation:
    return Situation(
        episode_id=history.episode_id,
        procedure=history.procedure,
        surgery_date=history.surgery_date,
        local_date=day,
    )


def _strictest(one: str | None, other: str) -> str:
    return other if one is None else min(one, other, key=TIERS.index)


def _fate(alert: PastAlert, during: Mapping[str, str]) -> str:
    """Return what becomes of an alert, by the changed fires (rule, tier) while it stood."""
    as_strict = TIERS[: TIERS.index(alert.tier) + 1]
    loud = {rule_id for rule_id, tier in during.items() if tier in as_strict}
    if alert.rule_id in loud:
        return "kept"
    if loud:
        return "told_by_another"
    return "weaker" if alert.rule_id in during else "lost"


def _of_facts(rules: RedFlagRules) -> Iterator[str]:
    """Yield the rules that can only be met by what no answer tells."""
    for rule in rules.rules:
        if all(any(isinstance(one, FactIs) for one in way) for way in _ways(rule)):
            yield rule.id


def _ways(rule: RedFlagRule) -> Iterator[tuple[object, ...]]:
    yield from rule.when
    for each in rule.escalations:
        yield from each.when
