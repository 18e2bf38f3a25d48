"""The caseload over HTTP: who may see it, in which order, page by page."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import AuditEvent
from tests.factories import ClinicWithStaff, make_patient


def _read(client: FlaskClient, clinic: ClinicWithStaff, query: str = "") -> Any:
    with client.application.app_context():
        headers = clinic.bearer()
    answer = client.get(f"/api/v1/patients{query}", headers=headers)
    assert answer.status_code == 200, answer.json
    return answer.json


@pytest.fixture
def people(app: Flask, clinic: ClinicWithStaff, clock: ManualClock) -> ClinicWithStaff:
    """Five patients, of whom the plan of each waits for a clinician."""
    with app.app_context():
        for place, name in enumerate(["bea", "Ada", "Cem", "Dora", "eve"]):
            make_patient(clinic, now=clock() + timedelta(seconds=place), name=name)
    return clinic


def test_the_caseload_lists_the_clinics_own_patients_with_reasons(
    client: FlaskClient, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff,
    clock: ManualClock, app_context: None,
) -> None:  # fmt: skip
    mine = make_patient(clinic, now=clock(), name="Ada Own")
    make_patient(other_clinic, now=clock(), name="Ben Foreign")
    (entry,) = _read(client, clinic)["items"]
    assert (entry["id"], entry["name"]) == (str(mine.id), "Ada Own")
    assert entry["reasons"] == [
        {
            "code": "awaiting_clinician",
            "urgency": 65,
            "text": "Plan not drafted yet",
            "facts": {"draft": False},
        }
    ]
    assert (entry["days_since_surgery"], entry["days_since_discharge"]) == (3, 1)
    assert entry["pain"] == {"item": "nrs_leg", "now": None, "before": None}
    assert entry["adherence"] == {"done": 0, "due": 0}
    assert (entry["last_check_in"], entry["next_appointment"], entry["to_book"]) == (None, None, [])


def test_reasons_speak_the_readers_language(
    client: FlaskClient, people: ClinicWithStaff, app_context: None
) -> None:
    headers = people.bearer() | {"Accept-Language": "tr"}
    answer = client.get("/api/v1/patients", headers=headers)
    assert answer.json is not None
    assert answer.json["items"][0]["reasons"][0]["text"] == "Plan henüz hazırlanmadı"  # noqa: RUF001


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("attention", ["Ada", "bea", "Cem", "Dora", "eve"]),
        ("name", ["Ada", "bea", "Cem", "Dora", "eve"]),
        ("newest", ["eve", "Dora", "Cem", "Ada", "bea"]),
    ],
)
def test_pages_follow_each_other_without_gap_or_repetition(
    client: FlaskClient, people: ClinicWithStaff, sort: str, names: list[str]
) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = _read(client, people, f"?sort={sort}&limit=2{cursor}")
        seen += [entry["name"] for entry in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == names


def test_a_ranking_is_pinned_to_the_instant_of_its_first_page(
    client: FlaskClient, people: ClinicWithStaff, clock: ManualClock
) -> None:
    first = _read(client, people, "?limit=2")
    clock.advance(timedelta(days=3))
    second = _read(client, people, f"?limit=2&cursor={first['next_cursor']}")
    assert [entry["days_since_surgery"] for entry in second["items"]] == [3, 3]
    assert _read(client, people, "?limit=1")["items"][0]["days_since_surgery"] == 6


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("?sort=worst", "?sort"),
        ("?status=dead", "?status"),
        ("?limit=0", "?limit"),
        ("?limit=201", "?limit"),
        ("?order=up", "?order"),
        ("?cursor=nonsense", "?cursor"),
        ("?q=%00", "?q"),
    ],
)
def test_bad_arguments_are_named(
    client: FlaskClient, clinic: ClinicWithStaff, app_context: None, query: str, pointer: str
) -> None:
    answer = client.get(f"/api/v1/patients{query}", headers=clinic.bearer())
    assert answer.status_code == 422
    assert answer.json is not None
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]


def test_a_cursor_of_one_order_does_not_open_another(
    client: FlaskClient, people: ClinicWithStaff, app_context: None
) -> None:
    cursor = _read(client, people, "?sort=name&limit=2")["next_cursor"]
    answer = client.get(f"/api/v1/patients?sort=newest&cursor={cursor}", headers=people.bearer())
    assert answer.status_code == 422


def test_an_admin_without_a_clinical_role_is_refused(
    client: FlaskClient, clinic: ClinicWithStaff, app_context: None
) -> None:
    answer = client.get("/api/v1/patients", headers=clinic.bearer("admin"))
    assert answer.status_code == 403
    assert client.get("/api/v1/patients").status_code == 401


def test_each_read_leaves_exactly_one_line_in_the_audit_trail(
    client: FlaskClient, people: ClinicWithStaff, app_context: None
) -> None:
    _read(client, people)
    with transaction(people.id) as session:
        rows = session.scalars(select(AuditEvent).where(AuditEvent.action != "staff_signed_in"))
        assert [(row.action, row.actor_id) for row in rows] == [
            ("caseload_read", people.staff["physiotherapist"])
        ]
