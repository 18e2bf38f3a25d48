"""What a device should have reminded of and did not promise to: the service takes over."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from recovery_service.domain.actions import NewAction
from recovery_service.services.device_plan import plan_changed
from recovery_service.services.occurrences import act
from tests.factories import PatientAtHome
from tests.plan_rows import plan_item
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule

ON_DEVICE: dict[str, Any] = {"remind_via": "device", "slots": {"a": "09:00", "b": "12:00"}}
HOUR = timedelta(hours=1)


@pytest.fixture
def patient(bench: Bench) -> PatientAtHome:
    return bench.patient(bench.clinic())


def report(bench: Bench, patient: PatientAtHome, **told: Any) -> None:
    """Let the phone say what it can and what it has scheduled."""
    says = {
        "permission": "granted",
        "plan_revision": 0,
        "scheduled_until": bench.clock() + 12 * HOUR,
    } | told
    columns = ", ".join(f"{name} = :{name}" for name in says)
    statement = f"UPDATE device SET {columns} WHERE id = :id"
    bench.change(patient.clinic_id, statement, id=patient.device_id, **says)


def written(bench: Bench) -> list[tuple[str, str]]:
    """Return (channel, cause) of all deliveries."""
    rows = bench.rows("SELECT channel, cause FROM delivery ORDER BY id")
    return [(channel, cause) for channel, cause in rows]


def test_what_a_device_has_scheduled_is_not_pushed(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: take over whatever is left to a device."""
    bench.plan(patient, rule(**ON_DEVICE))
    report(bench, patient)
    bench.tick()
    assert bench.occurrences() == [("20260302.a", "due", None)]
    assert written(bench) == []
    assert bench.phone.sent == []


NOT_SAID: dict[str, dict[str, Any]] = {
    "it may not remind": {"permission": "denied"},
    "it never said whether it may": {"permission": "unknown"},
    "it has an older plan": {"plan_revision": 1},
    "it never said which plan it has": {"plan_revision": None},
    "it never said how far": {"scheduled_until": None},
    "it was revoked": {"revoked_at": datetime.fromisoformat("2026-03-01T00:00:00Z")},
}


@pytest.mark.parametrize("why", list(NOT_SAID))
def test_the_service_takes_over_where_no_device_confirms(
    bench: Bench, patient: PatientAtHome, why: str
) -> None:
    """Planted: each of the conditions taken out in turn."""
    bench.plan(patient, rule(**ON_DEVICE))
    report(bench, patient, **NOT_SAID[why])
    bench.tick()
    assert sorted(written(bench)) == [("inbox", "takeover"), ("webpush", "takeover")]
    assert len(bench.phone.sent) == 1


def test_what_lies_beyond_the_devices_schedule_is_pushed(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: `>=`: the plan is complete for what falls due before its end, not at it."""
    bench.plan(patient, rule(**ON_DEVICE))
    report(bench, patient, scheduled_until=bench.clock() + 3 * HOUR)
    bench.tick()
    assert bench.phone.sent == []
    bench.later(hours=3)
    bench.tick()
    assert len(bench.phone.sent) == 1


def test_a_change_of_the_plan_takes_over_until_the_device_has_it(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: trust a device that has scheduled any plan."""
    bench.plan(patient, rule(**ON_DEVICE))
    report(bench, patient)
    bench.tick()
    with bench.at_the_clinic(patient.clinic_id) as session:
        plan_changed(session, patient.clinic_id, patient.id, now=bench.clock())
    bench.later(hours=3)
    bench.tick()
    assert len(bench.phone.sent) == 1
    report(bench, patient, plan_revision=1, scheduled_until=bench.clock() + 48 * HOUR)
    bench.later(hours=21)
    bench.tick()
    assert len(bench.phone.sent) == 1


def test_one_device_of_several_is_enough(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: ask every device; the patient hears it from one and from us."""
    bench.plan(patient, rule(**ON_DEVICE))
    report(bench, patient)
    bench.change(
        patient.clinic_id,
        "INSERT INTO device (clinic_id, id, patient_id, name, platform, permission, time_zone,"
        " locale, app_version, last_seen_at, created_at) SELECT clinic_id, gen_random_uuid(),"
        " patient_id, 'other', platform, 'denied', time_zone, locale, '', last_seen_at,"
        " created_at FROM device",
    )
    bench.tick()
    assert written(bench) == []


def test_a_device_of_somebody_else_confirms_nothing(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: look for any device of the clinic."""
    other = bench.patient(bench.clinic())
    bench.plan(patient, rule(**ON_DEVICE))
    report(bench, other)
    bench.tick()
    assert len(bench.phone.sent) == 1


def test_nothing_is_taken_over_by_mail(bench: Bench, patient: PatientAtHome) -> None:
    """Planted: hand it to every destination."""
    bench.change(
        patient.clinic_id,
        "INSERT INTO destination (clinic_id, id, patient_id, channel, address, verified_at,"
        " muted_kinds, created_at) VALUES (:clinic, gen_random_uuid(), :patient, 'email',"
        " 'a@b.example', now(), '{}', now())",
        clinic=patient.clinic_id,
        patient=patient.id,
    )
    bench.plan(patient, rule(**ON_DEVICE))
    bench.plan(patient, rule(), kind="walking")
    bench.tick()
    assert sorted(cause for channel, cause in written(bench) if channel == "email") == ["due"]


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_snooze_is_the_devices_as_its_reminder_was(
    bench: Bench, patient: PatientAtHome, confirmed: bool
) -> None:
    """Planted: push every snooze; then the phone rings twice."""
    with bench.web.app_context():
        item = plan_item(
            patient,
            "medication",
            rule(**ON_DEVICE).as_json() | {"slots": {"a": "09:00"}},
            now=bench.clock(),
        )
    if confirmed:
        report(bench, patient)
    bench.tick()
    before = len(bench.phone.sent)
    assert before == (0 if confirmed else 1)
    new = NewAction(id=uuid4(), action="snooze", at=bench.clock())
    with bench.at_the_clinic(patient.clinic_id) as session:
        key = item.occurrence_id("20260302.a")
        act(session, patient.actor(), key, new, now=bench.clock(), language="en")
    bench.later(minutes=30)
    bench.tick()
    assert len(bench.phone.sent) - before == (0 if confirmed else 1)
