"""Settling: what an outcome means for the delivery, the destination and the plan."""

from datetime import timedelta
from uuid import uuid4

import pytest

from recovery_service.reminders.channels.protocol import Dead, Message, Outcome, Retired, Retry
from recovery_service.reminders.dispatch import claim, dispatch, send_chunk
from recovery_service.reminders.fence import fence
from recovery_service.reminders.loop import Loop
from recovery_service.reminders.settling import settle
from tests.factories import PatientAtHome
from tests.reminders.conftest import LEASE, Bench
from tests.reminders.plans import rule


@pytest.fixture
def patient(bench: Bench) -> PatientAtHome:
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule())
    return patient


def test_a_retry_comes_back_and_is_sent(bench: Bench, patient: PatientAtHome) -> None:
    bench.phone.answer = lambda _message: Retry(timedelta(minutes=5), "throttled")
    bench.tick()
    assert bench.deliveries() == [("ready", "throttled", 1, 0)]
    bench.later(minutes=4, seconds=59)
    bench.tick()
    assert len(bench.phone.asked) == 1, "not before the provider said"
    bench.phone.answer = lambda _message: Retry(None, "timeout")
    bench.later(minutes=1)
    bench.tick()
    assert bench.deliveries() == [("ready", "timeout", 2, 0)]


def test_a_retry_that_would_be_too_late_is_expired(bench: Bench, patient: PatientAtHome) -> None:
    bench.phone.answer = lambda _message: Retry(timedelta(hours=2), "throttled")
    bench.tick()
    assert bench.deliveries() == [("dropped", "expired", 1, 0)]


@pytest.mark.parametrize(
    ("outcome", "row"),
    [
        (Dead("too_large"), ("dead", "too_large", 1, 0)),
        (Dead("expired"), ("dropped", "expired", 1, 0)),
    ],
)
def test_a_message_that_will_never_go_out_ends(
    bench: Bench, patient: PatientAtHome, outcome: Outcome, row: tuple[object, ...]
) -> None:
    bench.phone.answer = lambda _message: outcome
    bench.tick()
    assert bench.deliveries() == [row]
    assert bench.deliveries("inbox") == [("sent", None, 1, 0)]


def test_a_device_that_is_gone_is_retired_and_the_plan_goes_on(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: end the schedule with the device, and the patient is never reminded again."""
    bench.plan(patient, rule(slots={"noon": "12:00"}))
    bench.phone.answer = lambda _message: Retired("gone")
    bench.tick()
    assert bench.deliveries() == [("dead", "gone", 1, 0)]
    assert bench.rows("SELECT retired_reason FROM destination WHERE retired_at IS NOT NULL") == [
        ("gone",)
    ]
    bench.later(hours=3)
    assert bench.tick()["materialised"] == 1, "the plan is untouched"
    assert len(bench.deliveries()) == 1, "and does not turn to the retired device"
    assert len(bench.deliveries("inbox")) == 2


def test_a_channel_that_breaks_its_promise_takes_nothing_with_it(
    bench: Bench, patient: PatientAtHome
) -> None:
    def broken(_message: Message) -> Outcome:
        raise RuntimeError("a channel's fault")

    bench.phone.answer = broken
    bench.tick()
    assert bench.deliveries() == [("ready", "broken", 1, 0)]


def test_promise_4_a_sender_that_lost_its_lease_settles_nothing(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: settle by key, whoever owns the row; the retry of what arrived is sent."""
    Loop(bench.sender()).materialise()
    first, second = bench.sender(), bench.sender()
    tickets = claim(first, "webpush", now=bench.clock())
    parcels = fence(
        bench.transaction, tickets, owner=first.worker_id, lease=LEASE, now=bench.clock()
    ).parcels
    assert claim(second, "webpush", now=bench.clock() + LEASE / 2) == []
    bench.clock.advance(LEASE)
    assert dispatch(second, bench.phone)["sent"] == 1

    late = [(parcel, Retry(None, "timeout")) for parcel in parcels]
    assert settle(bench.transaction, late, owner=first.worker_id, now=bench.clock()) == ([], 1)
    assert bench.deliveries() == [("sent", None, 2, 0)]


def test_what_the_web_dropped_while_it_was_sent_stays_dropped(
    bench: Bench, patient: PatientAtHome
) -> None:
    def done_meanwhile() -> None:
        bench.change(
            patient.clinic_id,
            "UPDATE delivery SET state = 'dropped', reason = 'done', owner = NULL,"
            " settled_at = now()",
        )

    bench.phone.before = done_meanwhile
    loop = Loop(bench.sender())
    loop.materialise()
    assert loop.send("webpush")["lost"] == 1
    assert bench.deliveries() == [("dropped", "done", 1, 0)]


def test_somebody_else_owns_nothing_of_mine(bench: Bench, patient: PatientAtHome) -> None:
    Loop(bench.sender()).materialise()
    tickets = claim(bench.sender(), "webpush", now=bench.clock())
    stranger = bench.sender(worker_id=uuid4())
    assert +send_chunk(stranger, bench.phone, tickets) == {}
    assert bench.phone.asked == []


def test_a_text_whose_sender_died_is_not_sent_again(bench: Bench, patient: PatientAtHome) -> None:
    """Nothing replaces a text on the phone. Planted: claimed again like a push."""
    bench.phone.resends = False
    bench.phone.before = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    loop = Loop(bench.sender())
    loop.materialise()
    with pytest.raises(KeyboardInterrupt):
        loop.send("webpush")
    bench.phone.before = lambda: None
    bench.clock.advance(LEASE)
    bench.tick()
    assert bench.phone.sent == []
    assert bench.deliveries() == [("dead", "uncertain", 1, 0)]


def test_a_text_that_was_only_claimed_is_sent(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: all that is leased taken for begun."""
    bench.phone.resends = False
    Loop(bench.sender()).materialise()
    assert len(claim(bench.sender(), "webpush", now=bench.clock())) == 1
    bench.clock.advance(LEASE)
    bench.tick()
    assert len(bench.phone.sent) == 1


def test_who_told_the_gateway_to_stop_has_opted_out(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: the destination retired and no word of why it may not come back."""
    bench.phone.answer = lambda _message: Retired("opted_out")
    bench.tick()
    assert bench.rows(
        "SELECT retired_reason, opted_out_at IS NOT NULL FROM destination WHERE channel = 'webpush'"
    ) == [("opted_out", True)]
