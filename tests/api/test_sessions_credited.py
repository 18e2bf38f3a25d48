"""Sessions that a check-in tells of are done: their reminders, for every phone, and for the loop.

Defects planted, each seen red: deliveries of what is credited left as they are; no other device
owed a sync; the day's schedules read without being held.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from recovery_service.database import transaction
from recovery_service.models import Destination, Device, Schedule
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import Item, materialise, plan_item
from tests.waiting import wait_for_a_waiter

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def exercise(patient: PatientAtHome) -> Item:
    return plan_item(patient, now=MONDAY)


def told(app: Flask, headers: dict[str, str]) -> Any:
    """Report one session of today."""
    body = {
        "id": str(uuid4()),
        "date": "2026-03-02",
        "recorded_at": "2026-03-02T08:59:00Z",
        "time_zone": "Europe/London",
        "form_version": "1",
        "answers": {"sessions_done": 1},
    }
    return Caller(app.test_client(), lambda: headers)("POST", "/me/check-ins", json=body)


def test_what_was_still_to_be_sent_of_it_is_not(
    app: Flask, patient: PatientAtHome, exercise: Item
) -> None:
    materialise(exercise, now=MONDAY)
    waiting = [each.state for each in exercise.deliveries()]
    assert waiting
    assert set(waiting) == {"ready"}
    assert told(app, patient.bearer()).status_code == 201
    became = {(each.state, each.reason) for each in exercise.deliveries()}
    assert became == {("dropped", "done")}


def second_phone(patient: PatientAtHome) -> UUID:
    """Give the patient another device, and return its destination."""
    device, destination = uuid4(), uuid4()
    with transaction(patient.clinic_id) as session:
        first = session.get_one(Device, (patient.clinic_id, patient.device_id))
        rows = {column.name: getattr(first, column.name) for column in Device.__table__.columns}
        session.add(Device(**rows | {"id": device}))
        session.flush()
        session.add(
            Destination(
                clinic_id=patient.clinic_id, id=destination, patient_id=patient.id,
                channel="webpush", device_id=device, created_at=MONDAY,
                subscription={"endpoint": "https://push.example/2", "keys": {}},
            )
        )  # fmt: skip
    return destination


def test_the_other_phone_learns_that_it_has_nothing_to_remind_of(
    app: Flask, patient: PatientAtHome, exercise: Item
) -> None:
    other = second_phone(patient)
    assert told(app, patient.bearer()).status_code == 201
    assert exercise.rows()
    with transaction(patient.clinic_id) as session:
        owed = session.scalars(
            select(Destination.id).where(Destination.sync_due_at.is_not(None))
        ).all()
    assert list(owed) == [other]


def test_a_report_waits_for_whoever_moves_what_the_day_holds(
    app: Flask, patient: PatientAtHome, exercise: Item
) -> None:
    """The loop that materialises the day, or an edit of the plan, has the schedule in hand."""
    headers = patient.bearer()
    held = select(Schedule.id).where(Schedule.id == exercise.lineage)
    with ThreadPoolExecutor(1) as beside:
        with transaction(patient.clinic_id) as session:
            session.execute(held.with_for_update(key_share=True))
            report = beside.submit(told, app, headers)
            wait_for_a_waiter()
            assert not report.done()
        assert report.result(30).status_code == 201
    assert {row.state for row in exercise.rows().values()} == {"done"}
