"""Silent syncs: a device is told that its plan changed, once, by a push that shows nothing."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from recovery_service.domain.actions import NewAction
from recovery_service.reminders.channels.protocol import Dead, Message, Outcome, Retired, Retry
from recovery_service.reminders.syncing import MOST_TRIES, sync
from recovery_service.services.device_plan import plan_changed
from recovery_service.services.devices import revoke_device
from recovery_service.services.occurrences import act
from tests.factories import PatientAtHome
from tests.plan_rows import plan_item
from tests.reminders.conftest import LEASE, Bench
from tests.reminders.memory_channel import MemoryChannel

LATER = Retry(None, "provider_error")


@pytest.fixture
def patient(bench: Bench) -> PatientAtHome:
    bench.channels["apns"] = MemoryChannel("apns")
    return bench.patient(bench.clinic())


def change(bench: Bench, patient: PatientAtHome) -> None:
    with bench.at_the_clinic(patient.clinic_id) as session:
        plan_changed(session, patient.clinic_id, patient.id, now=bench.clock())


def owed(bench: Bench) -> list[Any]:
    """Return (sync_due_at, sync_attempts) of push destinations that are owed a sync."""
    return bench.rows(
        "SELECT sync_due_at, sync_attempts FROM destination WHERE sync_due_at IS NOT NULL"
    )


def second_phone(bench: Bench, patient: PatientAtHome, channel: str = "apns") -> Any:
    """Give the patient another device, with a destination of its own; return its id."""
    device = uuid4()
    bench.change(
        patient.clinic_id,
        "INSERT INTO device (clinic_id, id, patient_id, name, platform, permission, time_zone,"
        " locale, app_version, last_seen_at, created_at) SELECT clinic_id, :device, patient_id,"
        " 'other', :channel, 'granted', time_zone, locale, '', last_seen_at, created_at"
        " FROM device",
        device=device,
        channel=channel,
    )
    bench.change(
        patient.clinic_id,
        "INSERT INTO destination (clinic_id, id, patient_id, channel, device_id, subscription,"
        " muted_kinds, created_at) SELECT clinic_id, gen_random_uuid(), patient_id, platform,"
        " id, '{\"token\": \"x\"}', '{}', created_at FROM device WHERE id = :device",
        device=device,
    )
    return device


def test_a_change_tells_each_device_once_and_shows_nothing(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: leave the sync standing after it was sent."""
    second_phone(bench, patient)
    change(bench, patient)
    change(bench, patient)
    assert bench.tick()["sync_sent"] == 2
    assert +bench.tick() == {}
    for channel in ("webpush", "apns"):
        (message,) = bench.channels[channel].synced
        assert message.silent
        assert (message.title, message.line, message.deep_link) == ("", "", None)
        assert message.ttl == 24 * 60 * 60
        assert bench.channels[channel].sent == []
    assert owed(bench) == []
    assert bench.deliveries() == []
    assert bench.deliveries("inbox") == []


