"""A POST that is repeated does nothing and is told what the first was told.

Planted, each seen red: the key written after the commit; a replay given before the object is
looked up again; what failed kept; another body or address let through; a key that two people
share; an answer that is not encrypted; a lock that is not taken; an expiry not looked at.
"""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier, Thread
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.serving import make_server

from recovery_service.api import repeats
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.models import AnsweredRequest, AuditEvent, Base, EnrolmentCode, Patient, Site
from recovery_service.services.answered_requests import keep_answer
from recovery_service.services.scope import patient_in_scope
from tests.api.test_content_approvals import People, approving, people, renewing, unread
from tests.api.test_patients import body
from tests.calls import Caller
from tests.conftest import MONDAY, running_app, settings_for
from tests.content_releases import another_word, release
from tests.factories import ClinicWithStaff, make_patient
from tests.phones import Phone, enrolment, phone_of

__all__ = ["unread"]
REPLAYED = "Idempotent-Replayed"
SITE = {"name": "North", "time_zone": "Europe/London", "country": "GB"}


@pytest.fixture
def staff(app_context: None, client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, lambda: clinic.bearer("coordinator"))


@pytest.fixture
def admin(app_context: None, client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, lambda: clinic.bearer("admin"))


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def count(clinic: ClinicWithStaff, table: type[Base], *which: Any) -> int:
    with transaction(clinic.id) as session:
        return session.scalar(select(func.count()).select_from(table).where(*which)) or 0


@pytest.mark.parametrize("header", [None, "", "  "])
def test_without_a_key_nothing_is_done(
    admin: Caller, clinic: ClinicWithStaff, header: str | None
) -> None:
    answer = admin("POST", "/sites", json=SITE, headers={"Idempotency-Key": header})
    assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_missing")
    assert answer.json["errors"][0]["pointer"] == "Idempotency-Key"
    assert count(clinic, Site) == 1


def test_a_key_that_is_none_is_named(admin: Caller) -> None:
    answer = admin("POST", "/sites", json=SITE, headers=keyed('"a", "b"'))
    assert (answer.status_code, answer.json["code"]) == (400, "malformed_header")
    assert answer.json["errors"][0]["pointer"] == "Idempotency-Key"


def test_a_repeat_is_answered_alike_and_does_nothing(
    admin: Caller, clinic: ClinicWithStaff
) -> None:
    key = str(uuid4())
    first = admin("POST", "/sites", json=SITE, headers=keyed(f'"{key}"'))
    # Written otherwise, it says the same; and the quotes do not belong to the key.
    again = admin("POST", "/sites", json=dict(reversed(SITE.items())), headers=keyed(key))
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.data, first.content_type) == (again.data, again.content_type)
    assert (first.headers.get(REPLAYED), again.headers[REPLAYED]) == (None, "true")
    assert count(clinic, Site) == 2


@pytest.mark.parametrize(
    ("path", "changes"), [("/sites", {"name": "South"}), ("/staff", {}), ("/sites", None)]
)
def test_a_key_stands_for_one_request(
    admin: Caller, clinic: ClinicWithStaff, path: str, changes: dict[str, str] | None
) -> None:
    key = keyed(str(uuid4()))
    assert admin("POST", "/sites", json=SITE, headers=key).status_code == 201
    other = None if changes is None else SITE | changes
    answer = admin("POST", path, json=other, headers=key)
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")
    assert answer.json["errors"][0]["pointer"] == "Idempotency-Key"
    assert (count(clinic, Site), count(clinic, AnsweredRequest)) == (2, 1)


def test_two_people_may_choose_the_same_key(
    app_context: None, client: FlaskClient, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff
) -> None:
    key = keyed("1")
    for somebody, role in ((clinic, "coordinator"), (clinic, "surgeon"), (other_clinic, "surgeon")):
        call = Caller(client, partial(somebody.bearer, role))
        answer = call("POST", "/patients", json=body(), headers=key)
        assert (answer.status_code, REPLAYED in answer.headers) == (201, False)
    assert count(clinic, Patient) == 2


def test_a_request_that_was_refused_leaves_its_key_free(
    admin: Caller, clinic: ClinicWithStaff
) -> None:
    key = keyed(str(uuid4()))
    wrong = admin("POST", "/sites", json=SITE | {"country": "nowhere"}, headers=key)
    assert wrong.status_code == 422
    right = admin("POST", "/sites", json=SITE, headers=key)
    assert (right.status_code, REPLAYED in right.headers) == (201, False)


