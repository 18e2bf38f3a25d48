"""Alerts of one patient, as the service keeps them: one open alert a rule, silence after it.

Staff are assumed to resolve an alert some days after it was raised.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from recovery_service.domain.red_flag_rules import TIERS, RedFlagRule
from recovery_service.domain.red_flags import Finding

RAISED, WORSENED, REPEATED = "raised", "worsened", "repeated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What a clinician is told: the rule, the tier, the day since surgery, and why anew.

    `how`: raised, worsened (an open or silent one at a stricter tier), or repeated (an
    emergency, which is never held back).
    """

    rule_id: str
    tier: str
    day: int
    how: str
    by_check_in: bool


@dataclass(slots=True)
class _Kept:
    """A rule's alert: open through `open_through`, then silent through `silent_through`."""

    tier: str
    open_through: int
    silent_through: int


@dataclass(slots=True)
class AlertBooks:
    """The alerts of one patient by rule; findings come in order of arrival."""

    rules: Mapping[str, RedFlagRule]
    resolved_after: Mapping[str, int]
    kept: dict[str, _Kept] = field(default_factory=dict)

    def enter(
        self, findings: Iterable[Finding], *, day: int, by_check_in: bool = True
    ) -> tuple[Alert, ...]:
        """Return the alerts that the findings of a day raise; the others attach to what is open."""
        found: list[Alert] = []
        for finding in findings:
            how = self._how(finding, day)
            if how is not None:
                self._open(finding, day)
                found.append(
                    Alert(
                        rule_id=finding.rule_id,
                        tier=finding.tier,
                        day=day,
                        how=how,
                        by_check_in=by_check_in,
                    )
                )
        return tuple(found)

    def _how(self, finding: Finding, day: int) -> str | None:
        kept = self.kept.get(finding.rule_id)
        if kept is None or day > kept.silent_through:
            return RAISED
        if TIERS.index(finding.tier) < TIERS.index(kept.tier):
            return WORSENED
        return REPEATED if finding.tier == TIERS[0] else None

    def _open(self, finding: Finding, day: int) -> None:
        resolved = day + self.resolved_after[finding.tier]
        silence = self.rules[finding.rule_id].silence_days
        self.kept[finding.rule_id] = _Kept(
            tier=finding.tier, open_through=resolved, silent_through=resolved + silence
        )
