"""Enrolling a phone: one code, one phone.

Defects planted, each seen red here: the code's row not locked (two phones got in); the
upsert's `where` removed (a device changed hands); the device's name logged.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from recovery_service.api import enrolments
from recovery_service.database import transaction
from recovery_service.extensions import parts
from recovery_service.models import (
    AttemptBucket,
    AuditEvent,
    Consent,
    Destination,
    Device,
    EnrolmentCode,
)
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.phones import (
    Phone,
    RecordedLog,
    code_of,
    enrol,
    enrolment,
    new_code,
    phone_of,
    phone_with,
    pointers,
    rows,
)


@pytest.fixture(autouse=True)
def forgotten_attempts(app: Flask) -> Iterator[None]:
    """All tests call from one address; let each begin without a past."""
    yield
    with app.app_context(), transaction() as session:
        session.query(AttemptBucket).delete()


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff) -> PatientAtHome:
    with app.app_context():
        return make_patient(clinic, now=MONDAY, phone=False, name="Canary Patient")


def test_a_code_lets_one_phone_in(app: Flask, patient: PatientAtHome) -> None:
    body = enrolment(new_code(app, patient))
    answer = enrol(app, body)
    assert answer.status_code == 201
    tokens = answer.get_json()
    assert set(tokens) == {"access_token", "expires_in", "refresh_token", "patient"}
    assert tokens["expires_in"] == 600
    assert tokens["patient"]["id"] == str(patient.id)
    assert tokens["patient"]["time_zone"] == "Europe/London"
    me = phone_with(app, tokens).get("/me")
    assert me.status_code == 200
    assert me.get_json()["profile"]["name"] == "Canary Patient"


def test_enrolling_leaves_device_inbox_consent_and_a_line_of_audit(
    app: Flask, patient: PatientAtHome
) -> None:
    body = enrolment(new_code(app, patient), public_key="a public key")
    enrol(app, body)
    (device,) = rows(app, patient, Device)
    assert (str(device.id), device.public_key) == (body["device"]["id"], "a public key")
    (inbox,) = rows(app, patient, Destination)
    assert (inbox.channel, inbox.device_id) == ("inbox", None)
    (consent,) = rows(app, patient, Consent)
    assert (consent.document, consent.document_version) == ("privacy", "1")
    assert consent.given_at == MONDAY
    (event,) = rows(app, patient, AuditEvent)
    assert (event.action, event.actor_kind, event.actor_id) == (
        "enrolment_code_redeemed",
        "patient",
        patient.id,
    )


@pytest.mark.parametrize("typed", ["{}", " {} ", "lower", "no dash"])
def test_a_code_may_be_typed_as_people_type(app: Flask, patient: PatientAtHome, typed: str) -> None:
    code = new_code(app, patient)
    written = {"lower": code.lower(), "no dash": code.replace("-", "")}
    body = enrolment(written.get(typed, typed.format(code)))
    assert enrol(app, body).status_code == 201


def test_a_new_code_ends_the_old_one_but_not_the_old_phone(
    app: Flask, patient: PatientAtHome
) -> None:
    old = new_code(app, patient)
    first = enrol(app, enrolment(old)).get_json()
    unused, newest = new_code(app, patient), new_code(app, patient)
    assert code_of(enrol(app, enrolment(unused))) == "enrolment_code_invalid"
    assert enrol(app, enrolment(newest)).status_code == 201
    assert phone_with(app, first).get("/me").status_code == 200


def test_a_lost_phone_ends_at_once(app: Flask, patient: PatientAtHome) -> None:
    first = enrol(app, enrolment(new_code(app, patient))).get_json()
    new_code(app, patient, lost_device=True)
    lost = phone_with(app, first).get("/me")
    assert (lost.status_code, code_of(lost)) == (401, "session_expired")
    refreshed = Phone(app).call(
        "POST", "/tokens/refresh", {"refresh_token": first["refresh_token"]}
    )
    assert code_of(refreshed) == "session_expired"
    (device,) = rows(app, patient, Device)
    assert device.revoked_at == MONDAY
    assert [each.channel for each in rows(app, patient, Destination) if not each.retired_at] == [
        "inbox"
    ]


def test_a_lost_phones_push_destination_is_retired(app: Flask, clinic: ClinicWithStaff) -> None:
    with app.app_context():
        patient = make_patient(clinic, now=MONDAY)
    new_code(app, patient, lost_device=True)
    push = {each.channel: each for each in rows(app, patient, Destination)}["webpush"]
    assert (push.retired_at, push.retired_reason) == (MONDAY, "lost")


def test_the_same_phone_enrols_again_and_its_old_session_ends(
    app: Flask, patient: PatientAtHome
) -> None:
    body = enrolment(new_code(app, patient))
    first = enrol(app, body).get_json()
    again = body | {"code": new_code(app, patient)}
    again["device"] = body["device"] | {"name": "Renamed"}
    second = enrol(app, again)
    assert second.status_code == 201
    assert code_of(phone_with(app, first).get("/me")) == "session_expired"
    assert phone_with(app, second.get_json()).get("/me").status_code == 200
    (device,) = rows(app, patient, Device)
    assert device.name == "Renamed"
    assert len(rows(app, patient, Destination)) == len(rows(app, patient, Consent)) == 1


def test_a_device_id_of_another_patient_is_a_conflict_and_uses_nothing_up(
    app: Flask, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    with app.app_context():
        neighbour = make_patient(clinic, now=MONDAY)
    code = new_code(app, patient)
    taken = enrol(app, enrolment(code, id=str(neighbour.device_id)))
    assert (taken.status_code, code_of(taken)) == (409, "device_id_taken")
    assert pointers(taken) == {"/device/id"}
    assert phone_of(app, neighbour).get("/me").status_code == 200
    assert enrol(app, enrolment(code)).status_code == 201


def test_of_two_phones_with_one_code_one_gets_in(app: Flask, patient: PatientAtHome) -> None:
    code = new_code(app, patient)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: enrol(app, enrolment(code)), range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert len(rows(app, patient, Device)) == 1


def test_a_code_leads_to_its_own_clinic_only(
    app: Flask, patient: PatientAtHome, other_clinic: ClinicWithStaff
) -> None:
    with app.app_context():
        stranger = make_patient(other_clinic, now=MONDAY, phone=False)
    tokens = enrol(app, enrolment(new_code(app, stranger))).get_json()
    assert tokens["patient"]["id"] == str(stranger.id)
    assert rows(app, patient, Device) == []


def test_the_devices_zone_does_not_become_the_patients(app: Flask, patient: PatientAtHome) -> None:
    tokens = enrol(app, enrolment(new_code(app, patient), time_zone="Pacific/Auckland")).get_json()
    me = phone_with(app, tokens).get("/me").get_json()
    assert me["profile"]["time_zone"] == "Europe/London"
    assert me["zone_suggestion"] == "Pacific/Auckland"


def test_the_code_is_kept_as_a_keyed_hash_only(app: Flask, patient: PatientAtHome) -> None:
    code = new_code(app, patient)
    (stored,) = rows(app, patient, EnrolmentCode)
    with app.app_context():
        assert stored.code_hash == parts().keys.enrolment_code(code)
    assert code.replace("-", "").encode() not in stored.code_hash


def test_enrolling_logs_identifiers_only(
    app: Flask, patient: PatientAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = new_code(app, patient)
    log = RecordedLog()
    monkeypatch.setattr(enrolments, "log", log)
    enrol(app, enrolment(code, born="1970-01-02"))
    enrol(app, enrolment(code))
    assert log.events == ["device_enrolled"]
    for canary in ("Canary", "1970", code, code.replace("-", ""), "My phone"):
        assert canary not in str(log.lines)
