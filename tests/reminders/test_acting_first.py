"""The real loop meets a patient who was faster: done, told or snoozed before it speaks."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from recovery_service.database import few_trips, transaction, within
from recovery_service.domain.actions import NewAction
from recovery_service.domain.check_ins import NewCheckIn
from recovery_service.extensions import parts
from recovery_service.services.check_ins import Reporter, record_check_in
from recovery_service.services.occurrences import ActionTaken, act
from recovery_service.services.unsent import reconsider
from tests.factories import PatientAtHome
from tests.plan_rows import DAILY, Item, plan_item
from tests.reminders.conftest import Bench

EVENING = "20260302.evening"
ONE = {**DAILY, "slots": {"evening": "18:00"}}


@pytest.fixture
def patient(bench: Bench) -> PatientAtHome:
    return bench.patient(bench.clinic())


def planned(bench: Bench, patient: PatientAtHome, kind: str = "physiotherapy") -> Item:
    with bench.web.app_context():
        return plan_item(patient, kind, ONE, now=bench.clock())


def take(
    bench: Bench, patient: PatientAtHome, item: Item, action: Any, key: str = EVENING
) -> ActionTaken:
    new = NewAction(id=uuid4(), action=action, at=bench.clock())
    with bench.at_the_clinic(patient.clinic_id) as session:
        occurrence = item.occurrence_id(key)
        return act(session, patient.actor(), occurrence, new, now=bench.clock(), language="en")


def tell(bench: Bench, patient: PatientAtHome) -> None:
    new = NewCheckIn(
        id=uuid4(),
        date=bench.clock().date(),
        recorded_at=bench.clock(),
        time_zone="Europe/London",
        form_version="1",
        answers={"sessions_done": 1},
    )
    reporter = Reporter(
        clinic_id=patient.clinic_id, patient_id=patient.id, home_zone="Europe/London"
    )
    with bench.web.app_context(), within(patient.clinic_id):
        content = parts().content
        record_check_in(few_trips, transaction, content, reporter, new, now=bench.clock())


@pytest.mark.parametrize("action", ["complete", "skip"])
def test_what_was_answered_ahead_of_time_never_speaks(
    bench: Bench, patient: PatientAtHome, action: str
) -> None:
    item = planned(bench, patient)
    take(bench, patient, item, action)
    bench.later(hours=10)
    bench.tick()
    assert bench.phone.sent == []
    assert [row[0] for row in bench.occurrences(item.lineage)] == [EVENING]
    bench.later(hours=24)
    bench.tick()
    assert len(bench.phone.sent) == 1  # tomorrow's


def test_a_report_ahead_of_time_silences_the_check_in_and_the_session(
    bench: Bench, patient: PatientAtHome
) -> None:
    items = [planned(bench, patient, kind) for kind in ("check_in", "walking")]
    tell(bench, patient)
    bench.later(hours=10)
    bench.tick()
    assert bench.phone.sent == []
    assert [bench.occurrences(item.lineage) for item in items] == [
        [(EVENING, "done", "check_in")]
    ] * 2


def test_a_snooze_speaks_once_more_and_spends_no_attempt(
    bench: Bench, patient: PatientAtHome
) -> None:
    item = planned(bench, patient)
    bench.later(hours=9)
    bench.tick()
    taken = take(bench, patient, item, "snooze")
    assert taken.next_at == bench.clock() + timedelta(minutes=30)
    bench.later(minutes=29)
    bench.tick()
    assert len(bench.phone.sent) == 1
    bench.later(minutes=1)
    bench.tick()
    assert len(bench.phone.sent) == 2
    assert [row[2:] for row in bench.deliveries()] == [(1, 0), (1, 2)], "1 is the nudge's"
    take(bench, patient, item, "complete")
    bench.later(hours=1)
    bench.tick()
    assert len(bench.phone.sent) == 2


def test_a_mis_tap_taken_back_keeps_its_nudge_and_its_snooze(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: what a mis-tap had cancelled stays cancelled."""
    item = planned(bench, patient)
    bench.later(hours=9)
    bench.tick()
    take(bench, patient, item, "snooze")
    take(bench, patient, item, "complete")
    take(bench, patient, item, "reopen")
    bench.later(minutes=30)
    bench.tick()
    assert len(bench.phone.sent) == 2
    take(bench, patient, item, "complete")
    bench.later(minutes=5)
    bench.tick()
    take(bench, patient, item, "reopen")
    assert [row[0] for row in bench.deliveries()] == ["sent", "sent"], "nothing sent is repeated"


def test_a_mis_tap_while_it_waits_does_not_make_it_wait_without_a_reason(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: its time kept and its reason not, it slept on when the pause was over early."""
    with bench.web.app_context():
        once = {"identity": "once", "from_day": 1, "to_day": 1, "valid_for_minutes": 4320}
        item = plan_item(patient, "education", ONE | once, now=bench.clock())
    pause = '{"pause": {"from": "2026-03-02", "to": "2026-03-03"}}'
    change = "UPDATE patient SET preferences = CAST(:wanted AS jsonb)"
    bench.change(patient.clinic_id, change, wanted=pause)
    bench.later(hours=9)
    bench.tick()
    take(bench, patient, item, "complete", "once")
    take(bench, patient, item, "reopen", "once")
    bench.tick()
    assert bench.deliveries()[0][1] == "paused"
    bench.change(patient.clinic_id, change, wanted="{}")
    with bench.at_the_clinic(patient.clinic_id) as session:
        reconsider(session, patient.clinic_id, patient.id, now=bench.clock())
    bench.tick()
    assert len(bench.phone.sent) == 1
