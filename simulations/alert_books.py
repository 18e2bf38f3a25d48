"""Alerts of one patient, by the service's own rule (`domain.alerts.raising`).

Staff are assumed to resolve an alert so many days after it last asked for a look.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from recovery_service.domain.alerts import AlertState, LastAlert, Raising, Step, raising, strictest
from recovery_service.domain.judgement import Judged
from recovery_service.domain.red_flag_rules import RedFlagRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What a clinician is told: the rule, the tier, the date, and why anew.

    `how`: raised, worsened (an open one, at a stricter tier), or reopened.
    """

    rule_id: str
    tier: str
    on: date
    how: str


@dataclass(slots=True)
class AlertBooks:
    """The alerts of one patient by rule; what was found comes in order of arrival.

    `resolved_after` are days by tier.
    """

    rules: Mapping[str, RedFlagRule]
    resolved_after: Mapping[str, int]
    last: dict[str, LastAlert] = field(default_factory=dict)

    def enter(self, judged: Iterable[Judged], *, at: datetime) -> tuple[Alert, ...]:
        """Return the alerts that ask for a look; whatever else was found attaches."""
        return tuple(alert for one in judged if (alert := self._entered(one, at)) is not None)

    def _entered(self, judged: Judged, at: datetime) -> Alert | None:
        finding = judged.finding
        known = self._standing(finding.rule_id, at)
        if known is not None and not judged.new:
            return None
        done = raising(finding.tier, self.rules[finding.rule_id].silence_days, known, now=at)
        if not done.asks:
            return None
        self._keep(finding.rule_id, finding.tier, done, at)
        return Alert(rule_id=finding.rule_id, tier=finding.tier, on=at.date(), how=done.step)

    def _standing(self, rule_id: str, at: datetime) -> LastAlert | None:
        """Return the rule's last alert as it stands then."""
        known = self.last.get(rule_id)
        if known is None or known.resolved_at is None or at < known.resolved_at:
            return known
        return known._replace(state=AlertState.RESOLVED)

    def _keep(self, rule_id: str, tier: str, done: Raising, at: datetime) -> None:
        new = done.step is Step.RAISED or done.alert is None
        kept = tier if new or done.alert is None else strictest(tier, done.alert.tier)
        self.last[rule_id] = LastAlert(
            id=UUID(int=len(self.last) + 1),
            rule_id=rule_id,
            tier=kept,
            state=AlertState.OPEN,
            respond_by=None,
            resolved_at=at + timedelta(days=self.resolved_after[kept]),
        )
