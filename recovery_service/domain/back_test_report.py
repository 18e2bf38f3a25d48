"""What a back-test found: fires of each rule, how two sets differ, and which alerts stay."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from recovery_service.domain.red_flag_rules import TIERS

#: How many examples a rule has of what is new, lost or of another tier, and of lost alerts.
EXAMPLES = 5
_FATES = ("kept", "told_by_another", "weaker", "lost")


class Fire(NamedTuple):
    """A rule that was met in an episode on a local date."""

    episode_id: UUID
    rule_id: str
    day: date

    def as_json(self) -> dict[str, str]:
        """Return `{episode_id, date}`."""
        return {"episode_id": str(self.episode_id), "date": self.day.isoformat()}


@dataclass(slots=True)
class RuleTally:
    """One rule: its fires by tier in force and changed, how they differ, and its alerts.

    A fire counts once for an episode and a date, at its strictest tier. `in_own_alert`,
    `in_other_alert` and `in_no_alert` share out the changed fires; `alerts` counts what
    had been raised by its fate and by whether staff acted on it.
    """

    in_force: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    differing: Counter[str] = field(default_factory=Counter)
    overlap: Counter[str] = field(default_factory=Counter)
    alerts: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def example(self, what: str, told: dict[str, str]) -> None:
        """Keep one of the first examples."""
        kept = self.examples.setdefault(what, [])
        if len(kept) < EXAMPLES:
            kept.append(told)


@dataclass(slots=True)
class BackTestReport:
    """A back-test's figures; it grows while episodes are judged."""

    not_judged: list[str] = field(default_factory=list)
    episodes: int = 0
    patient_days: int = 0
    check_ins: int = 0
    rules: dict[str, RuleTally] = field(default_factory=dict)

    def compare(self, fire: Fire, in_force: str | None, changed: str | None) -> None:
        """Count a fire at its tier in either set; None where the set does not fire."""
        tally = self._of(fire.rule_id)
        if in_force is not None:
            tally.in_force[in_force] += 1
        if changed is not None:
            tally.changed[changed] += 1
        if in_force == changed:
            return
        what = "other_tier" if in_force and changed else "lost" if in_force else "new"
        tally.differing[what] += 1
        tally.example(what, fire.as_json())

    def overlap(self, rule_id: str, standing: Collection[str]) -> None:
        """Count a changed fire by the rules whose alerts stood in the episode that day."""
        own = "in_own_alert" if rule_id in standing else "in_other_alert"
        self._of(rule_id).overlap[own if standing else "in_no_alert"] += 1

    def follow(self, alert_id: UUID, rule_id: str, acted_on: bool | None, fate: str) -> None:
        """Count an alert that had been raised: `kept`, `told_by_another`, `weaker` or `lost`."""
        acted = {True: "acted_on", False: "not_acted_on", None: "unresolved"}[acted_on]
        tally = self._of(rule_id)
        tally.alerts[fate, acted] += 1
        if fate == "lost" and acted_on is not False:
            tally.example("lost_alerts", {"alert_id": str(alert_id)})

    def as_json(self) -> dict[str, Any]:
        """Return the report: figures of the whole, and of each rule by id."""
        return {
            "episodes": self.episodes,
            "patient_days": self.patient_days,
            "check_ins": self.check_ins,
            "not_judged": self.not_judged,
            "in_force": self._fires([one.in_force for one in self.rules.values()]),
            "changed": self._fires([one.changed for one in self.rules.values()]),
            "rules": [
                {"id": rule_id, **self._rule(tally)}
                for rule_id, tally in sorted(self.rules.items())
            ],
        }

    def _of(self, rule_id: str) -> RuleTally:
        return self.rules.setdefault(rule_id, RuleTally())

    def _rule(self, tally: RuleTally) -> dict[str, Any]:
        return {
            "in_force": self._fires([tally.in_force]),
            "changed": self._fires([tally.changed]),
            **{what: tally.differing[what] for what in ("new", "lost", "other_tier")},
            "overlap": {
                name: tally.overlap[name]
                for name in ("in_own_alert", "in_other_alert", "in_no_alert")
            },
            "alerts": {
                fate: {
                    acted: tally.alerts[fate, acted]
                    for acted in ("acted_on", "not_acted_on", "unresolved")
                }
                for fate in _FATES
            },
            "examples": tally.examples,
        }

    def _fires(self, counts: Collection[Counter[str]]) -> dict[str, Any]:
        """Return `{fires, per_100_patient_days, by_tier}` of all counts together."""
        by_tier = {tier: sum(each[tier] for each in counts) for tier in TIERS}
        fires = sum(by_tier.values())
        rate = round(100 * fires / self.patient_days, 3) if self.patient_days else 0.0
        return {"fires": fires, "per_100_patient_days": rate, "by_tier": by_tier}
