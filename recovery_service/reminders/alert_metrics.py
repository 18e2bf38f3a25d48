"""What is told of alerts to Prometheus: the budget, and where phones judge otherwise."""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from recovery_service.domain.red_flag_rules import TIERS

KINDS = ("missed", "invented", "tier")


def of_alerts(figures: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield the families for what `alert_budget.figures` returned, also without a sample."""
    aim = GaugeMetricFamily("recovery_alert_budget", "Share of check-ins that may alert: the aim")
    check_ins = GaugeMetricFamily(
        "recovery_check_ins", "Check-ins received in a window of days", labels=["clinic", "days"]
    )
    share = GaugeMetricFamily(
        "recovery_alert_share",
        "Share of the check-ins of a window that alerted, by strictest tier, and of any",
        labels=["clinic", "days", "tier"],
    )
    differ = GaugeMetricFamily(
        "recovery_verdict_differences",
        "Rules in 28 days on which a phone and the service judged a check-in differently",
        labels=["kind"],
    )
    if figures:
        aim.add_metric([], figures["aim"])
        for clinic, days, count, *by_tier in figures["clinics"]:
            check_ins.add_metric([clinic, str(days)], count)
            for tier, alerted in (*zip(TIERS, by_tier, strict=True), ("any", sum(by_tier))):
                share.add_metric([clinic, str(days), tier], alerted / count if count else 0.0)
        for kind in KINDS:
            differ.add_metric([kind], figures["verdicts"].get(kind, 0))
    yield from (aim, check_ins, share, differ)
