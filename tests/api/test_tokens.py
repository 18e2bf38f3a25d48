"""Tokens over HTTP: they rotate, a lost answer is given again, a thief ends the session.

Defects planted, each of which turned a test here red: SessionExpired raised inside the
transaction (the revocation was undone, the thief's token went on working);
`device_seen` left out; `sign_out` without `retire_push`.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from recovery_service.api import tokens
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.tokens import Token
from recovery_service.models import AuditEvent, Destination, Device
from recovery_service.services.tokens import issue_tokens, revoke_families
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, issuer, make_patient
from tests.phones import Phone, RecordedLog, code_of, phone_with, pointers


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff) -> PatientAtHome:
    with app.app_context():
        return make_patient(clinic, now=MONDAY)


@pytest.fixture
def first(app: Flask, patient: PatientAtHome) -> dict[str, Any]:
    """Return the pair that a phone got when it enrolled."""
    with app.app_context(), transaction(patient.clinic_id) as session:
        pair = issue_tokens(
            session, issuer(), patient.clinic_id, now=MONDAY,
            patient_id=patient.id, device_id=patient.device_id,
        )  # fmt: skip
    return {"access_token": pair.access_token, "refresh_token": pair.refresh_token}


def refresh(app: Flask, tokens: dict[str, Any]) -> Any:
    body = {"refresh_token": tokens["refresh_token"]}
    return Phone(app).call("POST", "/tokens/refresh", body)


def test_a_refresh_token_rotates(app: Flask, first: dict[str, Any], clock: ManualClock) -> None:
    clock.advance(timedelta(minutes=10))
    assert code_of(phone_with(app, first).get("/me")) == "session_expired"
    second = refresh(app, first)
    assert second.status_code == 200
    assert set(second.get_json()) == {"access_token", "expires_in", "refresh_token"}
    assert second.get_json()["refresh_token"] != first["refresh_token"]
    assert phone_with(app, second.get_json()).get("/me").status_code == 200


def test_a_lost_answer_is_given_again(
    app: Flask, first: dict[str, Any], clock: ManualClock
) -> None:
    second = refresh(app, first).get_json()
    clock.advance(timedelta(seconds=60))
    assert refresh(app, first).get_json() == second
    assert phone_with(app, second).get("/me").status_code == 200


def test_a_token_that_comes_back_late_ends_the_session(
    app: Flask, first: dict[str, Any], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = refresh(app, first).get_json()
    clock.advance(timedelta(seconds=61))
    log = RecordedLog()
    monkeypatch.setattr(tokens, "log", log)
    reused = refresh(app, first)
    assert (reused.status_code, code_of(reused)) == (401, "session_expired")
    assert log.lines == [{"event": "refresh_token_reused"}]
    assert code_of(phone_with(app, second).get("/me")) == "session_expired"
    assert code_of(refresh(app, second)) == "session_expired"


def test_a_grandparent_ends_the_session_even_at_once(app: Flask, first: dict[str, Any]) -> None:
    second = refresh(app, first).get_json()
    third = refresh(app, second).get_json()
    assert code_of(refresh(app, first)) == "session_expired"
    assert code_of(phone_with(app, third).get("/me")) == "session_expired"


def test_two_refreshes_at_once_get_one_pair(app: Flask, first: dict[str, Any]) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: refresh(app, first), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.get_json()["refresh_token"] for answer in answers}) == 1


def test_sixty_idle_days_end_it(app: Flask, first: dict[str, Any], clock: ManualClock) -> None:
    clock.advance(timedelta(days=60))
    assert code_of(refresh(app, first)) == "session_expired"


def test_a_refresh_says_that_the_device_was_here(
    app: Flask, patient: PatientAtHome, first: dict[str, Any], clock: ManualClock
) -> None:
    later = clock.advance(timedelta(days=3))
    refresh(app, first)
    with app.app_context(), transaction(patient.clinic_id) as session:
        device = session.get_one(Device, (patient.clinic_id, patient.device_id))
        assert device.last_seen_at == later


def test_access_that_ended_for_good_says_so(
    app: Flask, patient: PatientAtHome, first: dict[str, Any]
) -> None:
    with app.app_context(), transaction(patient.clinic_id) as session:
        revoke_families(
            session, patient.clinic_id, reason="access_ended", now=MONDAY, patient_id=patient.id
        )
    for answer in (refresh(app, first), phone_with(app, first).get("/me")):
        assert (answer.status_code, code_of(answer)) == (401, "access_ended")


@pytest.mark.parametrize("text", ["x", "." * 66, "a" * 200, "é"])
def test_what_is_no_refresh_token_is_a_401(app: Flask, text: str) -> None:
    answer = refresh(app, {"refresh_token": text})
    assert (answer.status_code, code_of(answer)) == (401, "session_expired")


def test_a_forged_clinic_finds_nothing(
    app: Flask, first: dict[str, Any], other_clinic: ClinicWithStaff
) -> None:
    forged = Token(other_clinic.id, Token.parse(first["refresh_token"]).secret)
    assert code_of(refresh(app, {"refresh_token": forged.text})) == "session_expired"
    assert refresh(app, first).status_code == 200


def test_an_access_token_does_not_refresh(app: Flask, first: dict[str, Any]) -> None:
    answer = refresh(app, {"refresh_token": first["access_token"]})
    assert code_of(answer) == "session_expired"
    assert code_of(phone_with(app, {"access_token": first["refresh_token"]}).get("/me")) == (
        "session_expired"
    )


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/refresh_token"),
        ({"refresh_token": 1}, "/refresh_token"),
        ({"refresh_token": ""}, "/refresh_token"),
        ({"refresh_token": "a" * 201}, "/refresh_token"),
        ({"refresh_token": "a", "grant": "x"}, "/grant"),
    ],
)
def test_bad_input_is_named(app: Flask, body: Any, pointer: str) -> None:
    refused = Phone(app).call("POST", "/tokens/refresh", body)
    assert (refused.status_code, pointers(refused)) == (422, {pointer})


def test_logging_out_ends_the_session_and_its_pushes(
    app: Flask, patient: PatientAtHome, first: dict[str, Any]
) -> None:
    phone = phone_with(app, first)
    answer = phone.call("DELETE", "/tokens/current")
    assert (answer.status_code, answer.data) == (204, b"")
    assert code_of(phone.get("/me")) == "session_expired"
    assert code_of(refresh(app, first)) == "session_expired"
    with app.app_context(), transaction(patient.clinic_id) as session:
        retired = {
            each.channel: each.retired_reason
            for each in session.query(Destination).filter_by(patient_id=patient.id)
        }
        events = list(session.scalars(select(AuditEvent.action)))
    assert retired == {"inbox": None, "webpush": "signed_out"}
    assert events == ["patient_signed_out"]


def test_staff_log_out_as_well(app: Flask, clinic: ClinicWithStaff) -> None:
    with app.app_context():
        staff = Phone(app, clinic.bearer())
    assert staff.call("DELETE", "/tokens/current").status_code == 204
    assert code_of(staff.call("DELETE", "/tokens/current")) == "session_expired"


def test_nobody_logs_out_without_a_token(app: Flask) -> None:
    answer = Phone(app).call("DELETE", "/tokens/current")
    assert (answer.status_code, code_of(answer)) == (401, "not_authenticated")
