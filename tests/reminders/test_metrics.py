"""What Prometheus is shown of the loop, from real ticks of it.

Planted, each seen red: the lag counted of what had waited for quiet hours; the buckets not
accumulated; what waits for its time counted as ready; a second worker's counts left out;
`nudged` not counted; a reason of the fence that no family takes.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from recovery_service.domain.delivery_reasons import NOT_SENT, WITHHELD
from recovery_service.reminders.channels.protocol import Outcome, Retired, Retry, Sent
from recovery_service.reminders.loop import Loop
from recovery_service.reminders.metrics import Beat, LoopFigures
from recovery_service.reminders.status import status
from tests.conftest import MONDAY
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def work(bench: Bench, loop: Loop) -> None:
    """Do what a worker's threads do."""
    loop.materialise()
    for channel in bench.channels:
        loop.send(channel)
    loop.sweep()


def beat_of(bench: Bench, loop: Loop) -> Beat:
    """Return what the worker would say of itself now."""
    now = bench.clock()
    figures = {**status(bench.transaction, now=now).figures(), **loop.figures()}
    return Beat(uuid4(), now, figures)


def shown(*beats: Beat, bench: Bench) -> Samples:
    """Return the samples as Prometheus reads them, without the workers' ids."""
    registry = CollectorRegistry()
    registry.register(LoopFigures(beats, now=bench.clock()))
    found: Samples = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            labels = {name: text for name, text in sample.labels.items() if name != "worker"}
            key = (sample.name, frozenset(labels.items()))
            found[key] = found.get(key, 0.0) + sample.value
    return found


def at(samples: Samples, name: str, **labels: str) -> float | None:
    """Return one sample, summed over workers."""
    return samples.get((f"recovery_{name}", frozenset(labels.items())))


def test_depth_and_lag_are_told_by_channel(bench: Bench) -> None:
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule())
    bench.later(seconds=90)
    loop = Loop(bench.sender())
    before = shown(beat_of(bench, loop), bench=bench)
    assert at(before, "schedules_due") == 1
    assert at(before, "schedule_lag_seconds") == 90
    loop.materialise()
    written = shown(beat_of(bench, loop), bench=bench)
    assert at(written, "queue_deliveries", channel="webpush", state="ready") == 1
    assert at(written, "delivery_lag_seconds", channel="webpush") == 90
    assert at(written, "occurrences_total", state="due") == 1
    bench.change(
        patient.clinic_id,
        "UPDATE delivery SET wake_at = :later WHERE channel = 'webpush'",
        later=MONDAY + timedelta(hours=1),
    )
    waits = shown(beat_of(bench, loop), bench=bench)
    assert at(waits, "queue_deliveries", channel="webpush", state="ready") == 0
    assert at(waits, "queue_deliveries", channel="webpush", state="waiting") == 1
    assert at(waits, "delivery_lag_seconds", channel="webpush") == 0


def test_sends_are_counted_by_channel_and_outcome_over_all_workers(bench: Bench) -> None:
    clinic = bench.clinic()
    for _ in range(3):
        bench.plan(bench.patient(clinic), rule())
    answers: Iterator[Outcome] = iter([Retry(None, "throttled"), Retired("gone")])
    bench.phone.answer = lambda message: next(answers, Sent(message.delivery_id))
    loops = [Loop(bench.sender()), Loop(bench.sender())]
    for loop in loops:
        work(bench, loop)
        bench.later(minutes=2)
    samples = shown(*(beat_of(bench, loop) for loop in loops), bench=bench)
    outcomes = {
        outcome: at(samples, "deliveries_total", channel="webpush", outcome=outcome)
        for outcome in ("sent", "retried", "retired")
    }
    assert outcomes == {"sent": 2, "retried": 1, "retired": 1}
    assert at(samples, "deliveries_total", channel="inbox", outcome="sent") == 3
    assert at(samples, "workers", role="worker") == 2


def test_dispatch_lag_is_a_histogram_of_what_was_not_meant_to_wait(bench: Bench) -> None:
    clinic = bench.clinic()
    bench.plan(bench.patient(clinic), rule())
    bench.later(seconds=7)
    loop = Loop(bench.sender())
    work(bench, loop)
    held = bench.patient(clinic)
    bench.plan(held, rule(slots={"night": "22:00"}, valid_for_minutes=900))
    bench.later(hours=13, minutes=1)
    work(bench, loop)
    bench.later(hours=10)
    work(bench, loop)
    samples = shown(beat_of(bench, loop), bench=bench)
    assert at(samples, "withheld_total", channel="webpush", reason="quiet_hours") == 1
    buckets = {
        bound: at(samples, "dispatch_lag_seconds_bucket", channel="webpush", le=bound)
        for bound in ("5.0", "10.0", "+Inf")
    }
    # The next morning's own reminder is one of them; the one that waited is not.
    count = at(samples, "dispatch_lag_seconds_count", channel="webpush")
    assert (buckets["5.0"], buckets["10.0"]) == (0, 1)
    assert buckets["+Inf"] == count
    sent = at(samples, "deliveries_total", channel="webpush", outcome="sent")
    assert sent is not None
    assert count == sent - 1 - (
        at(samples, "follow_ups_total", channel="webpush", cause="nudge") or 0
    )


def test_what_was_said_again_is_counted_apart(bench: Bench) -> None:
    bench.plan(bench.patient(bench.clinic()), rule(valid_for_minutes=600))
    loop = Loop(bench.sender())
    work(bench, loop)
    bench.later(hours=3)
    work(bench, loop)
    samples = shown(beat_of(bench, loop), bench=bench)
    assert at(samples, "follow_ups_total", channel="webpush", cause="nudge") == 1
    assert at(samples, "deliveries_total", channel="webpush", outcome="sent") == 2


@pytest.mark.parametrize("reason", sorted(NOT_SENT | WITHHELD))
def test_every_reason_why_something_was_not_sent_is_counted(bench: Bench, reason: str) -> None:
    beat = Beat(uuid4(), MONDAY, {"channels": {"webpush": {reason: 5}}})
    samples = shown(beat, bench=bench)
    family = "withheld_total" if reason in WITHHELD else "overtaken_total"
    assert at(samples, family, channel="webpush", reason=reason) == 5


def test_a_worker_that_fell_silent_ages(bench: Bench) -> None:
    beat = Beat(uuid4(), bench.clock(), {})
    bench.later(minutes=2)
    samples = shown(beat, bench=bench)
    assert at(samples, "worker_heartbeat_age_seconds", role="worker") == 120


def test_every_figure_is_documented_and_every_documented_one_exists(bench: Bench) -> None:
    """Planted: a family renamed in the code; one left out of the table."""
    families = {family.name for family in LoopFigures([], now=bench.clock()).collect()}
    docs = Path(__file__).parents[2] / "docs"
    suffix = re.compile(r"_(total|bucket|count|sum)$")
    named = {
        name: {suffix.sub("", each) for each in re.findall(r"\brecovery_[a-z_]+", text)}
        for name in ("operating.md", "alerts.yml")
        if (text := (docs / name).read_text(encoding="utf-8"))
    }
    roles = {"recovery_migrator", "recovery_app", "recovery_worker", "recovery_backup"}
    modules = {"recovery_service"}
    assert named["operating.md"] - roles - modules == families
    assert named["alerts.yml"] <= families