def test_a_fault_of_ours_leaves_nothing_and_is_not_kept(
    admin: Caller, clinic: ClinicWithStaff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the view did is undone where its answer cannot be kept: they are one transaction."""
    key = keyed(str(uuid4()))

    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(repeats, "keep_answer", break_down)
        assert admin("POST", "/sites", json=SITE, headers=key).status_code == 500
    with monkeypatch.context() as broken:
        broken.setattr("recovery_service.api.sites.log.info", break_down)
        assert admin("POST", "/sites", json=SITE, headers=key).status_code == 500
    assert (count(clinic, Site), count(clinic, AnsweredRequest)) == (1, 0)
    assert admin("POST", "/sites", json=SITE, headers=key).status_code == 201
    assert (count(clinic, Site), count(clinic, AnsweredRequest)) == (2, 1)


def test_a_refusal_that_stands_with_what_was_done_is_repeated(
    app: Flask, app_context: None, client: FlaskClient, unread: ClinicWithStaff, clock: ManualClock
) -> None:
    """A lost phone is locked although no code can be made; the repeat locks no second one."""
    ask: People = people(client, unread)
    approving(ask)
    patient = make_patient(unread, now=clock())
    key = keyed(str(uuid4()))
    call, path = ask("coordinator"), f"/patients/{patient.id}/enrolment-codes"
    with release(app, another_word):
        first = call("POST", path, json={"lost_device": True}, headers=key)
    assert (first.status_code, first.json["code"]) == (409, "content_not_approved")
    phone = phone_of(app, patient)  # enrolled since
    again = call("POST", path, json={"lost_device": True}, headers=key)
    assert (again.status_code, again.data) == (409, first.data)
    assert again.headers[REPLAYED] == "true"
    assert phone.get("/me").status_code == 200
    assert renewing(ask, patient.id).status_code == 201


def test_a_repeat_is_given_only_to_who_may_still_ask(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff, admin: Caller, app_context: None
) -> None:
    key, bearer = keyed(str(uuid4())), clinic.bearer("surgeon")
    member = str(clinic.staff["surgeon"])
    sent: dict[str, Any] = {"json": body(), "headers": bearer | key}
    assert client.post("/api/v1/patients", **sent).status_code == 201
    assert client.post("/api/v1/patients", **sent).headers[REPLAYED] == "true"
    # No longer of a role that may register patients ...
    assert admin("PATCH", f"/staff/{member}", json={"roles": ["admin"]}).status_code == 200
    answer = client.post("/api/v1/patients", **sent)
    assert (answer.status_code, REPLAYED in answer.headers) == (403, False)
    # ... and no longer of the staff.
    assert admin("PATCH", f"/staff/{member}", json={"disabled": True}).status_code == 200
    answer = client.post("/api/v1/patients", **sent)
    assert (answer.status_code, REPLAYED in answer.headers) == (401, False)


def test_a_repeat_about_what_is_no_longer_there_to_see_is_not_given(
    clinic: ClinicWithStaff, staff: Caller, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient, key = make_patient(clinic, now=clock()), keyed(str(uuid4()))
    path = f"/patients/{patient.id}/enrolment-codes"
    assert staff("POST", path, json={}, headers=key).status_code == 201
    hidden = dict(repeats.IN_SCOPE)
    hidden["patient_id"] = lambda session, actor, _: patient_in_scope(session, actor, UUID(int=0))
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(repeats, "IN_SCOPE", hidden)
        assert staff("POST", path, json={}, headers=key).status_code == 404
    assert staff("POST", path, json={}, headers=key).headers[REPLAYED] == "true"


def test_who_looks_at_an_answer_again_is_traced(
    clinic: ClinicWithStaff, staff: Caller, clock: ManualClock
) -> None:
    patient, key = make_patient(clinic, now=clock()), keyed(str(uuid4()))
    for _ in range(2):
        staff("POST", f"/patients/{patient.id}/enrolment-codes", json={}, headers=key)
    about = AuditEvent.patient_id == patient.id
    assert count(clinic, AuditEvent, about, AuditEvent.action == "enrolment_code_made") == 1
    assert count(clinic, AuditEvent, about, AuditEvent.action == "answer_repeated") == 1


def test_a_code_is_shown_again_to_who_has_the_key_and_is_nowhere_in_clear(
    app: Flask, clinic: ClinicWithStaff, staff: Caller
) -> None:
    key = str(uuid4())
    first = staff("POST", "/patients", json=body(), headers=keyed(key))
    again = staff("POST", "/patients", json=body(), headers=keyed(key))
    code = first.json["enrolment_code"]
    assert code == again.json["enrolment_code"]
    assert count(clinic, EnrolmentCode) == 1
    with transaction(clinic.id) as session:
        row = session.scalars(select(AnsweredRequest)).one()
        stored = b"|".join([row.key_hash, row.request_hash, row.answer])
    for secret in (code, key, "Ada Testperson", "enrolment_code"):
        assert secret.encode() not in stored
    phone = enrolment(code) | {"date_of_birth": "1961-05-04"}
    assert Phone(app).call("POST", "/enrolments", phone).status_code == 201


def test_an_answer_that_was_moved_or_changed_is_not_given(
    clinic: ClinicWithStaff, admin: Caller
) -> None:
    """Whoever can write to the table cannot have one request answered as another."""
    keys = [keyed(str(uuid4())) for _ in range(2)]
    for number, key in enumerate(keys):
        admin("POST", "/sites", json=SITE | {"name": f"Site {number}"}, headers=key)
    with transaction(clinic.id) as session:
        one, other = session.scalars(select(AnsweredRequest))
        one.answer, other.answer = other.answer, one.answer
    for number, key in enumerate(keys):
        sent = SITE | {"name": f"Site {number}"}
        assert admin("POST", "/sites", json=sent, headers=key).status_code == 500


def test_an_answer_from_an_earlier_life_of_the_key_is_not_given(
    clinic: ClinicWithStaff, admin: Caller, clock: ManualClock
) -> None:
    """Planted: answers that are not bound to their request."""
    key, other = keyed(str(uuid4())), SITE | {"name": "South"}
    admin("POST", "/sites", json=SITE, headers=key)
    with transaction(clinic.id) as session:
        earlier = session.scalars(select(AnsweredRequest.answer)).one()
    clock.advance(timedelta(days=31))
    assert admin("POST", "/sites", json=other, headers=key).status_code == 201
    with transaction(clinic.id) as session:
        session.scalars(select(AnsweredRequest)).one().answer = earlier
    assert admin("POST", "/sites", json=other, headers=key).status_code == 500


def test_a_key_is_kept_for_thirty_days_and_free_again_afterwards(
    clinic: ClinicWithStaff, admin: Caller, clock: ManualClock
) -> None:
    """Also where no worker has taken it away yet."""
    key = keyed(str(uuid4()))
    for after, sites, replayed in ((0, 2, None), (30 * 86400 - 1, 2, "true"), (1, 3, None)):
        clock.advance(timedelta(seconds=after))
        answer = admin("POST", "/sites", json=SITE, headers=key)
        assert (answer.status_code, answer.headers.get(REPLAYED)) == (201, replayed)
        assert count(clinic, Site) == sites
    assert count(clinic, AnsweredRequest) == 1


@pytest.fixture
def two_processes(
    app: Flask, postgres: EmbeddedPostgres, shared_database: str
) -> Iterator[list[Flask]]:
    """Return two applications on one database, each with connections of its own."""
    with running_app(settings_for(postgres, shared_database), ManualClock(MONDAY)) as second:
        yield [app, second]


def test_of_twenty_alike_at_once_one_does_something(
    two_processes: list[Flask], clinic: ClinicWithStaff, app_context: None
) -> None:
    headers, start = clinic.bearer("coordinator") | keyed(str(uuid4())), Barrier(20)
    sent = body()

    def send(number: int) -> Any:
        client = two_processes[number % 2].test_client()
        start.wait()
        return client.post("/api/v1/patients", json=sent, headers=headers)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(send, range(20)))
    told = [(each.status_code, each.headers.get(REPLAYED)) for each in answers]
    assert told.count((201, None)) == 1
    assert set(told) <= {(201, None), (201, "true"), (409, None)}
    for each in answers:
        if each.status_code == 409:
            assert (each.json["code"], each.headers["Retry-After"]) == ("still_running", "1")
    assert len({each.data for each in answers if each.status_code == 201}) == 1
    assert (count(clinic, Patient), count(clinic, AnsweredRequest)) == (1, 1)


def test_while_the_first_is_being_answered_a_repeat_is_to_come_back(
    two_processes: list[Flask], clinic: ClinicWithStaff, app_context: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    headers = clinic.bearer("admin") | keyed(str(uuid4()))
    in_the_middle, go_on = Barrier(2), Barrier(2)
    answers: list[Any] = []

    def linger(*args: Any, **named: Any) -> None:
        in_the_middle.wait(20)
        go_on.wait(20)
        keep_answer(*args, **named)

    def send(app: Flask) -> Any:
        return app.test_client().post("/api/v1/sites", json=SITE, headers=headers)

    monkeypatch.setattr(repeats, "keep_answer", linger)
    first = Thread(target=lambda: answers.append(send(two_processes[0])))
    first.start()
    in_the_middle.wait(20)
    early = send(two_processes[1])
    go_on.wait(20)
    first.join()
    assert (early.status_code, early.json["code"]) == (409, "still_running")
    assert early.headers["Retry-After"] == "1"
    late = send(two_processes[1])
    assert (late.status_code, late.headers[REPLAYED]) == (201, "true")
    assert late.data == answers[0].data


def test_an_answer_that_was_lost_on_the_way_is_given_again(
    app: Flask, clinic: ClinicWithStaff, staff: Caller
) -> None:
    """The line is cut after the request is sent: what was done stands, and is told once more."""
    key, server = str(uuid4()), make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    payload = app.json.dumps(body()).encode()
    head = (
        "POST /api/v1/patients HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
        f"Authorization: {clinic.bearer('coordinator')['Authorization']}\r\n"
        f'Idempotency-Key: "{key}"\r\nContent-Length: {len(payload)}\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", server.server_port)) as line:
        line.sendall(head.encode() + payload)
    try:
        ends = monotonic() + 20
        while count(clinic, AnsweredRequest) == 0:
            assert monotonic() < ends, "the request was never carried out"
    finally:
        server.shutdown()
    again = staff("POST", "/patients", json=body(), headers=keyed(key))
    assert (again.status_code, again.headers[REPLAYED]) == (201, "true")
    assert (count(clinic, Patient), count(clinic, EnrolmentCode)) == (1, 1)
    assert again.json["enrolment_code"]
