"""Enrolling a phone: one code, one phone, and nothing told to who guesses.

Defects planted, each of which turned the test named after it red: raising instead of
returning the refusal (the count of wrong dates was undone with the transaction);
`with_for_update` removed (two phones got in); the directory entry of a revoked code
kept together with its `revoked_at` unread (an old code let a phone in); the upsert's
`where` removed (a device changed hands); `count_attempt` removed (nobody was stopped).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select, update

from recovery_service.api import enrolments
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.extensions import parts
from recovery_service.models import (
    AttemptBucket,
    AuditEvent,
    Consent,
    Destination,
    Device,
    EnrolmentCode,
    Episode,
)
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.phones import (
    Phone,
    RecordedLog,
    code_of,
    enrolment,
    new_code,
    phone_of,
    phone_with,
    pointers,
)

DAY = timedelta(days=1)


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


def rows(app: Flask, patient: PatientAtHome, model: Any) -> list[Any]:
    with app.app_context(), transaction(patient.clinic_id) as session:
        return list(session.scalars(select(model).where(model.patient_id == patient.id)))


def enrol(app: Flask, body: dict[str, Any]) -> Any:
    return Phone(app).call("POST", "/enrolments", body)


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


def test_a_used_code_is_a_conflict(app: Flask, patient: PatientAtHome) -> None:
    code = new_code(app, patient)
    assert enrol(app, enrolment(code)).status_code == 201
    again = enrol(app, enrolment(code))
    assert (again.status_code, code_of(again)) == (409, "enrolment_code_used")
    assert len(rows(app, patient, Device)) == 1


def test_a_wrong_code_and_a_wrong_birth_date_have_one_answer(
    app: Flask, patient: PatientAtHome
) -> None:
    wrong_date = enrol(app, enrolment(new_code(app, patient), born="1970-01-02"))
    wrong_code = enrol(app, enrolment("0000-0000"))
    assert wrong_date.status_code == wrong_code.status_code == 422
    told = [each.get_json(force=True) for each in (wrong_date, wrong_code)]
    for problem in told:
        del problem["request_id"]
    assert told[0] == told[1]
    assert pointers(wrong_date) == {"/code", "/date_of_birth"}
    assert rows(app, patient, Device) == []


def test_five_wrong_birth_dates_lock_the_code(app: Flask, patient: PatientAtHome) -> None:
    code = new_code(app, patient)
    for _ in range(5):
        assert code_of(enrol(app, enrolment(code, born="1970-01-02"))) == "enrolment_code_invalid"
    locked = enrol(app, enrolment(code))
    assert (locked.status_code, code_of(locked)) == (409, "enrolment_code_locked")
    assert rows(app, patient, Device) == []
    (stored,) = rows(app, patient, EnrolmentCode)
    assert stored.failed_tries == 5
    refused = [
        each for each in rows(app, patient, AuditEvent) if each.action == "enrolment_refused"
    ]
    assert len(refused) == 5


def test_four_wrong_birth_dates_do_not(app: Flask, patient: PatientAtHome) -> None:
    code = new_code(app, patient)
    for _ in range(4):
        enrol(app, enrolment(code, born="1970-01-02"))
    assert enrol(app, enrolment(code)).status_code == 201


@pytest.mark.parametrize(
    ("discharge", "last"),
    [
        # Discharge on 1 March; the seventh day after it is 8 March, but seven days from
        # now, Monday the 2nd at nine, is later still.
        (date(2026, 3, 1), datetime(2026, 3, 9, 9, 0, tzinfo=UTC)),
        # In London 28 March is the eve of summer time; the day after the seventh is 5 April.
        (date(2026, 3, 28), datetime(2026, 4, 4, 23, 0, tzinfo=UTC)),
    ],
)
def test_a_code_lives_until_seven_days_after_discharge(
    app: Flask, clinic: ClinicWithStaff, clock: ManualClock, discharge: date, last: datetime
) -> None:
    with app.app_context():
        patient = make_patient(clinic, now=MONDAY, phone=False, discharge_date=discharge)
    code = new_code(app, patient)
    clock.set(last)
    expired = enrol(app, enrolment(code))
    assert (expired.status_code, code_of(expired)) == (409, "enrolment_code_expired")
    clock.set(last - timedelta(seconds=1))
    assert enrol(app, enrolment(code)).status_code == 201


def test_a_new_code_ends_the_old_one_but_not_the_old_phone(
    app: Flask, patient: PatientAtHome
) -> None:
    old = new_code(app, patient)
    first = enrol(app, enrolment(old)).get_json()
    unused, newest = new_code(app, patient), new_code(app, patient)
    assert code_of(enrol(app, enrolment(unused))) == "enrolment_code_invalid"
    assert enrol(app, enrolment(newest)).status_code == 201
    assert phone_with(app, first).get("/me").status_code == 200


def test_a_revoked_code_is_refused_even_where_the_directory_still_knows_it(
    app: Flask, patient: PatientAtHome
) -> None:
    code = new_code(app, patient)
    with app.app_context(), transaction(patient.clinic_id) as session:
        session.execute(update(EnrolmentCode).values(revoked_at=MONDAY))
    assert code_of(enrol(app, enrolment(code))) == "enrolment_code_invalid"


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


def test_who_tries_codes_has_to_wait(
    app: Flask, patient: PatientAtHome, clock: ManualClock
) -> None:
    code = new_code(app, patient)
    for _ in range(30):
        assert enrol(app, enrolment("0000-0000")).status_code == 422
    stopped = enrol(app, enrolment(code))
    assert (stopped.status_code, code_of(stopped)) == (429, "too_many_requests")
    assert 0 < int(stopped.headers["Retry-After"]) <= 900
    elsewhere = app.test_client().post(
        "/api/v1/enrolments",
        json=enrolment("0000-0001"),
        environ_base={"REMOTE_ADDR": "2001:db8::1"},
    )
    assert elsewhere.status_code == 422
    clock.advance(timedelta(minutes=15))
    assert enrol(app, enrolment(code)).status_code == 201


def test_addresses_of_one_ipv6_subscriber_count_together(app: Flask) -> None:
    def from_address(address: str) -> int:
        return (
            app.test_client()
            .post(
                "/api/v1/enrolments",
                json=enrolment(f"0000-{uuid4().hex[:4]}"),
                environ_base={"REMOTE_ADDR": address},
            )
            .status_code
        )

    for number in range(30):
        assert from_address(f"2001:db8::{number:x}") == 422
    assert from_address("2001:db8::ffff") == 429
    assert from_address("2001:db8:0:1::1") == 422


def test_a_code_leads_to_its_own_clinic_only(
    app: Flask, patient: PatientAtHome, other_clinic: ClinicWithStaff
) -> None:
    with app.app_context():
        stranger = make_patient(other_clinic, now=MONDAY, phone=False)
    tokens = enrol(app, enrolment(new_code(app, stranger))).get_json()
    assert tokens["patient"]["id"] == str(stranger.id)
    assert rows(app, patient, Device) == []


def test_nobody_enrols_after_the_episode_has_ended(app: Flask, patient: PatientAtHome) -> None:
    code = new_code(app, patient)
    with app.app_context(), transaction(patient.clinic_id) as session:
        session.execute(
            update(Episode).values(
                state="ended", end_reason="completed", ended_on=date(2026, 3, 2), ended_at=MONDAY
            )
        )
    assert code_of(enrol(app, enrolment(code))) == "enrolment_code_expired"


def test_the_devices_zone_does_not_become_the_patients(app: Flask, patient: PatientAtHome) -> None:
    tokens = enrol(app, enrolment(new_code(app, patient), time_zone="Pacific/Auckland")).get_json()
    me = phone_with(app, tokens).get("/me").get_json()
    assert me["profile"]["time_zone"] == "Europe/London"
    assert me["zone_suggestion"] == "Pacific/Auckland"


def without(body: dict[str, Any], *path: str) -> dict[str, Any]:
    inner = body
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return body


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda body: without(body, "code"), "/code"),
        (lambda body: without(body, "consents"), "/consents"),
        (lambda body: without(body, "device", "id"), "/device/id"),
        (lambda body: body | {"role": "admin"}, "/role"),
        (lambda body: body | {"code": 7}, "/code"),
        (lambda body: body | {"date_of_birth": "1970-02-30"}, "/date_of_birth"),
        (lambda body: body | {"date_of_birth": "01.01.1970"}, "/date_of_birth"),
        (lambda body: body | {"device": body["device"] | {"id": "7"}}, "/device/id"),
        (
            lambda body: body | {"device": body["device"] | {"time_zone": "Mars/Olympus"}},
            "/device/time_zone",
        ),
        (lambda body: body | {"device": body["device"] | {"locale": "??"}}, "/device/locale"),
        (
            lambda body: body | {"device": body["device"] | {"patient_id": "x"}},
            "/device/patient_id",
        ),
        (lambda body: body | {"consents": [{"document": "privacy"}]}, "/consents/0/version"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(
    app: Flask, patient: PatientAtHome, change: Any, pointer: str
) -> None:
    refused = enrol(app, change(enrolment(new_code(app, patient))))
    assert refused.status_code == 422
    assert pointers(refused) == {pointer}
    assert rows(app, patient, Device) == []


def test_an_unknown_query_argument_is_refused(app: Flask, patient: PatientAtHome) -> None:
    refused = Phone(app).call("POST", "/enrolments?debug=1", enrolment(new_code(app, patient)))
    assert (refused.status_code, pointers(refused)) == (422, {"?debug"})


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
