"""Who does not get in by a code, and is told nothing to guess by.

Defects planted, each seen red here: the refusal raised instead of returned (the count of
wrong dates was undone with the transaction); `revoked_at` unread; the attempts not
counted; every address of an IPv6 subscriber counted alone.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import (
    AttemptBucket,
    AuditEvent,
    Device,
    EnrolmentCode,
    Episode,
)
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.phones import (
    Phone,
    code_of,
    enrol,
    enrolment,
    new_code,
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


def test_a_revoked_code_is_refused_even_where_the_directory_still_knows_it(
    app: Flask, patient: PatientAtHome
) -> None:
    code = new_code(app, patient)
    with app.app_context(), transaction(patient.clinic_id) as session:
        session.execute(update(EnrolmentCode).values(revoked_at=MONDAY))
    assert code_of(enrol(app, enrolment(code))) == "enrolment_code_invalid"


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


def test_nobody_enrols_after_the_episode_has_ended(app: Flask, patient: PatientAtHome) -> None:
    code = new_code(app, patient)
    with app.app_context(), transaction(patient.clinic_id) as session:
        session.execute(
            update(Episode).values(
                state="ended", end_reason="completed", ended_on=date(2026, 3, 2), ended_at=MONDAY
            )
        )
    assert code_of(enrol(app, enrolment(code))) == "enrolment_code_expired"


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
