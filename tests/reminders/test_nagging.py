"""Not nagging, as the phone hears it: bundles, the day's budget, one nudge, a second way.

The rules themselves are in `tests/domain/test_interruptions.py`; here is that the loop keeps
them with several devices, channels, workers and tries. Planted defects are with each test.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.models import Destination, Device
from recovery_service.reminders.channels.protocol import Dead, Retired, Retry
from recovery_service.reminders.loop import Loop
from recovery_service.services.unsent import reconsider
from tests.factories import PatientAtHome
from tests.reminders.conftest import Bench
from tests.reminders.memory_channel import MemoryChannel
from tests.reminders.plans import rule

LATER = Retry(timedelta(0), "provider_error")


@pytest.fixture
def patient(bench: Bench) -> PatientAtHome:
    return bench.patient(bench.clinic())


def add_destination(bench: Bench, patient: PatientAtHome, channel: str, **changes: Any) -> None:
    """Give the patient one more way to be reached; a push channel comes with its device."""
    key: dict[str, Any] = {"clinic_id": patient.clinic_id, "patient_id": patient.id}
    made = {"created_at": bench.clock()}
    with bench.at_the_clinic(patient.clinic_id) as session:
        if channel in {"webpush", "fcm", "apns"}:
            device = Device(
                **key, **made, id=uuid4(), platform=channel, time_zone="Europe/London",
                locale="en", last_seen_at=bench.clock(),
            )  # fmt: skip
            session.add(device)
            session.flush()
            changes |= {"device_id": device.id, "subscription": {"token": "t"}}
        session.add(Destination(**key, **made, id=uuid4(), channel=channel, **changes))
    bench.channels.setdefault(channel, MemoryChannel(channel))


def plan_at(bench: Bench, patient: PatientAtHome, time: str, **changes: Any) -> UUID:
    kind = changes.pop("kind", "physiotherapy")
    usual = {"priority": REMINDER_KINDS[kind].priority, "valid_for_minutes": 480}
    return bench.plan(patient, rule(slots={"morning": time}, **usual | changes), kind=kind)


def pushes(bench: Bench) -> list[Any]:
    """Return (kind, state, reason, leads or is carried) of the first deliveries that push."""
    return bench.rows(
        "SELECT s.kind, d.state, d.reason,"
        " CASE WHEN d.lead_id = d.id THEN 'leads' WHEN d.lead_id IS NOT NULL THEN 'carried' END"
        " FROM delivery d JOIN occurrence o ON o.id = d.occurrence_id"
        " JOIN schedule s ON s.id = o.lineage_id"
        " WHERE d.channel <> 'inbox' AND d.cause = 'due' ORDER BY d.id"
    )


def ledger(bench: Bench) -> list[Any]:
    return bench.rows("SELECT local_date, pushes, breaks FROM reminder_day ORDER BY local_date")


def test_six_items_of_one_morning_ring_once_on_each_device(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: one message a delivery; the second device paid for again."""
    add_destination(bench, patient, "webpush")
    add_destination(bench, patient, "fcm")
    for kind in ("walking", "physiotherapy", "check_in", "posture", "education", "medication"):
        plan_at(bench, patient, "09:00", kind=kind)
    bench.tick()
    heard = bench.phone.sent + bench.channels["fcm"].sent
    assert [(m.kind, m.carries) for m in heard] == [("medication", 6)] * 3
    assert all("6 things" in m.line for m in heard)
    assert len(bench.channels["inbox"].sent) == 6, "the inbox has each by itself"
    assert ledger(bench) == [(date(2026, 3, 2), 1, 1)]
    assert {row[1:3] for row in pushes(bench)} == {("sent", None), ("sent", "bundled")}
    assert [row[3] for row in pushes(bench)].count("leads") == 3


