"""The sweep: what nobody answered is closed, and the reason is the truth."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from recovery_service.reminders.channels.protocol import Dead
from recovery_service.reminders.dispatch import claim
from recovery_service.reminders.loop import Loop
from tests.factories import PatientAtHome
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule


def refused(bench: Bench, _patient: PatientAtHome) -> None:
    for channel in ("webpush", "inbox"):
        bench.channels[channel].answer = lambda _message: Dead("no")


def paused(bench: Bench, patient: PatientAtHome) -> None:
    bench.change(
        patient.clinic_id,
        'UPDATE patient SET preferences = \'{"pause": {"from": "2026-03-01"}}\'',
    )


def nobody(bench: Bench, patient: PatientAtHome) -> None:
    bench.change(patient.clinic_id, "UPDATE destination SET retired_at = now()")


def promised(bench: Bench, patient: PatientAtHome) -> None:
    bench.change(
        patient.clinic_id,
        "UPDATE device SET permission = 'granted', plan_revision = 0, scheduled_until = :until",
        until=bench.clock() + timedelta(days=1),
    )


def nothing(_bench: Bench, _patient: PatientAtHome) -> None:
    """All goes well."""


CASES = [
    (nothing, "push", "not_answered"),
    (refused, "push", "not_delivered"),
    (paused, "push", "paused"),
    (nobody, "push", "no_destination"),
    (nothing, "none", "not_reminded"),
    (nothing, "device", "not_answered"),
    (promised, "device", "left_to_device"),
    (nobody, "device", "no_destination"),
]


@pytest.mark.parametrize(("before", "carrier", "reason"), CASES)
def test_an_expired_occurrence_says_why_it_was_missed(
    bench: Bench, before: Callable[[Bench, PatientAtHome], None], carrier: str, reason: str
) -> None:
    """Adherence leaves out what never reached the patient. Planted: one reason for all."""
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule(remind_via=carrier))
    before(bench, patient)
    bench.tick()
    assert [state for _, state, _ in bench.occurrences()] == ["due"]
    bench.later(hours=2)
    assert bench.tick()["swept"] == 1
    assert bench.occurrences() == [("20260302.morning", "missed", reason)]


def test_what_is_left_unsent_is_dropped_with_its_occurrence(bench: Bench) -> None:
    bench.plan(bench.patient(bench.clinic()), rule())
    loop = Loop(bench.sender())
    loop.materialise()
    bench.later(hours=2)
    swept = loop.sweep()
    assert (swept.closed, swept.dropped) == (1, 2)
    assert bench.deliveries() == [("dropped", "expired", 0, 0)]
    assert bench.occurrences() == [("20260302.morning", "missed", "not_delivered")]


def test_what_a_live_sender_holds_is_not_judged_yet(bench: Bench) -> None:
    """Only once it is settled is it known whether anything arrived."""
    bench.plan(bench.patient(bench.clinic()), rule())
    sender = bench.sender(lease=timedelta(hours=3))
    loop = Loop(sender)
    loop.materialise()
    claim(sender, "webpush", now=bench.clock())
    bench.later(hours=2)
    assert loop.sweep().closed == 0
    bench.later(hours=2)
    assert loop.sweep().closed == 1


def test_a_snoozed_occurrence_expires_like_any_other(bench: Bench) -> None:
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule())
    bench.tick()
    bench.change(patient.clinic_id, "UPDATE occurrence SET state = 'snoozed', round = 1")
    bench.later(hours=2)
    bench.tick()
    assert bench.occurrences() == [("20260302.morning", "missed", "not_answered")]
