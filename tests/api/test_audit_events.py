"""The audit trail: who saw or changed what."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from recovery_service.clock import ManualClock
from tests.calls import Caller
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient


@pytest.fixture
def call(app_context: None, client: FlaskClient, clinic: ClinicWithStaff) -> Any:
    return Caller(client, lambda: clinic.bearer("admin"))


@pytest.fixture
def patient(call: Caller, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(clinic, now=clock())


def events(call: Caller, **wanted: Any) -> list[dict[str, Any]]:
    answer = call("GET", f"/audit-events?{urlencode(wanted)}")
    assert answer.status_code == 200, answer.json
    return list(answer.json["items"])


def test_a_read_is_told_with_who_what_whom_and_when(
    call: Caller,
    client: FlaskClient,
    clinic: ClinicWithStaff,
    patient: PatientAtHome,
    clock: ManualClock,
) -> None:
    seen = Caller(client, clinic.bearer)("GET", f"/patients/{patient.id}")
    (event,) = events(call, patient=patient.id)
    assert event.pop("id")
    assert event == {
        "at": clock().isoformat(),
        "action": "patient_read",
        "actor_kind": "staff",
        "actor_id": str(clinic.staff["physiotherapist"]),
        "actor_name": "Test Physiotherapist",
        "subject_kind": "patient",
        "subject_id": str(patient.id),
        "patient_id": str(patient.id),
        "request_id": seen.headers["X-Request-Id"],
    }


def test_filters_narrow_and_combine(
    call: Caller,
    client: FlaskClient,
    clinic: ClinicWithStaff,
    patient: PatientAtHome,
    clock: ManualClock,
) -> None:
    other = make_patient(clinic, now=clock())
    for role, who in (("surgeon", patient), ("physiotherapist", other)):
        clock.advance(timedelta(hours=1))
        Caller(client, lambda role=role: clinic.bearer(role))("GET", f"/patients/{who.id}")  # type: ignore[misc]
        Caller(client, lambda role=role: clinic.bearer(role))("GET", f"/episodes/{who.episode_id}")  # type: ignore[misc]
    middle, surgeon = clock(), clinic.staff["surgeon"]
    clock.advance(timedelta(hours=1))
    assert {each["action"] for each in events(call, actor=surgeon)} == {
        "episode_read",
        "patient_read",
    }
    assert {each["actor_id"] for each in events(call, action="patient_read")} == {
        str(surgeon),
        str(clinic.staff["physiotherapist"]),
    }
    assert len(events(call, actor=surgeon, action="patient_read", patient=patient.id)) == 1
    assert events(call, actor=surgeon, patient=other.id) == []
    until, since = {"to": middle.isoformat()}, {"from": middle.isoformat()}
    assert {each["patient_id"] for each in events(call, action="episode_read", **until)} == {
        str(patient.id)
    }
    assert {each["patient_id"] for each in events(call, action="episode_read", **since)} == {
        str(other.id)
    }


def test_reading_the_trail_leaves_a_trace_itself(call: Caller, clinic: ClinicWithStaff) -> None:
    assert [each["action"] for each in events(call)] == []
    (trace,) = events(call)
    assert (trace["action"], trace["actor_id"]) == ("audit_read", str(clinic.staff["admin"]))


def test_pages_show_every_event_once(
    call: Caller, client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    for _ in range(5):
        Caller(client, clinic.bearer)("GET", f"/patients/{patient.id}")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while cursor.get("cursor", "") is not None:
        page = call("GET", f"/audit-events?{urlencode({'limit': 2, 'action': 'patient_read'} | cursor)}").json  # fmt: skip  # noqa: E501
        seen += [each["id"] for each in page["items"]]
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("from=yesterday", "?from"),
        ("from=2026-03-02T09:00:00", "?from"),
        ("from=2026-03-02T09:00:00Z&to=2026-03-01T09:00:00Z", "?to"),
        ("patient=1", "?patient"),
        ("cursor=x", "?cursor"),
        ("limit=201", "?limit"),
        ("who=me", "?who"),
    ],
)
def test_what_cannot_be_asked_names_its_argument(call: Caller, query: str, pointer: str) -> None:
    answer = call("GET", f"/audit-events?{query}")
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]


def test_only_admins_read_it_and_only_of_their_clinic(
    call: Caller, client: FlaskClient, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff,
    patient: PatientAtHome,
) -> None:  # fmt: skip
    Caller(client, clinic.bearer)("GET", f"/patients/{patient.id}")
    stranger = Caller(client, lambda: other_clinic.bearer("admin"))
    assert events(stranger, patient=patient.id) == []
    assert events(stranger, actor=uuid4()) == []
    assert Caller(client, clinic.bearer)("GET", "/audit-events").status_code == 403
