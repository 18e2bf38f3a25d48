"""What patients say about their appointments, and what staff see of it.

Planted: the id looked up without comparing what was said (red: other content is 200); an
appointment found without its patient (red: somebody else's answers 201); the response kept
when the time moves; `booked_elsewhere` without `follow` (red: the nudge stays).
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.occurrence_ids import encode
from recovery_service.models import AppointmentResponse, AuditEvent, Schedule
from tests.calls import Caller
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient

LATER = "2026-03-10T14:30:00+00:00"
WINDOW = {"from": "2026-03-09", "to": "2026-03-19"}
Say = Callable[..., Any]


@pytest.fixture
def patient(app_context: None, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(clinic, now=clock())


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome) -> Caller:
    return Caller(client, lambda: clinic.bearer("coordinator"))


@pytest.fixture
def booked(staff: Caller, patient: PatientAtHome) -> dict[str, Any]:
    return add(staff, patient, starts_at=LATER)


@pytest.fixture
def to_book(staff: Caller, patient: PatientAtHome) -> dict[str, Any]:
    return add(staff, patient, window=WINDOW)


@pytest.fixture
def say(client: FlaskClient, patient: PatientAtHome) -> Say:
    caller = Caller(client, patient.bearer)

    def said(row: dict[str, Any], response: str, **body: Any) -> Any:
        path = f"/me/appointments/{row['id']}/response"
        return caller("POST", path, json={"id": str(uuid4()), "response": response} | body)

    return said


def add(staff: Caller, patient: PatientAtHome, **body: Any) -> dict[str, Any]:
    path = f"/episodes/{patient.episode_id}/appointments"
    answer = staff("POST", path, json={"kind": "wound_check"} | body)
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def seen(staff: Caller, patient: PatientAtHome) -> tuple[Any, ...]:
    (row,) = staff("GET", f"/episodes/{patient.episode_id}/appointments").json["items"]
    return row["state"], row["response"], row["responded_at"], row["elsewhere_at"]


def refused(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json["code"], answer.json["errors"][0]["pointer"]


def next_due(patient: PatientAtHome) -> Any:
    with transaction(patient.clinic_id) as session:
        return session.scalar(select(Schedule.next_due_at))


@pytest.mark.parametrize("response", ["confirm", "request_change"])
def test_what_is_booked_is_confirmed_or_asked_to_change_and_stays_booked(
    staff: Caller, patient: PatientAtHome, booked: dict[str, Any], say: Say, response: str
) -> None:
    answer = say(booked, response)
    assert answer.status_code == 201, answer.json
    assert answer.json["appointment"]["response"] == response
    assert answer.json["appointment"]["state"] == "booked"
    assert answer.json["response"]["response"] == response
    assert seen(staff, patient) == ("booked", response, "2026-03-02T09:00:00+00:00", None)


def test_the_last_word_counts_and_all_are_kept(
    patient: PatientAtHome, booked: dict[str, Any], say: Say
) -> None:
    said = [say(booked, word) for word in ("request_change", "confirm")]
    assert said[-1].json["appointment"]["response"] == "confirm"
    with transaction(patient.clinic_id) as session:
        rows = session.scalars(select(AppointmentResponse)).all()
        events = session.scalars(
            select(AuditEvent.action).where(
                AuditEvent.subject_id == booked["id"], AuditEvent.actor_id == patient.id
            )
        ).all()
    assert {row.response for row in rows} == {"request_change", "confirm"}
    assert {row.device_id for row in rows} == {patient.device_id}
    assert sorted(events) == ["appointment_change_requested", "appointment_confirmed"]


def test_the_same_word_again_is_the_stored_one(
    booked: dict[str, Any], say: Say, clock: ManualClock
) -> None:
    key = str(uuid4())
    first = say(booked, "confirm", id=key)
    clock.advance(timedelta(minutes=5))
    again = say(booked, "confirm", id=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    other = say(booked, "request_change", id=key)
    assert refused(other) == (409, "client_id_reused", "/id")
    assert other.json["stored"] == first.json["response"]


def test_a_repeat_is_answered_also_when_it_is_all_over(
    booked: dict[str, Any], say: Say, clock: ManualClock
) -> None:
    key = str(uuid4())
    assert say(booked, "confirm", id=key).status_code == 201
    clock.advance(timedelta(days=9))
    assert say(booked, "confirm", id=key).status_code == 200
    assert refused(say(booked, "confirm")) == (409, "appointment_settled", "/response")


def test_an_id_used_for_another_appointment_is_refused(
    staff: Caller, patient: PatientAtHome, booked: dict[str, Any], say: Say
) -> None:
    other = add(staff, patient, starts_at=LATER)
    key = str(uuid4())
    assert say(booked, "confirm", id=key).status_code == 201
    assert refused(say(other, "confirm", id=key)) == (409, "client_id_reused", "/id")


def test_somebody_elses_appointment_does_not_exist(
    client: FlaskClient, clinic: ClinicWithStaff, booked: dict[str, Any], say: Say,
    clock: ManualClock,
) -> None:  # fmt: skip
    key = str(uuid4())
    assert say(booked, "confirm", id=key).status_code == 201
    neighbour = make_patient(clinic, now=clock())
    theirs = Caller(client, neighbour.bearer)
    path = f"/me/appointments/{booked['id']}/response"
    answer = theirs("POST", path, json={"id": key, "response": "confirm"})
    assert (answer.status_code, answer.json["code"]) == (404, "no_such_object")
    staff = Caller(client, lambda: clinic.bearer("coordinator"))
    own = add(staff, neighbour, starts_at=LATER)
    path = f"/me/appointments/{own['id']}/response"
    answer = theirs("POST", path, json={"id": key, "response": "confirm"})
    assert refused(answer) == (409, "client_id_reused", "/id")
    assert not answer.json.get("stored")


@pytest.mark.parametrize(
    ("which", "body", "pointer"),
    [
        ("to_book", {"response": "confirm"}, "/response"),
        ("to_book", {"response": "request_change"}, "/response"),
        ("booked", {"response": "booked_elsewhere"}, "/response"),
        ("booked", {"response": "perhaps"}, "/response"),
        ("booked", {"response": "confirm", "starts_at": LATER}, "/starts_at"),
        ("to_book", {"response": "booked_elsewhere", "starts_at": "2026-03-10T14:30:10Z"},
         "/starts_at"),
        ("to_book", {"response": "booked_elsewhere", "starts_at": "2036-03-10T14:30:00Z"},
         "/starts_at"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused(
    request: pytest.FixtureRequest, say: Say, which: str, body: dict[str, Any], pointer: str
) -> None:
    answer = say(request.getfixturevalue(which), **body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize("outcome", ["cancelled", "attended"])
def test_of_what_is_settled_there_is_nothing_to_say(
    staff: Caller, booked: dict[str, Any], say: Say, clock: ManualClock, outcome: str
) -> None:
    clock.advance(timedelta(days=9))
    staff("PATCH", f"/appointments/{booked['id']}", json={"state": outcome})
    assert refused(say(booked, "confirm")) == (409, "appointment_settled", "/response")


def test_what_is_booked_elsewhere_is_nudged_no_more_and_stays_with_staff(
    staff: Caller, patient: PatientAtHome, to_book: dict[str, Any], say: Say
) -> None:
    assert next_due(patient) is not None
    assert say(to_book, "booked_elsewhere", starts_at=LATER).status_code == 201
    assert seen(staff, patient)[:2] == ("to_book", "booked_elsewhere")
    assert seen(staff, patient)[3] == LATER
    assert next_due(patient) is None
    staff("PATCH", f"/appointments/{to_book['id']}", json={"starts_at": LATER})
    assert seen(staff, patient) == ("booked", None, None, None)
    assert next_due(patient) is not None


def test_a_moved_time_needs_a_new_answer(
    staff: Caller, patient: PatientAtHome, booked: dict[str, Any], say: Say
) -> None:
    say(booked, "confirm")
    staff("PATCH", f"/appointments/{booked['id']}", json={"location": "Room 7"})
    assert seen(staff, patient)[1] == "confirm"
    staff("PATCH", f"/appointments/{booked['id']}", json={"starts_at": "2026-03-11T14:30:00Z"})
    assert seen(staff, patient)[1:3] == (None, None)


def test_a_reminder_of_an_appointment_is_no_occurrence_to_act_on(
    client: FlaskClient, patient: PatientAtHome, booked: dict[str, Any]
) -> None:
    occurrence = encode(UUID(booked["id"]), "20260310T1430Z-120")
    body = {"id": str(uuid4()), "action": "complete", "at": "2026-03-02T09:00:00Z"}
    answer = Caller(client, patient.bearer)(
        "POST", f"/me/occurrences/{occurrence}/actions", json=body
    )
    assert answer.status_code == 404
    assert Caller(client, patient.bearer)("GET", "/me/agenda").json["items"] == []
