"""One pass of the loop: a due schedule becomes a reminder that arrives."""

from datetime import timedelta

import pytest

from recovery_service.domain.keys import Keys
from recovery_service.domain.notification_ids import decode
from recovery_service.domain.occurrence_ids import decode as decode_occurrence
from tests.conftest import SECRET
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule


def test_a_due_schedule_becomes_a_reminder_that_arrives(bench: Bench) -> None:
    patient = bench.patient(bench.clinic(), locale="tr-TR")
    lineage = bench.plan(patient, rule())

    counts = bench.tick()

    assert (counts["materialised"], counts["sent"]) == (1, 2)
    (message,) = bench.phone.sent
    assert decode_occurrence(message.occurrence_id) == (lineage, "20260302.morning")
    assert decode(Keys(SECRET), patient.clinic_id, message.delivery_id) > 0
    assert message.ttl == 2 * 60 * 60
    assert message.language == "tr"
    assert bench.occurrences() == [("20260302.morning", "due", None)]
    assert bench.deliveries() == [("sent", None, 1, 0)]
    assert bench.rows("SELECT next_due_at FROM schedule") == [(bench.clock() + timedelta(days=1),)]


def test_a_second_pass_finds_nothing_to_do(bench: Bench) -> None:
    bench.plan(bench.patient(bench.clinic()), rule())
    bench.tick()
    assert +bench.tick() == {}
    assert len(bench.phone.sent) == 1


def test_promise_12_a_clock_that_jumps_an_hour_repeats_nothing(bench: Bench) -> None:
    """Planted: find what is next from the clock instead of from where the schedule stands."""
    bench.plan(bench.patient(bench.clinic()), rule(slots={"a": "09:00", "b": "09:30"}))
    for jump in (0.0, -1.0, 0.5, 1.0, -1.0, 0.75, 1.0):
        bench.later(hours=jump)
        bench.tick()
    assert [row[0] for row in bench.occurrences()] == ["20260302.a", "20260302.b"]
    assert len(bench.phone.sent) == len({each.occurrence_id for each in bench.phone.sent}) == 2


@pytest.mark.parametrize(
    ("carrier", "channels"),
    [("push", {"inbox", "webpush"}), ("device", {"inbox", "webpush"}), ("none", set())],
)
def test_what_reminds_by_push_and_what_no_device_has_is_delivered(
    bench: Bench, carrier: str, channels: set[str]
) -> None:
    bench.plan(bench.patient(bench.clinic()), rule(remind_via=carrier))
    bench.tick()
    assert [state for _, state, _ in bench.occurrences()] == ["due"]
    reached = bench.rows(
        "SELECT t.channel FROM delivery d JOIN destination t ON t.id = d.destination_id"
    )
    assert {channel for (channel,) in reached} == channels


@pytest.mark.parametrize(
    "unwanted",
    ["retired_at = now()", "opted_out_at = now()", "muted_kinds = '{physiotherapy}'"],
)
def test_a_destination_that_is_not_wanted_gets_nothing(bench: Bench, unwanted: str) -> None:
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule())
    bench.change(patient.clinic_id, f"UPDATE destination SET {unwanted} WHERE channel = 'webpush'")
    bench.tick()
    assert bench.deliveries() == []
    assert len(bench.deliveries("inbox")) == 1


def test_promise_11_after_three_days_stopped_one_reminder_an_item(bench: Bench) -> None:
    """Planted: deliver every occurrence that is still valid."""
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule(valid_for_minutes=4 * 24 * 60))
    bench.plan(patient, rule(slots={"noon": "12:00"}, valid_for_minutes=60))
    bench.later(days=3, hours=1)
    bench.tick()
    assert len(bench.phone.sent) == 1
    states = [(state, reason) for _, state, reason in bench.occurrences()]
    assert states.count(("due", None)) == 1
    assert states.count(("missed", "superseded_after_downtime")) == 3
    assert states.count(("missed", "expired_during_downtime")) == 3


def test_an_occurrence_that_is_already_a_row_is_not_written_or_sent_again(bench: Bench) -> None:
    """A patient may do a thing before it is due; then there is nothing to remind of.

    Planted: deliver to what the insert did not write.
    """
    patient = bench.patient(bench.clinic())
    lineage = bench.plan(patient, rule())
    bench.change(
        patient.clinic_id,
        "INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at,"
        " state, round, closed_at) VALUES (:clinic, :lineage, '20260302.morning', '2026-03-02',"
        " :now, :now, 'done', 0, :now)",
        clinic=patient.clinic_id,
        lineage=lineage,
        now=bench.clock(),
    )
    assert bench.tick()["materialised"] == 0
    assert bench.phone.sent == []


def test_what_no_channel_can_send_ends_with_its_reason(bench: Bench) -> None:
    bench.plan(bench.patient(bench.clinic()), rule())
    del bench.channels["webpush"]
    bench.tick()
    assert bench.deliveries() == [("dead", "no_channel", 0, 0)]
    assert bench.deliveries("inbox") == [("sent", None, 1, 0)]
