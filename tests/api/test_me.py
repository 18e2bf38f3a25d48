"""The app's first request.

Defects planted, each seen red here: the patient's days counted in UTC; a field left out
of the schema, and one of another type in it; the care team's dates left out of the
statement.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from sqlalchemy import update

from recovery_service.api.schemas.me import MeSchema
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import (
    CareTeamMember,
    Device,
    Episode,
    Patient,
    PlanRevision,
    StaffMember,
)
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.phones import Phone, code_of, phone_of, pointers
from tests.plan_rows import Item, materialise, plan_item

PHASES = [
    {"code": "hospital", "title": {"en": "In hospital", "tr": "Hastanede"}, "from_day": 0,
     "to_day": 2},
    {"code": "protect", "title": {"en": "Protect", "tr": "Koruma"}, "from_day": 3, "to_day": 14},
]  # fmt: skip


@pytest.fixture
def patient(app: Flask, clinic: ClinicWithStaff) -> PatientAtHome:
    with app.app_context():
        return make_patient(clinic, now=MONDAY, name="Canary Patient")


@pytest.fixture
def phone(app: Flask, patient: PatientAtHome) -> Phone:
    return phone_of(app, patient)


@pytest.fixture
def item(app: Flask, patient: PatientAtHome) -> Item:
    with app.app_context():
        made = plan_item(patient, now=MONDAY - timedelta(hours=1))
        change(app, patient, PlanRevision, phases=PHASES)
        materialise(made, now=MONDAY)
        return made


def change(app: Flask, patient: PatientAtHome, model: Any, **values: Any) -> None:
    with app.app_context(), transaction(patient.clinic_id) as session:
        session.execute(update(model).values(**values))


def follow(app: Flask, patient: PatientAtHome, staff: Any, **values: Any) -> None:
    with app.app_context(), transaction(patient.clinic_id) as session:
        session.add(
            CareTeamMember(
                clinic_id=patient.clinic_id, id=uuid4(), patient_id=patient.id, staff_id=staff,
                **({"from_date": date(2026, 2, 1)} | values),
            )
        )  # fmt: skip


def test_one_request_opens_the_app(phone: Phone, patient: PatientAtHome, item: Item) -> None:
    me = phone.get("/me").get_json()
    assert me["profile"] == {
        "id": str(patient.id),
        "name": "Canary Patient",
        "time_zone": "Europe/London",
        "locale": "en",
        "contact_mode": "app",
        "preferences": {},
    }
    assert me["today"] == "2026-03-02"
    assert me["episode"] == {
        "id": str(patient.episode_id),
        "procedure": "lumbar_microdiscectomy",
        "surgery_date": "2026-02-27",
        "surgery_date_assumed": False,
        "discharge_date": "2026-03-01",
        "days_since_surgery": 3,
        "days_since_discharge": 1,
        "phase": {"code": "protect", "title": "Protect", "next_waits": False},
        "state": "open",
    }
    assert me["plan_state"] == "active"
    assert [(each["slot"], each["state"], each["local_time"]) for each in me["due_today"]] == [
        ("morning", "due", "09:00"),
        ("evening", "upcoming", "18:00"),
    ]
    assert me["due_today"][0]["id"] == item.occurrence_id("20260302.morning")
    assert me["clinic"]["phones"] == {"clinic": "+442079460000", "emergency": "999"}
    assert me["zone_suggestion"] is None
    assert len(me["vapid_public_key"]) == 87


def test_the_answer_is_what_the_document_says(phone: Phone, item: Item, app: Flask) -> None:
    me = phone.get("/me").get_json()
    # Loading refuses an unknown, a missing and a mistyped field, at every depth.
    MeSchema(unknown="raise").load(me)
    assert set(me) == set(MeSchema().fields)
    document = Phone(app).get("/openapi.json").get_json()
    shown = document["paths"]["/api/v1/me"]["get"]["responses"]["200"]["content"]
    name = shown["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert set(document["components"]["schemas"][name]["properties"]) == set(me)


def test_before_any_plan_and_episode_the_app_opens(
    app: Flask, phone: Phone, patient: PatientAtHome
) -> None:
    me = phone.get("/me").get_json()
    assert (me["plan_state"], me["due_today"]) == ("awaiting_clinician", [])
    assert me["episode"]["phase"] is None
    with app.app_context(), transaction(patient.clinic_id) as session:
        session.delete(session.get_one(Episode, (patient.clinic_id, patient.episode_id)))
    me = phone.get("/me").get_json()
    MeSchema(unknown="raise").load(me)
    assert (me["episode"], me["plan_state"]) == (None, "awaiting_clinician")
    assert me["clinic"]["phones"]["clinic"] == "+442079460000"


@pytest.mark.parametrize(
    ("state", "values"),
    [
        ("paused", {"state": "on_hold", "held_at": MONDAY}),
        (
            "ended",
            {"state": "ended", "end_reason": "completed", "ended_on": date(2026, 3, 2)},
        ),
    ],
)
def test_the_plans_state_follows_the_episode(
    app: Flask, phone: Phone, patient: PatientAtHome, item: Item, state: str, values: Any
) -> None:
    change(app, patient, Episode, **values)
    assert phone.get("/me").get_json()["plan_state"] == state


def test_it_costs_two_statements_however_long_the_history(
    app: Flask, phone: Phone, patient: PatientAtHome, clock: ManualClock
) -> None:
    """The look-up of the token and one more; counted where they leave for the server."""
    with app.app_context():
        items = [plan_item(patient, now=MONDAY) for _ in range(8)]
        far = clock.advance(timedelta(days=60))
        for each in items:
            materialise(each, now=far)
        headers = patient.bearer()
        sent: list[str] = []

        def count(_cursor: Any, query: Any, *_: Any, **__: Any) -> None:
            sent.append(str(query))

        with counted_statements(count):
            answer = Phone(app, headers).get("/me")
    assert len(answer.get_json()["due_today"]) == 16
    assert len([each for each in sent if "set_config" not in each]) == 2


def counted_statements(count: Any) -> Any:
    """Let `count` see every statement of psycopg, whoever sends it."""
    execute = psycopg.Cursor.execute

    def counting(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        count(self, query)
        return execute(self, query, *args, **kwargs)

    return mock.patch.object(psycopg.Cursor, "execute", counting)


def test_days_are_counted_on_the_patients_calendar(
    app: Flask, patient: PatientAtHome, clock: ManualClock
) -> None:
    change(app, patient, Patient, time_zone="Pacific/Auckland")
    clock.set(datetime(2026, 3, 2, 11, 30, tzinfo=UTC))
    me = phone_of(app, patient).get("/me").get_json()
    assert (me["today"], me["episode"]["days_since_surgery"]) == ("2026-03-03", 4)


def test_texts_are_in_the_language_asked_for_or_in_the_patients(
    app: Flask, phone: Phone, patient: PatientAtHome, item: Item
) -> None:
    def shown(**headers: str) -> tuple[str, str, str]:
        me = phone.get("/me", **headers).get_json()
        return (
            me["due_today"][0]["title"],
            me["episode"]["phase"]["title"],
            me["monitoring"]["until_then"],
        )

    english, turkish = shown(), shown(**{"Accept-Language": "tr"})
    assert english[:2] == ("Bend and stretch", "Protect")
    assert turkish[:2] == ("Bend and stretch (tr)", "Koruma")
    assert english[2] != turkish[2]
    change(app, patient, Patient, locale="tr-TR")
    assert shown() == turkish
    assert shown(**{"Accept-Language": "en-GB"}) == english


def test_monitoring_says_who_looks_and_whom_to_call(phone: Phone) -> None:
    monitoring = phone.get("/me").get_json()["monitoring"]
    assert (monitoring["state"], monitoring["overdue"]) == ("watched", False)
    assert "not in real time" in monitoring["until_then"]
    assert "+442079460000" in monitoring["until_then"]
    assert "999" in monitoring["until_then"]


def test_the_care_team_of_today(
    app: Flask, phone: Phone, patient: PatientAtHome, clinic: Any
) -> None:
    staff = clinic.staff
    follow(app, patient, staff["physiotherapist"])
    follow(app, patient, staff["surgeon"], lead=True)
    follow(app, patient, staff["surgeon"], from_date=date(2026, 3, 2))
    follow(app, patient, staff["coordinator"], to_date=date(2026, 3, 1))
    follow(app, patient, staff["admin"], from_date=date(2026, 3, 3))
    assert phone.get("/me").get_json()["care_team"] == [
        {"name": "Test Surgeon", "role": "surgeon"},
        {"name": "Test Physiotherapist", "role": "physiotherapist"},
    ]
    with app.app_context(), transaction(patient.clinic_id) as session:
        session.execute(
            update(StaffMember).where(StaffMember.id == staff["surgeon"]).values(disabled_at=MONDAY)
        )
    assert len(phone.get("/me").get_json()["care_team"]) == 1


@pytest.mark.parametrize(
    ("zone", "suggested"),
    [
        ("Europe/London", None),
        ("Europe/Belfast", None),
        ("Europe/Istanbul", "Europe/Istanbul"),
        ("Africa/Abidjan", "Africa/Abidjan"),
    ],
)
def test_a_device_elsewhere_is_a_suggestion(
    app: Flask, phone: Phone, patient: PatientAtHome, zone: str, suggested: str | None
) -> None:
    """Belfast's clock is London's under another name; Abidjan's only in winter."""
    change(app, patient, Device, time_zone=zone)
    assert phone.get("/me").get_json()["zone_suggestion"] == suggested