def test_quiet_hours_and_a_pause_do_not_hold_a_sync_back(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: send it as a delivery through the fence."""
    pause = ' \'{"pause": {"from": "2026-03-01", "to": "2026-03-09"}}\''
    bench.change(patient.clinic_id, f"UPDATE patient SET preferences = {pause}")
    bench.later(hours=14)
    change(bench, patient)
    assert bench.tick()["sync_sent"] == 1


def test_what_one_device_did_the_others_are_told(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: tell all of them; tell none; count the plan's revision up."""
    second_phone(bench, patient)
    with bench.web.app_context():
        item = plan_item(patient, now=bench.clock())
    for action in ("snooze", "complete"):
        new = NewAction(id=uuid4(), action=action, at=bench.clock())
        with bench.at_the_clinic(patient.clinic_id) as session:
            key = item.occurrence_id("20260302.morning")
            act(session, patient.actor(), key, new, now=bench.clock(), language="en")
        bench.tick()
    assert len(bench.channels["apns"].synced) == 2
    assert bench.phone.synced == []
    assert bench.rows("SELECT plan_revision FROM patient") == [(0,)]


def test_a_change_while_a_sync_is_under_way_is_told_as_well(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: settle without comparing; then the second change is never told."""
    change(bench, patient)

    def changes_again() -> None:
        bench.phone.before = lambda: None
        bench.later(seconds=1)
        change(bench, patient)

    bench.phone.before = changes_again
    assert bench.tick()["sync_newer"] == 1
    assert owed(bench) == [(bench.clock(), 0)]
    assert bench.tick()["sync_sent"] == 1
    assert len(bench.phone.synced) == 2
    assert owed(bench) == []


def test_a_sender_that_dies_with_a_sync_in_hand_loses_nothing(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: clear when claiming."""
    change(bench, patient)

    def dies() -> None:
        raise KeyboardInterrupt

    bench.phone.before = dies
    with pytest.raises(KeyboardInterrupt):
        sync(bench.sender(), bench.phone)
    bench.phone.before = lambda: None
    assert sync(bench.sender(), bench.phone) == {}
    bench.later(seconds=LEASE.total_seconds())
    assert sync(bench.sender(), bench.phone)["sync_sent"] == 1


def test_two_senders_never_take_the_same(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: claim without a lease."""
    change(bench, patient)
    second: list[Any] = []
    bench.phone.before = lambda: second.append(sync(bench.sender(), MemoryChannel("webpush")))
    assert sync(bench.sender(), bench.phone)["sync_sent"] == 1
    assert second == [{}]


def test_a_provider_that_fails_is_asked_again_ever_later_and_then_left(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: try again at once; or for ever."""
    change(bench, patient)
    bench.phone.answer = lambda _message: LATER
    waits = []
    for _ in range(MOST_TRIES - 1):
        assert bench.tick()["sync_retried"] == 1
        ((again, _attempts),) = owed(bench)
        waits.append(again - bench.clock())
        assert bench.tick()["sync_retried"] == 0
        bench.clock.set(again)
    assert waits[0] >= timedelta(seconds=15)
    assert waits[-1] > 4 * waits[0]
    assert bench.tick()["sync_given_up"] == 1
    assert owed(bench) == []
    assert len(bench.phone.asked) == MOST_TRIES


def test_what_kills_its_sender_each_time_is_left_in_the_end(
    bench: Bench, patient: PatientAtHome
) -> None:
    change(bench, patient)
    bench.change(patient.clinic_id, f"UPDATE destination SET sync_attempts = {MOST_TRIES}")
    assert bench.tick()["sync_given_up"] == 1
    assert bench.phone.asked == []
    assert owed(bench) == []


@pytest.mark.parametrize(
    ("outcome", "name", "retired"),
    [(Retired("gone"), "sync_retired", "gone"), (Dead("not_silent"), "sync_dead", None)],
)
def test_a_device_that_is_gone_is_retired_and_one_that_cannot_be_silent_is_left(
    bench: Bench, patient: PatientAtHome, outcome: Outcome, name: str, retired: str | None
) -> None:
    """Planted: treat both as sent."""
    change(bench, patient)
    bench.phone.answer = lambda _message: outcome
    assert bench.tick()[name] == 1
    assert owed(bench) == []
    rows = bench.rows("SELECT retired_reason FROM destination WHERE channel = 'webpush'")
    assert rows == [(retired,)]


def test_a_channel_that_breaks_costs_a_try_and_not_the_sync(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: let it through; the lease holds the sync back for a minute."""
    change(bench, patient)

    def breaks(_message: Message) -> Outcome:
        raise RuntimeError

    bench.phone.answer = breaks
    assert bench.tick()["sync_retried"] == 1


def test_no_transaction_is_open_while_a_provider_is_asked(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: send inside the claim; then the edit below waits for it and fails."""
    change(bench, patient)
    bench.phone.before = lambda: bench.change(
        patient.clinic_id, "UPDATE destination SET muted_kinds = '{walking}'"
    )
    assert bench.tick()["sync_sent"] == 1


def test_who_is_being_edited_at_this_moment_does_not_hold_the_others_up(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: claim without SKIP LOCKED."""
    other = bench.patient(bench.clinic())
    change(bench, patient)
    change(bench, other)
    with bench.at_the_clinic(patient.clinic_id) as session:
        plan_changed(session, patient.clinic_id, patient.id, now=bench.clock())
        session.flush()
        try:
            assert sync(bench.sender(), bench.phone)["sync_sent"] == 1
        except psycopg.errors.LockNotAvailable:
            pytest.fail("the claim waited for an edit")
    assert bench.tick()["sync_sent"] == 1


def test_a_device_that_was_taken_away_is_told_to_forget_its_plan(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: owe nothing to what is retired: then the lost phone goes on reminding."""
    with bench.at_the_clinic(patient.clinic_id) as session:
        device = patient.device_id
        assert device is not None
        revoke_device(session, patient.clinic_id, patient.id, device, now=bench.clock())
    assert bench.tick()["sync_sent"] == 1
    change(bench, patient)
    assert bench.tick()["sync_sent"] == 0
