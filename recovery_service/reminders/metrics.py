"""The figures of the reminder loop for Prometheus, read from what the workers last said.

Names are stable; docs/operating.md lists them. A web process sees one clinic at a time, so
what concerns the whole queue is what the worker heard of last has seen. Counts are each
process's own since its start: sum their rates.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import UUID

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from recovery_service.domain.delivery_reasons import NOT_SENT, WITHHELD
from recovery_service.reminders.alert_metrics import of_alerts
from recovery_service.reminders.heartbeat import FLEET
from recovery_service.reminders.lags import BUCKETS

_OUTCOMES = ("sent", "retried", "dead", "retired", "lost", "handed_over", "kept")
_WITHHELD = WITHHELD | {"with_the_lead"}
_FOLLOW_UPS = {"nudged": "nudge", "failed_over": "failover"}
_SYNC = "sync_"
_WHOLE_LOOP = {"materialised": "due", "missed": "missed", "swept": "swept"}

_QUEUE: Sequence[tuple[str, str, str]] = (
    ("schedules_due", "recovery_schedules_due", "Schedules that are due and not yet written"),
    ("schedules_poisoned", "recovery_schedules_poisoned", "Schedules put off: they failed"),
    ("occurrences_open", "recovery_occurrences_open", "Occurrences that wait for an answer"),
    (
        "occurrences_expired",
        "recovery_occurrences_expired",
        "Occurrences past their time that no sweep has closed yet",
    ),
    (
        "schedule_lag_s",
        "recovery_schedule_lag_seconds",
        "How long the longest overdue schedule has waited to be written",
    ),
)


class Beat(NamedTuple):
    """A living process of the loop as it last spoke."""

    id: UUID
    beat_at: datetime
    figures: Mapping[str, Any]

    @property
    def sends_only(self) -> bool:
        """It belongs to the fleet, which lives on when nobody notices that something is due."""
        return self.figures.get("role") == FLEET


class LoopFigures(Collector):
    """What can be said of the loop at an instant; `beats` are the freshest first."""

    def __init__(self, beats: Sequence[Beat], *, now: datetime) -> None:
        self._beats = beats
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield every family, also those without a sample."""
        yield from self._processes()
        freshest = next((each.figures for each in self._beats if not each.sends_only), {})
        yield from _of_the_queue(freshest)
        yield from _counted(self._beats)
        yield _lags(self._beats)
        yield from of_alerts(next(filter(None, (b.figures.get("alerts") for b in self._beats)), {}))

    def _processes(self) -> Iterator[Metric]:
        alive = GaugeMetricFamily(
            "recovery_workers", "Processes that have not said goodbye", labels=["role"]
        )
        for role, sends_only in (("worker", False), ("fleet", True)):
            alive.add_metric([role], sum(each.sends_only == sends_only for each in self._beats))
        age = GaugeMetricFamily(
            "recovery_worker_heartbeat_age_seconds",
            "Seconds since a process of the loop was last heard of",
            labels=["worker", "role"],
        )
        for each in self._beats:
            role = "fleet" if each.sends_only else "worker"
            age.add_metric([str(each.id), role], (self._now - each.beat_at).total_seconds())
        yield alive
        yield age


def _of_the_queue(figures: Mapping[str, Any]) -> Iterator[Metric]:
    for key, name, documentation in _QUEUE:
        family = GaugeMetricFamily(name, documentation)
        if key in figures:
            family.add_metric([], figures[key])
        yield family
    depth = GaugeMetricFamily(
        "recovery_queue_deliveries",
        "Unsent deliveries: ready now, waiting for their time, leased by a sender",
        labels=["channel", "state"],
    )
    lag = GaugeMetricFamily(
        "recovery_delivery_lag_seconds",
        "How long the longest overdue delivery of a channel has waited to be sent",
        labels=["channel"],
    )
    for channel, queue in figures.get("queues", {}).items():
        for state in ("ready", "waiting", "leased"):
            depth.add_metric([channel, state], queue[state])
        lag.add_metric([channel], queue["lag_s"])
    yield depth
    yield lag


def _counted(beats: Iterable[Beat]) -> Iterator[Metric]:
    occurrences = _counter(
        "occurrences", "Occurrences written as due or missed, and closed unanswered", "state"
    )
    failures = _counter("schedule_failures", "Schedules put off because they failed")
    families = _ByChannel()
    for each in beats:
        worker, totals = str(each.id), each.figures.get("since_start", {})
        for name, state in _WHOLE_LOOP.items():
            if name in totals:
                occurrences.add_metric([worker, state], totals[name])
        if "poisoned" in totals:
            failures.add_metric([worker], totals["poisoned"])
        for channel, counts in each.figures.get("channels", {}).items():
            for name, count in sorted(counts.items()):
                families.add(worker, channel, name, count)
    yield occurrences
    yield failures
    yield from families.all()


class _ByChannel:
    """The counters of channels, and which of them a name of the loop's counts under."""

    def __init__(self) -> None:
        self.deliveries = _counter(
            "deliveries", "Deliveries by what became of a try to send", "channel", "outcome"
        )
        self.withheld = _counter(
            "withheld",
            "Deliveries not sent by themselves so as not to nag, dropped, put off or bundled",
            "channel",
            "reason",
        )
        self.overtaken = _counter(
            "overtaken",
            "Deliveries that ended because they no longer mattered or had nowhere to go",
            "channel",
            "reason",
        )
        self.follow_ups = _counter(
            "follow_ups", "Deliveries sent as a nudge or a second way", "channel", "cause"
        )
        self.syncs = _counter(
            "syncs", "Silent pushes that tell a device to fetch its plan", "channel", "outcome"
        )

    def add(self, worker: str, channel: str, name: str, count: int) -> None:
        """Count what the loop calls `name`."""
        if name in _OUTCOMES:
            self.deliveries.add_metric([worker, channel, name], count)
        elif name in _WITHHELD:
            self.withheld.add_metric([worker, channel, name], count)
        elif name in NOT_SENT:
            self.overtaken.add_metric([worker, channel, name], count)
        elif name in _FOLLOW_UPS:
            self.follow_ups.add_metric([worker, channel, _FOLLOW_UPS[name]], count)
        elif name.startswith(_SYNC):
            self.syncs.add_metric([worker, channel, name.removeprefix(_SYNC)], count)

    def all(self) -> Iterator[Metric]:
        """Yield them."""
        yield from vars(self).values()


def _counter(name: str, documentation: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(
        f"recovery_{name}",
        f"{documentation}, since the process started",
        labels=["worker", *labels],
    )


def _lags(beats: Iterable[Beat]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(
        "recovery_dispatch_lag_seconds",
        "From when a reminder was due to when it was handed to its channel, first tries only",
        labels=["worker", "channel"],
    )
    bounds = [*map(str, BUCKETS), "+Inf"]
    for each in beats:
        for channel, lag in each.figures.get("dispatch_lag", {}).items():
            counts = [float(count) for count in accumulate(lag["counts"])]
            buckets = list(zip(bounds, counts, strict=True))
            family.add_metric([str(each.id), channel], buckets, lag["sum"])
    return family
