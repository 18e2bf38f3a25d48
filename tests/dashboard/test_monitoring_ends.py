"""The end of monitoring is said on the page, to the patient, and what goes on goes on."""

from datetime import date

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Episode
from tests.calls import Caller
from tests.dashboard.browser import signed_in
from tests.factories import ClinicWithStaff, make_patient


def test_after_its_last_day_page_and_phone_say_that_nobody_looks(
    app: Flask, app_context: None, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = make_patient(clinic, now=clock())
    browser, phone = signed_in(app, clinic), Caller(client, patient.bearer)
    page = browser.get(f"/patients/{patient.id}").text
    assert "Until " in page
    assert "No longer" not in page
    assert phone("GET", "/me").json["monitoring"]["state"] != "not_monitored"
    with transaction(clinic.id) as session:
        session.execute(update(Episode).values(monitored_until=date(2026, 3, 1)))
    page = browser.get(f"/patients/{patient.id}").text
    assert "No longer" in page
    assert "questionnaires and follow-ups go on" in page
    assert phone("GET", "/me").json["monitoring"]["state"] == "not_monitored"
    assert phone("GET", "/me/questionnaires").status_code == 200
    assert phone("GET", "/me/appointments").status_code == 200
