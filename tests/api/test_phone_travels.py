"""A phone that moves to another zone, from its first word to the reminder that follows it.

Defects planted, each seen red here: the device's zone taken for the patient's at once; the
schedules not planned anew; a revoked device whose token still works.
"""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.phones import Phone, code_of, enrol, enrolment, new_code, phone_of, phone_with
from tests.plan_rows import Item, materialise, plan_item

HERE, THERE = "Europe/London", "Europe/Istanbul"


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff) -> PatientAtHome:
    with app.app_context():
        return make_patient(clinic, now=MONDAY)


@pytest.fixture
def item(app: Flask, patient: PatientAtHome) -> Item:
    with app.app_context():
        made = plan_item(patient, now=MONDAY - timedelta(hours=1))
        materialise(made, now=MONDAY)
        return made


@pytest.fixture
def phone(app: Flask, patient: PatientAtHome) -> Phone:
    return phone_of(app, patient)


def evening(phone: Phone) -> tuple[Any, Any]:
    entry = phone.get("/me").get_json()["due_today"][-1]
    return entry["local_time"], entry["due_at"]


def test_the_device_tells_the_patient_decides_and_reminders_move(
    app: Flask, phone: Phone, patient: PatientAtHome, item: Item
) -> None:
    assert evening(phone) == ("18:00", "2026-03-02T18:00:00Z")
    said = {
        "platform": "webpush", "permission": "granted", "time_zone": THERE,
        "locale": "en", "app_version": "1",
    }  # fmt: skip
    path = f"/me/devices/{patient.device_id}"
    assert phone.call("PUT", path, said).get_json()["time_zone"] == THERE
    me = phone.get("/me").get_json()
    assert (me["zone_suggestion"], me["profile"]["time_zone"]) == (THERE, HERE)
    assert evening(phone) == ("18:00", "2026-03-02T18:00:00Z")
    me = phone.call("PATCH", "/me", {"time_zone": me["zone_suggestion"]}).get_json()
    assert (me["zone_suggestion"], me["profile"]["time_zone"]) == (None, THERE)
    assert evening(phone) == ("18:00", "2026-03-02T15:00:00Z")
    with app.app_context():
        stands = item.schedule()
    assert stands.time_zone == THERE
    assert stands.next_due_at == MONDAY + timedelta(hours=6)
    assert phone.get("/me/agenda").get_json()["time_zone"] == THERE


def test_a_second_phone_is_listed_marked_and_taken_away(
    app: Flask, phone: Phone, patient: PatientAtHome
) -> None:
    body = enrolment(new_code(app, patient), name="Tablet")
    tokens = enrol(app, body).get_json()
    tablet = phone_with(app, tokens)
    listed = tablet.get("/me/devices").get_json()["items"]
    assert {each["id"]: each["current"] for each in listed} == {
        body["device"]["id"]: True,
        str(patient.device_id): False,
    }
    assert all(each["last_seen_at"] for each in listed)
    assert phone.call("DELETE", f"/me/devices/{body['device']['id']}").status_code == 204
    assert code_of(tablet.get("/me")) == "session_expired"
    refresh = Phone(app).call("POST", "/tokens/refresh", {"refresh_token": tokens["refresh_token"]})
    assert code_of(refresh) == "session_expired"
    left = phone.get("/me/devices").get_json()["items"]
    assert [each["id"] for each in left] == [str(patient.device_id)]


def test_each_occurrence_has_an_address_of_its_own_in_the_app(phone: Phone, item: Item) -> None:
    entries = phone.get("/me/agenda").get_json()["items"]
    links = [each["deep_link"] for each in entries]
    assert links == [f"/occurrences/{each['id']}" for each in entries]
    assert len(set(links)) == len(links)