def test_a_stranger_sees_nothing_of_it(
    app: Flask, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff, phone: Phone, item: Item
) -> None:
    with app.app_context():
        others = [make_patient(each, now=MONDAY) for each in (clinic, other_clinic)]
    for other in others:
        text = phone_of(app, other).get("/me").get_data(as_text=True)
        assert "Canary" not in text
        assert "Bend and stretch" not in text


def test_only_a_patient_has_this_page(app: Flask, clinic: ClinicWithStaff) -> None:
    with app.app_context():
        staff = Phone(app, clinic.bearer())
    assert (staff.get("/me").status_code, Phone(app).get("/me").status_code) == (403, 401)
    assert phone_with_garbage(app).get("/me").status_code == 401


def phone_with_garbage(app: Flask) -> Phone:
    return Phone(app, {"Authorization": "Bearer garbage"})


def test_an_unknown_query_argument_is_refused(phone: Phone) -> None:
    refused = phone.get("/me?expand=all")
    assert (refused.status_code, pointers(refused)) == (422, {"?expand"})


def test_a_log_out_holds_for_this_page_at_once(phone: Phone) -> None:
    phone.call("DELETE", "/tokens/current")
    assert code_of(phone.get("/me")) == "session_expired"
    assert code_of(phone.call("PATCH", "/me", {"locale": "tr"})) == "session_expired"
