"""The fence: what changed since a reminder was written decides whether it goes out."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from recovery_service.reminders.channels.protocol import Retry, Sent
from recovery_service.reminders.dispatch import claim, send_chunk
from recovery_service.reminders.loop import tick_once
from tests.factories import PatientAtHome
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule

LATER = Retry(timedelta(0), "provider_error")

CHANGES = {
    "completed": "UPDATE occurrence SET state = 'done', closed_at = now()",
    "skipped": "UPDATE occurrence SET state = 'skipped', reason = 'x', closed_at = now()",
    "cancelled": "UPDATE occurrence SET state = 'cancelled', reason = 'x', closed_at = now()",
    "superseded": "UPDATE occurrence SET state = 'snoozed', round = round + 1",
    "destination_retired": "UPDATE destination SET retired_at = now()",
    "opted_out": "UPDATE destination SET opted_out_at = now()",
    "muted": "UPDATE destination SET muted_kinds = '{physiotherapy}'",
    "episode_on_hold": "UPDATE episode SET state = 'on_hold', held_at = now()",
    "episode_ended": "UPDATE episode SET state = 'ended', end_reason = 'completed',"
    " ended_on = '2026-03-02'",
    "paused": "UPDATE patient SET preferences ="
    ' \'{"pause": {"from": "2026-03-02", "to": "2026-03-02"}}\'',
}


def reminded(bench: Bench) -> PatientAtHome:
    """Let a reminder be written and tried in vain."""
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule())
    bench.phone.answer = lambda _message: LATER
    bench.tick()
    assert [row[0] for row in bench.deliveries()] == ["ready"]
    bench.phone.asked.clear()
    return patient


@pytest.mark.parametrize("reason", list(CHANGES))
def test_what_changed_meanwhile_is_not_sent(bench: Bench, reason: str) -> None:
    """Promise 15 where the web could not drop the row. Planted: each guard taken out in turn."""
    patient = reminded(bench)
    bench.change(patient.clinic_id, CHANGES[reason])
    bench.later(minutes=1)
    counts = bench.tick()
    assert bench.phone.asked == []
    assert [row[:2] for row in bench.deliveries()] == [("dropped", reason)]
    assert counts[reason] >= 1


@pytest.mark.parametrize(
    "pause", ['{"from": "2026-03-03"}', '{"from": "2026-02-01", "to": "2026-03-01"}', "{}"]
)
def test_a_pause_of_other_days_drops_nothing(bench: Bench, pause: str) -> None:
    patient = reminded(bench)
    bench.change(
        patient.clinic_id,
        "UPDATE patient SET preferences = jsonb_build_object('pause', CAST(:pause AS jsonb))",
        pause=pause,
    )
    bench.later(minutes=1)
    bench.tick()
    assert len(bench.phone.asked) == 1


def test_a_newer_occurrence_of_the_item_supersedes_an_older_one(bench: Bench) -> None:
    """A snooze or a retry across midnight: yesterday's is dropped when today's falls due."""
    patient = bench.patient(bench.clinic())
    its_rule = rule(slots={"night": "23:50"}, valid_for_minutes=2 * 24 * 60, quiet="ignore")
    bench.plan(patient, its_rule)
    bench.later(hours=14, minutes=50)
    bench.phone.answer = lambda _message: Retry(timedelta(hours=25), "throttled")
    bench.tick()
    bench.phone.answer = lambda _message: LATER
    bench.later(days=1, minutes=-10)
    bench.tick()
    assert [row[:2] for row in bench.deliveries()] == [("ready", "throttled")]
    bench.later(hours=2)
    bench.tick()
    assert [row[:2] for row in bench.deliveries()] == [
        ("dropped", "superseded"),
        ("ready", "provider_error"),
    ]


def test_promise_10_nothing_is_sent_after_expiry_behind_a_slow_provider(bench: Bench) -> None:
    """The first chunk takes so long that the second no longer matters.

    Planted: fence the whole claim at once, before the first chunk.
    """
    clinic = bench.clinic()
    for _ in range(4):
        bench.plan(bench.patient(clinic), rule(valid_for_minutes=10))
    bench.phone.before = lambda: bench.later(minutes=11)
    sender = bench.sender(chunk=2, lease=timedelta(hours=1), channels={"webpush": bench.phone})
    tick_once(sender)
    assert len(bench.phone.asked) == 2
    assert [row[:2] for row in bench.deliveries()] == [
        *[("sent", None)] * 2,
        *[("dropped", "expired")] * 2,
    ]
    assert all(message.ttl > 0 for message in bench.phone.sent)


def test_what_left_is_told_as_the_time_to_live(bench: Bench) -> None:
    reminded(bench)
    bench.later(minutes=90)
    bench.phone.answer = lambda message: Sent(message.delivery_id)
    bench.tick()
    (message,) = bench.phone.sent
    assert message.ttl == 30 * 60


def test_a_row_that_an_edit_holds_is_left_alone(bench: Bench) -> None:
    """Whoever holds it is about to drop it; waiting for them would hold up the chunk."""
    patient = reminded(bench)
    bench.later(minutes=1)
    sender = bench.sender()
    tickets = claim(sender, "webpush", now=bench.clock())
    assert len(tickets) == 1
    with bench.at_the_clinic(patient.clinic_id) as session:
        session.execute(text("SELECT 1 FROM delivery FOR UPDATE"))
        assert +send_chunk(sender, bench.phone, tickets) == {}
    assert bench.phone.asked == []
