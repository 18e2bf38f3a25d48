"""Registering a patient: the form, what is wrong beside its field, the sheet with the code."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from recovery_service.database import transaction
from recovery_service.models import EnrolmentCode, Episode, Patient, PlanRevision, Schedule
from tests.dashboard.browser import Browser, patient_of, registration, signed_in
from tests.factories import ClinicWithStaff

CODE = re.compile(r'<p class="code">([0-9A-Z]{4}-[0-9A-Z]{4})</p>')


def _register(browser: Browser, **changes: str) -> TestResponse:
    return browser.send("/patients/new", registration(**changes), shown_on="/patients/new")


def _count(model: type, clinic: ClinicWithStaff, *where: object) -> int:
    with transaction(clinic.id) as session:
        wanted = select(func.count()).select_from(model).where(*where)  # type: ignore[arg-type]
        return session.scalar(wanted) or 0


def test_a_patient_is_registered_with_plan_and_code(
    app: Flask, clinic: ClinicWithStaff, app_context: None
) -> None:
    browser = signed_in(app, clinic)
    answer = _register(browser, plan="publish", external_value="MRN 7", email="ada@home.example")
    assert answer.status_code == 303
    patient_id = patient_of(answer)
    with transaction(clinic.id) as session:
        patient = session.get_one(Patient, (clinic.id, patient_id))
        episode = session.scalars(select(Episode).where(Episode.patient_id == patient_id)).one()
        assert (patient.name, patient.locale) == ("Ada Example", "en")
        assert (episode.levels, episode.side) == (["L4/5", "L5/S1"], "left")
        assert session.scalars(select(PlanRevision.state)).all() == ["live"]
    assert _count(Schedule, clinic, Schedule.patient_id == patient_id) > 5
    page = browser.get(f"/patients/{patient_id}")
    assert "MRN 7" in page.text
    assert "ada@home.example" in page.text


def test_the_code_is_shown_once_and_stands_in_no_address(
    app: Flask, clinic: ClinicWithStaff, app_context: None
) -> None:
    browser = signed_in(app, clinic)
    answer = _register(browser)
    sheet = browser.get(answer.headers["Location"])
    found = CODE.search(sheet.text)
    assert found is not None
    assert found[1] not in answer.headers["Location"]
    assert "<svg" in sheet.text
    again = browser.get(answer.headers["Location"])
    assert CODE.search(again.text) is None
    assert found[1] not in again.text


def test_the_code_on_the_sheet_enrols_the_phone(app: Flask, clinic: ClinicWithStaff) -> None:
    browser = signed_in(app, clinic)
    sheet = browser.get(_register(browser).headers["Location"])
    code = CODE.search(sheet.text)
    assert code is not None
    phone: dict[str, Any] = {
        "code": code[1],
        "date_of_birth": "1970-05-04",
        "device": {
            "id": "0191e0a0-0000-7000-8000-000000000001", "name": "Phone", "platform": "webpush",
            "time_zone": "Europe/London", "locale": "en", "app_version": "1",
        },
        "consents": [],
    }  # fmt: skip
    answer = app.test_client().post("/api/v1/enrolments", json=phone)
    assert answer.status_code in (200, 201), answer.json
    used = app.test_client().post("/api/v1/enrolments", json=phone)
    assert used.status_code == 409


def test_a_code_in_a_forged_cookie_is_not_shown(app: Flask, clinic: ClinicWithStaff) -> None:
    browser = signed_in(app, clinic)
    sheet = _register(browser).headers["Location"]
    browser.get(sheet)
    browser.client.set_cookie("recovery-code", "ABCD-1234.00", path=sheet)
    assert "ABCD-1234" not in browser.get(sheet).text


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"name": "  "}, "name", "Please fill this in."),
        ({"name": "a" * 201}, "name", "At most 200 characters."),
        ({"name": "Ada\x00"}, "name", "Contains characters that cannot be printed."),
        ({"date_of_birth": "1970-02-30"}, "date_of_birth", "Not a date."),
        ({"date_of_birth": "2026-03-03"}, "date_of_birth", "Must not be in the future."),
        ({"discharge_date": "2026-02-26"}, "discharge_date", "Must not be before the surgery."),
        ({"discharge_date": "2029-01-01"}, "discharge_date", "Must be within 90 days"),
        ({"discharge_date": ""}, "discharge_date", "Please fill this in."),
        ({"procedure": ""}, "procedure", "Please choose one."),
        ({"procedure": "appendectomy"}, "procedure", "Please choose one."),
        ({"plan_template": "cervical_anterior"}, "plan_template", "There is no such template"),
        ({"levels": "L4/5, knee"}, "levels", "Write levels such as"),
        ({"side": "up"}, "side", "Please choose one."),
        ({"time_zone": "Mars/Base"}, "time_zone", "Not a known zone."),
        ({"locale": "xx"}, "locale", "Please choose one."),
        ({"phone": "020 7946"}, "phone", "With the country code"),
        ({"email": "not an address"}, "email", "Not an e-mail address."),
        ({"contact_mode": "phone", "phone": ""}, "phone", "a number is needed"),
        ({"external_value": "7", "external_system": ""}, "external_system", "Say whose"),
        ({"surgery_date": "", "plan": "publish"}, "surgery_date", "its date is needed"),
        ({"plan": "perhaps"}, "plan", "Please choose one."),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    app: Flask, clinic: ClinicWithStaff, app_context: None,
    changes: dict[str, str], field: str, message: str,
) -> None:  # fmt: skip
    answer = _register(signed_in(app, clinic), **({"name": "Typed Before"} | changes))
    assert answer.status_code == 422
    beside = re.search(rf'id="{field}-problem">(.*?)</p>', answer.text, re.DOTALL)
    assert beside is not None, answer.text
    assert message in beside[1]
    assert f'aria-describedby="{field}-problem' in answer.text or f"{field}-problem" in answer.text
    if "name" not in changes:
        assert 'value="Typed Before"' in answer.text
    assert _count(Patient, clinic) == 0
    assert _count(EnrolmentCode, clinic) == 0


def test_a_known_number_is_refused_beside_its_field(
    app: Flask, clinic: ClinicWithStaff, app_context: None
) -> None:
    browser = signed_in(app, clinic)
    assert _register(browser, external_value="7").status_code == 303
    answer = _register(browser, external_value="7", name="Other Person")
    assert answer.status_code == 409
    assert "Another patient already has this number." in answer.text
    assert 'value="Other Person"' in answer.text
    assert _count(Patient, clinic) == 1


def test_a_coordinator_registers_but_does_not_publish(
    app: Flask, clinic: ClinicWithStaff, app_context: None
) -> None:
    browser = signed_in(app, clinic, "coordinator")
    assert 'value="publish"' not in browser.get("/patients/new").text
    refused = _register(browser, plan="publish")
    assert refused.status_code == 422
    assert "Only physiotherapists and surgeons publish plans." in refused.text
    assert _register(browser, plan="draft").status_code == 303


def test_the_form_begins_with_the_sites_zone(app: Flask, clinic: ClinicWithStaff) -> None:
    page = signed_in(app, clinic).get("/patients/new").text
    assert re.search(r'id="time_zone"[^>]*value="Europe/London"', page)


def test_whoever_is_called_needs_no_code(app: Flask, clinic: ClinicWithStaff) -> None:
    browser = signed_in(app, clinic)
    answer = _register(browser, contact_mode="phone")
    sheet = browser.get(answer.headers["Location"]).text
    assert CODE.search(sheet) is None
    assert "the clinic calls you" in sheet
