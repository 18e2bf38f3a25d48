"""Who comes late hears once what still matters; the rest was missed, and it says why."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from recovery_service.domain.actions import NewAction
from recovery_service.models import Patient
from recovery_service.reminders.channels.protocol import Retry
from recovery_service.services.addresses import NewAddress, replace_addresses
from recovery_service.services.destinations import ensure_inbox
from recovery_service.services.devices import DeviceReport, report_device
from recovery_service.services.late_reminders import remind_late
from recovery_service.services.occurrences import act
from tests.factories import PatientAtHome
from tests.plan_rows import plan_item
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule

LONG: dict[str, Any] = {"valid_for_minutes": 8 * 60}
PHONE = uuid4()
HOUR = timedelta(hours=1)


@pytest.fixture
def patient(bench: Bench) -> PatientAtHome:
    return bench.patient(bench.clinic(), phone=False)


def subscribe(
    bench: Bench, patient: PatientAtHome, device: UUID = PHONE, endpoint: str = "1", **says: Any
) -> None:
    """Let a phone of the patient say where it is pushed to."""
    told = {"time_zone": "Europe/London", "locale": "en", "app_version": "1"}
    values: dict[str, Any] = {
        "platform": "webpush",
        "told": told,
        "permission": "granted",
        "subscription": {"endpoint": f"https://push.example/{endpoint}", "keys": {}},
        "subscription_told": True,
    }
    report = DeviceReport(**values | says)
    with bench.at_the_clinic(patient.clinic_id) as session:
        now = bench.clock()
        report_device(session, patient.clinic_id, patient.id, device, report, now=now)


def enrol(bench: Bench, patient: PatientAtHome) -> None:
    with bench.at_the_clinic(patient.clinic_id) as session:
        row = session.get_one(Patient, (patient.clinic_id, patient.id))
        ensure_inbox(session, row, now=bench.clock())
        remind_late(session, row, now=bench.clock())


def causes(bench: Bench) -> list[Any]:
    return bench.rows(
        "SELECT channel, cause, state FROM delivery WHERE cause <> 'nudge' ORDER BY id"
    )


def test_what_is_past_and_still_useful_arrives_once(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: leave remind_late out of the report; take what was sent to the inbox for heard."""
    bench.plan(patient, rule(**LONG))
    bench.tick()
    assert causes(bench) == []
    bench.later(hours=3)
    enrol(bench, patient)
    bench.tick()
    subscribe(bench, patient)
    bench.tick()
    bench.later(minutes=1)
    bench.tick()
    assert causes(bench) == [("inbox", "late", "sent"), ("webpush", "late", "sent")]
    assert len(bench.phone.sent) == 1
    assert bench.phone.sent[0].ttl == 5 * 60 * 60


def test_what_is_over_was_missed_and_says_why(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: remind of what has expired."""
    bench.plan(patient, rule())
    bench.tick()
    bench.later(hours=2)
    enrol(bench, patient)
    subscribe(bench, patient)
    bench.tick()
    assert bench.phone.sent == []
    assert bench.occurrences() == [("20260302.morning", "missed", "no_destination")]


@pytest.mark.parametrize("how", ["renewed", "second", "back"])
def test_a_new_token_or_a_second_phone_repeats_nothing(
    bench: Bench, patient: PatientAtHome, how: str
) -> None:
    """Planted: look at the new destination alone."""
    subscribe(bench, patient)
    bench.plan(patient, rule(**LONG))
    bench.tick()
    assert len(bench.phone.sent) == 1
    bench.later(hours=1)
    if how == "back":
        subscribe(bench, patient, permission="denied")
    subscribe(bench, patient, device=uuid4() if how == "second" else PHONE, endpoint="2")
    bench.tick()
    assert len(bench.phone.sent) == 1


def test_what_a_dead_token_kept_from_the_patient_arrives_by_the_new_one(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: take any delivery that exists for one that arrived."""
    subscribe(bench, patient)
    bench.plan(patient, rule(**LONG))
    bench.phone.answer = lambda _message: Retry(None, "provider_error")
    bench.tick()
    bench.phone.answer = type(bench.phone)("webpush").answer
    subscribe(bench, patient, endpoint="2")
    bench.later(minutes=5)
    bench.tick()
    assert len(bench.phone.sent) == 1
    assert causes(bench) == [("webpush", "due", "dropped"), ("webpush", "late", "sent")]


def test_a_permission_given_again_brings_what_waits(bench: Bench, patient: PatientAtHome) -> None:
    subscribe(bench, patient)
    subscribe(bench, patient, permission="denied")
    bench.plan(patient, rule(**LONG))
    bench.tick()
    assert bench.phone.sent == []
    subscribe(bench, patient)
    bench.tick()
    assert len(bench.phone.sent) == 1


def test_an_address_speaks_from_when_it_is_verified(bench: Bench) -> None:
    """Planted: remind whenever addresses are written."""
    patient = bench.patient(bench.clinic(), phone=False, contact_mode="phone")
    bench.plan(patient, rule(**LONG))
    bench.tick()
    bench.later(hours=1)

    def known(*, verified: bool) -> None:
        with bench.at_the_clinic(patient.clinic_id) as session:
            row = session.get_one(Patient, (patient.clinic_id, patient.id))
            mail = NewAddress(channel="email", value="a@b.example", verified=verified)
            replace_addresses(session, row, [mail], now=bench.clock())

    known(verified=False)
    bench.tick()
    assert causes(bench) == []
    for _ in range(2):
        known(verified=True)
        bench.tick()
    assert causes(bench) == [("email", "late", "sent")]


def test_a_plan_on_hold_and_what_is_not_due_stay_silent(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: take every open row of the patient."""
    bench.plan(patient, rule(**LONG))
    bench.tick()
    bench.change(patient.clinic_id, "UPDATE episode SET state = 'on_hold', held_at = now()")
    subscribe(bench, patient)
    assert causes(bench) == []
    bench.change(patient.clinic_id, "UPDATE episode SET state = 'open'")
    bench.change(
        patient.clinic_id, "UPDATE occurrence SET due_at = :later", later=bench.clock() + HOUR
    )
    subscribe(bench, patient, endpoint="2")
    assert causes(bench) == []


def test_a_snooze_waits_for_its_time_on_the_new_device(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: send what is snoozed at once."""
    with bench.web.app_context():
        item = plan_item(patient, rule=rule(**LONG).as_json(), now=bench.clock())
    subscribe(bench, patient)
    bench.tick()
    new = NewAction(id=uuid4(), action="snooze", at=bench.clock())
    with bench.at_the_clinic(patient.clinic_id) as session:
        key = item.occurrence_id("20260302.morning")
        act(session, patient.actor(), key, new, now=bench.clock(), language="en")
    subscribe(bench, patient, endpoint="2")
    bench.later(minutes=29)
    bench.tick()
    assert len(bench.phone.sent) == 1
    bench.later(minutes=1)
    bench.tick()
    assert len(bench.phone.sent) == 2


def test_of_several_that_are_still_valid_the_latest_speaks(
    bench: Bench, patient: PatientAtHome
) -> None:
    slots = {"a": "09:00", "b": "10:00", "c": "11:00"}
    bench.plan(patient, rule(slots=slots, **LONG))
    for _ in range(3):
        bench.tick()
        bench.later(hours=1)
    subscribe(bench, patient)
    bench.tick()
    assert len(bench.phone.sent) == 1
    assert bench.phone.sent[0].ttl == 7 * 60 * 60
