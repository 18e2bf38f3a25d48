"""What could not be taken as a check-in, on a patient's page: read there, and then gone from it.

Planted: the page of a patient whose phone sent no object failed; a stranger's report was seen
through this patient's page.
"""

from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import RejectedReport
from tests.conventions.objects import rejected_report
from tests.dashboard.browser import Browser, signed_in
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    with app.app_context():
        return make_patient(clinic, now=clock())


@pytest.fixture
def browser(app: Flask, clinic: ClinicWithStaff) -> Browser:
    return signed_in(app, clinic)


def stored(app: Flask, patient: PatientAtHome, clock: ManualClock, payload: Any) -> UUID:
    with app.app_context():
        report = rejected_report(patient, now=clock())
        with transaction(patient.clinic_id) as session:
            session.get_one(RejectedReport, (patient.clinic_id, report)).payload = payload
        return report


def test_it_is_read_on_the_page_and_then_gone_from_it(
    app: Flask, browser: Browser, patient: PatientAtHome, clock: ManualClock
) -> None:
    sent = {"answers": {"nrs_back": 11}, "note": "It hurts <b>a lot</b>."}
    report = stored(app, patient, clock, sent)
    page = f"/patients/{patient.id}"
    shown = browser.get(page).text
    assert "Could not be read as a check-in" in shown
    assert "nrs_back <strong>11</strong>" in shown
    assert "It hurts &lt;b&gt;a lot&lt;/b&gt;." in shown
    answer = browser.send(f"{page}/rejected-reports/{report}/seen", {}, shown_on=page)
    assert answer.status_code == 303
    assert "Could not be read as a check-in" not in browser.get(page).text


@pytest.mark.parametrize("payload", [None, [1], {}, {"answers": [1], "note": 2}])
def test_the_page_stands_whatever_a_phone_has_sent(
    app: Flask, browser: Browser, patient: PatientAtHome, clock: ManualClock, payload: Any
) -> None:
    stored(app, patient, clock, payload)
    answer = browser.get(f"/patients/{patient.id}")
    assert answer.status_code == 200
    assert "Could not be read as a check-in" in answer.text


def test_anothers_report_is_not_to_be_had_through_this_page(
    app: Flask, clinic: ClinicWithStaff, browser: Browser, patient: PatientAtHome,
    clock: ManualClock,
) -> None:  # fmt: skip
    report = stored(app, patient, clock, {})
    with app.app_context():
        other = make_patient(clinic, now=clock())
    page = f"/patients/{patient.id}"
    for path in (
        f"/patients/{other.id}/rejected-reports/{report}",
        f"{page}/rejected-reports/{uuid4()}",
    ):
        assert browser.send(f"{path}/seen", {}, shown_on=page).status_code == 404