def test_what_falls_due_within_a_quarter_of_an_hour_rides_along(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: the push not written into the ledger; the span never over."""
    for time in ("09:00", "09:10", "09:16"):
        plan_at(bench, patient, time)
    bench.tick()
    assert [m.carries for m in bench.phone.sent] == [2]
    bench.later(minutes=10)
    bench.tick()
    assert len(bench.phone.sent) == 1
    bench.later(minutes=6)
    bench.tick()
    assert [m.carries for m in bench.phone.sent] == [2, 1]
    assert [row[1:] for row in pushes(bench)] == [
        ("sent", None, "leads"), ("sent", "bundled", "carried"), ("sent", None, "leads"),
    ]  # fmt: skip


def test_what_joins_a_push_that_is_being_tried_again_waits_for_it(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: settled as sent although its push had not arrived."""
    plan_at(bench, patient, "09:00")
    plan_at(bench, patient, "09:02")
    bench.phone.answer = lambda _message: Retry(timedelta(minutes=5), "throttled")
    bench.tick()
    bench.later(minutes=2)
    bench.phone.answer = MemoryChannel("webpush").answer
    bench.tick()
    assert bench.phone.sent == []
    assert [row[1:3] for row in pushes(bench)] == [
        ("ready", "throttled"),
        ("ready", "with_the_lead"),
    ]
    for _ in range(20):
        bench.later(seconds=30)
        bench.tick()
    assert [row[1:] for row in pushes(bench)] == [
        ("sent", None, "leads"), ("sent", "bundled", "carried"),
    ]  # fmt: skip
    assert len(bench.phone.sent) == 1
    assert ledger(bench) == [(date(2026, 3, 2), 1, 0)]


def test_a_bundle_whose_provider_is_not_ready_comes_back_as_one(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: each with a wait of its own; the retry paid for again."""
    for kind in ("walking", "check_in"):
        plan_at(bench, patient, "09:00", kind=kind)
    bench.phone.answer = lambda _message: LATER
    bench.tick()
    assert len(set(bench.rows("SELECT wake_at FROM delivery WHERE reason IS NOT NULL"))) == 1
    bench.phone.answer = MemoryChannel("webpush").answer
    bench.later(minutes=40)
    bench.tick()
    assert [(m.kind, m.carries) for m in bench.phone.sent] == [("check_in", 2)]
    assert ledger(bench) == [(date(2026, 3, 2), 1, 0)]


def test_a_bundle_goes_on_without_what_was_done_meanwhile(
    bench: Bench, patient: PatientAtHome
) -> None:
    plan_at(bench, patient, "09:00", kind="check_in")
    plan_at(bench, patient, "09:00", kind="walking")
    bench.phone.answer = lambda _message: LATER
    bench.tick()
    bench.change(
        patient.clinic_id,
        "UPDATE occurrence o SET state = 'done', closed_at = now() FROM schedule s"
        " WHERE s.id = o.lineage_id AND s.kind = 'check_in'",
    )
    bench.phone.answer = MemoryChannel("webpush").answer
    bench.later(minutes=1)
    bench.tick()
    assert [(m.kind, m.carries) for m in bench.phone.sent] == [("walking", 1)]


def test_the_day_has_its_budget_and_the_next_day_its_own(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: the pushes of a day not counted; the count not begun anew."""
    for hour in (9, 11, 13, 15, 17):
        plan_at(bench, patient, f"{hour:02}:00", kind="posture")
    for _ in range(48):
        bench.tick()
        bench.later(hours=1)
    heard = [m for m in bench.phone.sent if m.kind == "posture"]
    assert len(heard) == 6
    assert [row[:2] for row in ledger(bench)] == [(date(2026, 3, d), 3) for d in (2, 3)]
    dropped = {row[2] for row in pushes(bench) if row[1] == "dropped"}
    assert dropped == {"over_budget"}


def test_the_check_in_of_the_evening_keeps_its_place(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: what lies ahead not looked at, and the check-in dropped as the fourth."""
    for hour in (9, 10, 11, 12):
        plan_at(bench, patient, f"{hour:02}:00", kind="posture")
    plan_at(bench, patient, "18:00", kind="check_in")
    for _ in range(10):
        bench.tick()
        bench.later(hours=1)
    assert [m.kind for m in bench.phone.sent] == ["posture", "posture", "check_in"]


def test_two_workers_cannot_both_spend_the_last_push(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: the page read without a lock; the budget goes twice."""
    add_destination(bench, patient, "fcm")
    bench.change(
        patient.clinic_id,
        "INSERT INTO reminder_day (clinic_id, patient_id, local_date, pushes, breaks)"
        " VALUES (:clinic, :patient, '2026-03-02', 2, 0)",
        clinic=patient.clinic_id,
        patient=patient.id,
    )
    webpush, fcm = (plan_at(bench, patient, "09:00", kind="walking") for _ in range(2))
    Loop(bench.sender()).materialise()
    for lineage, channel in ((webpush, "fcm"), (fcm, "webpush")):  # one item for each channel
        bench.change(
            patient.clinic_id,
            "DELETE FROM delivery d USING occurrence o"
            " WHERE o.id = d.occurrence_id AND o.lineage_id = :lineage AND d.channel = :channel",
            lineage=lineage,
            channel=channel,
        )
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(Loop(bench.sender()).send, ("webpush", "fcm")))
    assert ledger(bench) == [(date(2026, 3, 2), 3, 0)]


def test_promise_8_a_retry_that_lands_in_quiet_hours_waits_for_the_morning(bench: Bench) -> None:
    """Window 22:00-07:00. Planted: quiet hours kept when the reminder is written, not sent."""
    preferences = {"quiet_hours": {"from": "22:00", "to": "07:00"}}
    patient = bench.patient(bench.clinic(), preferences=preferences)
    bench.plan(patient, rule(slots={"evening": "21:58"}, valid_for_minutes=720), kind="walking")
    bench.clock.set(datetime(2026, 3, 2, 21, 58, tzinfo=UTC))
    bench.phone.answer = lambda _message: Retry(timedelta(minutes=3), "throttled")
    bench.tick()
    bench.phone.answer = MemoryChannel("webpush").answer
    bench.clock.set(datetime(2026, 3, 2, 22, 3, tzinfo=UTC))
    bench.tick()
    assert bench.phone.sent == []
    assert pushes(bench) == [("walking", "ready", "quiet_hours", "leads")]
    bench.clock.set(datetime(2026, 3, 3, 6, 59, tzinfo=UTC))
    bench.tick()
    assert bench.phone.sent == []
    bench.clock.set(datetime(2026, 3, 3, 7, 0, tzinfo=UTC))
    bench.tick()
    assert len(bench.phone.sent) == 1
    assert pushes(bench) == [("walking", "sent", "quiet_hours", "leads")], "why it came at seven"
    attempts = bench.rows("SELECT attempts FROM delivery WHERE channel = 'webpush' AND round = 0")
    assert attempts == [(2,)], "waiting is not trying"


def test_a_change_of_quiet_hours_is_heard_by_what_already_waits(bench: Bench) -> None:
    """Planted: what waits not looked at again."""
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule(slots={"evening": "21:30"}, valid_for_minutes=720), kind="walking")
    bench.clock.set(datetime(2026, 3, 2, 21, 30, tzinfo=UTC))
    bench.tick()
    assert bench.phone.sent == []
    bench.change(
        patient.clinic_id,
        'UPDATE patient SET preferences = \'{"quiet_hours": {"from": "23:00", "to": "07:00"}}\'',
    )
    with bench.at_the_clinic(patient.clinic_id) as session:
        reconsider(session, patient.clinic_id, patient.id, now=bench.clock())
    bench.tick()
    assert len(bench.phone.sent) == 1


def test_one_nudge_and_no_second(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: a nudge after a nudge."""
    plan_at(bench, patient, "09:00", kind="check_in")
    for _ in range(10):
        bench.tick()
        bench.later(hours=1)
    assert len(bench.phone.sent) == 2
    assert bench.follow_ups() == [
        ("nudge", "webpush", "sent", None),
    ]
    assert ledger(bench)[0][1] == 2, "a nudge is a push like others"


def test_what_is_answered_is_not_nudged(bench: Bench, patient: PatientAtHome) -> None:
    """Promise 15 for the nudge. Planted: the fence does not ask whether it was done."""
    plan_at(bench, patient, "09:00", kind="check_in")
    bench.tick()
    bench.change(patient.clinic_id, "UPDATE occurrence SET state = 'done', closed_at = now()")
    bench.later(hours=3)
    bench.tick()
    assert len(bench.phone.sent) == 1
    assert bench.follow_ups() == [("nudge", "webpush", "dropped", "completed")]


def test_what_is_answered_while_it_is_sent_has_no_nudge(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: the nudge written whatever the occurrence says."""
    plan_at(bench, patient, "09:00", kind="check_in")
    done = "UPDATE occurrence SET state = 'done', closed_at = now()"
    bench.phone.before = lambda: bench.change(patient.clinic_id, done)
    bench.tick()
    assert bench.follow_ups() == []


@pytest.mark.parametrize("kind", ["posture", "education", "medication"])
def test_what_is_no_session_and_no_check_in_is_not_nudged(
    bench: Bench, patient: PatientAtHome, kind: str
) -> None:
    plan_at(bench, patient, "09:00", kind=kind)
    bench.tick()
    assert bench.follow_ups() == []


def with_history(bench: Bench, lineage: UUID, states: list[str]) -> None:
    """Write how an item went on the days before, the oldest first; all of it was pushed."""
    for back, state in zip(range(len(states), 0, -1), states, strict=True):
        day = date(2026, 3, 2) - timedelta(days=back)
        key, at = f"{day:%Y%m%d}.morning", datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        with bench.transaction() as session:
            session.connection().exec_driver_sql(
                "WITH made AS (INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date,"
                " due_at, expires_at, state, reason, round, closed_at)"
                " SELECT clinic_id, id, %(key)s, %(day)s, %(at)s, %(at)s, %(state)s::text,"
                " CASE WHEN %(state)s::text = 'missed' THEN 'not_answered' END, 0, %(at)s"
                " FROM schedule WHERE id = %(lineage)s RETURNING clinic_id, id)"
                " INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round,"
                " state, wake_at, attempts, settled_at)"
                " SELECT m.clinic_id, m.id, d.id, d.channel, 0, 'sent', %(at)s, 1, %(at)s"
                " FROM made m JOIN destination d ON d.channel = 'webpush'",
                {"key": key, "day": day, "at": at, "state": state, "lineage": lineage},
            )


def test_who_does_the_exercises_is_only_reminded_of_what_is_overdue(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: what was not answered left out of the week."""
    lineage = plan_at(bench, patient, "09:00")
    with_history(bench, lineage, ["missed", *["done"] * 6])
    bench.tick()
    assert bench.phone.sent == []
    assert pushes(bench)[-1] == ("physiotherapy", "dropped", "tapered", None)
    bench.later(hours=2)
    bench.tick()
    assert len(bench.phone.sent) == 1
    assert bench.follow_ups() == [("nudge", "webpush", "sent", None)]


def test_who_does_not_is_reminded_in_time(bench: Bench, patient: PatientAtHome) -> None:
    lineage = plan_at(bench, patient, "09:00")
    with_history(bench, lineage, ["missed", "missed", *["done"] * 5])
    bench.tick()
    assert len(bench.phone.sent) == 1


def test_posture_reminders_that_nobody_answers_become_one_a_day(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: those since the last answer not told from those before it."""
    lineage = plan_at(bench, patient, "09:00", kind="posture")
    plan_at(bench, patient, "12:00", kind="posture")
    with_history(bench, lineage, ["done", *["missed"] * 6])
    for _ in range(4):
        bench.tick()
        bench.later(hours=1)
    assert len(bench.phone.sent) == 1
    assert pushes(bench)[-1] == ("posture", "dropped", "backed_off", None)


def test_an_answer_brings_them_back(bench: Bench, patient: PatientAtHome) -> None:
    lineage = plan_at(bench, patient, "09:00", kind="posture")
    plan_at(bench, patient, "12:00", kind="posture")
    with_history(bench, lineage, [*["missed"] * 6, "done"])
    for _ in range(4):
        bench.tick()
        bench.later(hours=1)
    assert len(bench.phone.sent) == 2


SMS = {"address": "+447700900123", "verified_at": datetime(2026, 3, 1, tzinfo=UTC)}


def reachable_by_sms(bench: Bench, patient: PatientAtHome, **changes: Any) -> MemoryChannel:
    kinds = list(REMINDER_KINDS)
    add_destination(bench, patient, "sms", muted_kinds=kinds, **SMS | changes)
    sms: MemoryChannel = bench.channels["sms"]
    return sms


def test_a_push_that_nobody_confirms_goes_to_the_second_channel_once(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: a failover after each try; one a device."""
    sms = reachable_by_sms(bench, patient)
    add_destination(bench, patient, "webpush")
    plan_at(bench, patient, "09:00", kind="check_in")
    for _ in range(9):
        bench.tick()
        bench.later(minutes=30)
    assert len(sms.sent) == 1
    assert ("failover", "sms", "sent", None) in bench.follow_ups()


def test_a_confirmed_push_has_no_second_way(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: the confirmation not asked for."""
    sms = reachable_by_sms(bench, patient)
    plan_at(bench, patient, "09:00", kind="check_in")
    plan_at(bench, patient, "09:00", kind="medication")
    bench.tick()
    bench.change(
        patient.clinic_id,
        "UPDATE delivery SET delivered_at = now() WHERE lead_id = id AND channel = 'webpush'",
    )
    for _ in range(4):
        bench.later(minutes=30)
        bench.tick()
    assert sms.sent == []
    assert [row[2:] for row in bench.follow_ups() if row[0] == "failover"] == [
        ("dropped", "confirmed")
    ] * 2, "also of the one that was carried"


@pytest.mark.parametrize("outcome", [Dead("too_large"), Retired("gone")])
def test_a_push_that_cannot_arrive_goes_the_second_way_at_once(
    bench: Bench, patient: PatientAtHome, outcome: Any
) -> None:
    """Planted: only what was sent fails over."""
    sms = reachable_by_sms(bench, patient)
    plan_at(bench, patient, "09:00", kind="check_in")
    bench.phone.answer = lambda _message: outcome
    bench.tick()
    bench.tick()
    assert len(sms.sent) == 1


@pytest.mark.parametrize(
    "changes",
    [{"verified_at": None}, {"opted_out_at": SMS["verified_at"]}],
)
def test_nothing_fails_over_to_an_address_that_takes_nothing(
    bench: Bench, patient: PatientAtHome, changes: dict[str, Any]
) -> None:
    sms = reachable_by_sms(bench, patient, **changes)
    plan_at(bench, patient, "09:00", kind="check_in")
    for _ in range(4):
        bench.tick()
        bench.later(minutes=30)
    assert sms.sent == []
    assert all(row[0] == "nudge" for row in bench.follow_ups())


def test_a_habit_and_who_does_not_want_it_do_not_fail_over(bench: Bench) -> None:
    """Planted: every kind fails over; the patient's `none` not read."""
    clinic = bench.clinic()
    plain = bench.patient(clinic)
    unwilling = bench.patient(clinic, preferences={"failover": "none"})
    sms = reachable_by_sms(bench, plain)
    reachable_by_sms(bench, unwilling)
    plan_at(bench, plain, "09:00", kind="walking")
    plan_at(bench, unwilling, "09:00", kind="check_in")
    for _ in range(4):
        bench.tick()
        bench.later(minutes=30)
    assert sms.sent == []
