"""Messages on a patient's page: the thread, the reply, and that looking is reading."""

import re

import pytest
from flask import Flask
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Message, MessageThread
from tests.calls import Caller
from tests.dashboard.browser import Browser, signed_in
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    with app.app_context():
        return make_patient(clinic, now=clock())


@pytest.fixture
def browser(app: Flask, clinic: ClinicWithStaff) -> Browser:
    return signed_in(app, clinic)


def write(app: Flask, patient: PatientAtHome, text: str) -> None:
    with app.app_context():
        me = Caller(app.test_client(), patient.bearer)
        body = {"id": "5b1e6c1e-7f0c-4a55-9d52-0d1c0a6e7a10", "text": text}
        assert me("POST", "/me/messages", json=body).status_code == 201


def read_to(app: Flask, patient: PatientAtHome) -> int:
    with app.app_context(), transaction(patient.clinic_id) as session:
        return session.scalars(select(MessageThread.staff_read)).one()


def test_looking_is_reading_and_what_was_written_is_no_markup(
    app: Flask, browser: Browser, patient: PatientAtHome
) -> None:
    write(app, patient, "May I <b>drive</b>?")
    assert read_to(app, patient) == 0
    first = browser.get(f"/patients/{patient.id}").text
    assert "May I &lt;b&gt;drive&lt;/b&gt;?" in first
    assert ">New<" in first
    assert read_to(app, patient) == 1
    assert ">New<" not in browser.get(f"/patients/{patient.id}").text


def test_a_reply_sent_twice_is_one_message(
    app: Flask, browser: Browser, patient: PatientAtHome
) -> None:
    page = f"/patients/{patient.id}"
    (key,) = re.findall(r'name="id" value="([0-9a-f-]{36})"', browser.get(page).text)

    def reply(text: str) -> dict[str, str]:
        return {"id": key, "text": text}

    for _ in range(2):
        assert (
            browser.send(f"{page}/messages", reply("Yes, you may."), shown_on=page).status_code
            == 303
        )
    with app.app_context(), transaction(patient.clinic_id) as session:
        assert session.scalars(select(Message.text)).all() == ["Yes, you may."]
    assert "Yes, you may." in browser.get(page).text
    refused = browser.send(f"{page}/messages", reply(" "), shown_on=page)
    assert refused.status_code == 422
