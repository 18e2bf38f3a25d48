"""Alerts on a patient's page: what was found, by when, and the two buttons.

Defects planted, each seen red: an alert of another patient closed through this one's page; a
coordinator closing an emergency.
"""

from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Alert, AlertEvent
from tests.dashboard.browser import Browser, signed_in
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.reports import report


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    with app.app_context():
        return make_patient(clinic, now=clock())


@pytest.fixture
def browser(app: Flask, clinic: ClinicWithStaff) -> Browser:
    return signed_in(app, clinic)


def told(app: Flask, patient: PatientAtHome, clock: ManualClock, **answers: Any) -> UUID:
    """Report something and return its alert."""
    with app.app_context():
        (advised,) = report(patient, now=clock(), **answers).verdict.advised
    return advised.alert_id


def standing(app: Flask, patient: PatientAtHome) -> list[tuple[str, str | None]]:
    with app.app_context(), transaction(patient.clinic_id) as session:
        rows = session.scalars(select(Alert).order_by(Alert.raised_at))
        return [(alert.state, alert.resolution) for alert in rows]


def test_the_page_says_what_was_found_and_by_when_somebody_looks(
    app: Flask, browser: Browser, patient: PatientAtHome, clock: ManualClock
) -> None:
    page = f"/patients/{patient.id}"
    assert "Needs a look" not in browser.get(page).text
    told(app, patient, clock, saddle_numb=True)
    text = browser.get(page).text
    for words in ("Needs a look", "Numbness between the legs", "Emergency", "Numb between the legs",
                  "to be looked at by 2 Mar 2026, 10:00"):  # fmt: skip
        assert words in text


def test_it_is_seen_and_closed_with_its_reason(
    app: Flask, browser: Browser, patient: PatientAtHome, clock: ManualClock
) -> None:
    alert = told(app, patient, clock, calf="left")
    page = f"/patients/{patient.id}"
    here = {"shown_on": page}
    assert browser.send(f"{page}/alerts/{alert}/acknowledge", {}, **here).status_code == 303
    assert "Test Physiotherapist looks at it" in browser.get(page).text
    form = {"resolution": "seen_in_clinic", "note": "  No clot. "}
    assert browser.send(f"{page}/alerts/{alert}/resolve", form, **here).status_code == 303
    assert "Needs a look" not in browser.get(page).text
    assert standing(app, patient) == [("resolved", "seen_in_clinic")]
    with app.app_context(), transaction(patient.clinic_id) as session:
        notes = session.scalars(select(AlertEvent.note).where(AlertEvent.kind == "resolved"))
        assert notes.all() == ["No clot."]
    late = browser.post(f"{page}/alerts/{alert}/acknowledge", {"csrf_token": "x"})
    assert late.status_code == 403


def test_without_a_reason_it_stays_and_the_page_says_why(
    app: Flask, browser: Browser, patient: PatientAtHome, clock: ManualClock
) -> None:
    alert = told(app, patient, clock, calf="left")
    page = f"/patients/{patient.id}"
    answer = browser.send(f"{page}/alerts/{alert}/resolve", {"resolution": "x"}, shown_on=page)
    assert answer.status_code == 422
    assert "Choose how it ended." in answer.text
    assert standing(app, patient) == [("open", None)]


def test_a_coordinator_does_not_close_an_emergency(
    app: Flask, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    alert = told(app, patient, clock, saddle_numb=True)
    page = f"/patients/{patient.id}"
    coordinator = signed_in(app, clinic, "coordinator")
    answer = coordinator.send(
        f"{page}/alerts/{alert}/resolve", {"resolution": "advised"}, shown_on=page
    )
    assert answer.status_code == 403
    assert "Only a physiotherapist or a surgeon" in answer.text
    assert standing(app, patient) == [("open", None)]


def test_anothers_alert_is_not_to_be_had_through_this_page(
    app: Flask, clinic: ClinicWithStaff, browser: Browser, patient: PatientAtHome,
    clock: ManualClock,
) -> None:  # fmt: skip
    alert = told(app, patient, clock, calf="left")
    with app.app_context():
        other = make_patient(clinic, now=clock())
    page = f"/patients/{patient.id}"
    for path in (f"/patients/{other.id}/alerts/{alert}", f"{page}/alerts/{uuid4()}"):
        assert browser.send(f"{path}/acknowledge", {}, shown_on=page).status_code == 404
    assert standing(app, patient) == [("open", None)]
