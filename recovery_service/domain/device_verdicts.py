"""What the phone had found by itself, against what the service finds: a pure comparison.

They may differ for good reasons: the phone had older rules, or did not know of reports from
elsewhere. A difference is counted and shown, because the patient was told it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from recovery_service.domain.alerts import strictest
from recovery_service.domain.judgement import Judged

MISSED, INVENTED, TIER = "missed", "invented", "tier"


class Difference(NamedTuple):
    """A rule that only one of the two found (a tier is None), or that they found of two tiers."""

    rule_id: str
    device_tier: str | None
    own_tier: str | None
    bundle_version: str

    @property
    def kind(self) -> str:
        """What the phone did: `missed`, `invented`, or found it of another `tier`."""
        if self.device_tier is None:
            return MISSED
        return INVENTED if self.own_tier is None else TIER


def differences(
    verdict: Mapping[str, Any] | None, judged: Iterable[Judged]
) -> tuple[Difference, ...]:
    """Compare a phone's `{version, findings: [{rule, tier}]}` with what is found, by rule.

    Without a verdict nothing was told, and nothing differs. Of a rule that the phone names
    twice the stricter tier counts.
    """
    if verdict is None:
        return ()
    device: dict[str, str] = {}
    for found in verdict["findings"]:
        rule = found["rule"]
        device[rule] = strictest(found["tier"], device.get(rule, found["tier"]))
    own = {one.finding.rule_id: one.finding.tier for one in judged}
    return tuple(
        Difference(rule, device.get(rule), own.get(rule), verdict["version"])
        for rule in sorted(device.keys() | own.keys())
        if device.get(rule) != own.get(rule)
    )
