"""Patients: registered, changed, reached, followed; whatever cannot be is refused whole."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import (
    AuditEvent,
    CareTeamMember,
    Destination,
    EnrolmentCode,
    Episode,
    Patient,
    PatientExternalId,
)
from tests.calls import Caller
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.phones import Phone, enrolment, new_code, phone_of

EPISODE = {
    "procedure": "lumbar_microdiscectomy",
    "surgery_date": "2026-03-01",
    "discharge_date": "2026-03-02",
}
NEW = {
    "name": "Ada Testperson",
    "date_of_birth": "1961-05-04",
    "time_zone": "Europe/London",
    "locale": "en",
}
WRITTEN = (Patient, Episode, EnrolmentCode, Destination, PatientExternalId, CareTeamMember)


@pytest.fixture
def staff(app_context: None, client: FlaskClient, clinic: ClinicWithStaff) -> Any:
    return Caller(client, lambda: clinic.bearer("coordinator"))


def body(**changes: Any) -> dict[str, Any]:
    episode = EPISODE | changes.pop("episode", {})
    return NEW | {"episode": episode} | changes


def rows(clinic: ClinicWithStaff) -> list[int]:
    with transaction(clinic.id) as session:
        return [session.scalar(select(func.count()).select_from(each)) or 0 for each in WRITTEN]


def registered(staff: Caller, **changes: Any) -> dict[str, Any]:
    answer = staff("POST", "/patients", json=body(**changes))
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def test_a_patient_is_registered_with_episode_team_addresses_and_code(
    app: Flask, staff: Caller, clinic: ClinicWithStaff
) -> None:
    surgeon = str(clinic.staff["surgeon"])
    done = registered(
        staff,
        external_ids=[{"system": "urn:mrn", "value": "77"}],
        phone="+447700900123",
        email="ada@home.example",
        care_team=[surgeon],
        episode={
            "levels": ["L4/5"],
            "side": "left",
            "baseline": {"nrs_leg": 7, "psfs": 3.5},
            "diagnosis": "Disc herniation",
            "pre_existing_deficit": "Foot drop",
        },
    )
    patient = done["patient"]
    assert patient["external_ids"] == [{"system": "urn:mrn", "value": "77"}]
    assert {(a["channel"], a["value"]) for a in patient["addresses"]} == {
        ("sms", "+447700900123"),
        ("email", "ada@home.example"),
    }
    assert [(m["staff_id"], m["lead"]) for m in patient["care_team"]] == [(surgeon, True)]
    episode = patient["episode"]
    assert (episode["plan_state"], episode["days_since_surgery"], episode["side"]) == (
        "awaiting_clinician",
        1,
        "left",
    )
    assert episode["baseline"] == {"nrs_leg": 7, "psfs": 3.5}
    assert staff("GET", f"/patients/{patient['id']}").json == patient
    answer = Phone(app).call(
        "POST", "/enrolments", enrolment(done["enrolment_code"], born=NEW["date_of_birth"])
    )
    assert answer.status_code in {200, 201}


def test_who_registers_follows_unless_somebody_else_is_named(
    staff: Caller, clinic: ClinicWithStaff
) -> None:
    team = registered(staff)["patient"]["care_team"]
    assert [each["staff_id"] for each in team] == [str(clinic.staff["coordinator"])]


@pytest.mark.parametrize("mode", ["phone", "none"])
def test_who_is_not_reached_by_an_app_needs_no_code(staff: Caller, mode: str) -> None:
    assert registered(staff, contact_mode=mode)["enrolment_code"] is None


@pytest.mark.parametrize(
    ("wrong", "pointers"),
    [
        ({"episode": {"surgery_date": "2026-02-30"}}, ["/episode/surgery_date"]),
        ({"episode": {"discharge_date": "02/03/2026"}}, ["/episode/discharge_date"]),
        ({"episode": {"discharge_date": "2026-02-28"}}, ["/episode/discharge_date"]),
        ({"episode": {"discharge_date": "2029-03-02"}}, ["/episode/discharge_date"]),
        (
            {"episode": {"discharge_date": "2020-03-02", "surgery_date": None}},
            ["/episode/discharge_date"],
        ),
        ({"episode": {"surgery_date": "2020-03-01"}}, ["/episode/surgery_date"]),
        ({"episode": {"procedure": "appendectomy"}}, ["/episode/procedure"]),
        ({"episode": {"side": "front"}}, ["/episode/side"]),
        ({"episode": {"levels": ["Q9"]}}, ["/episode/levels/0"]),
        ({"episode": {"baseline": {"nrs_leg": 11}}}, ["/episode/baseline/nrs_leg"]),
        ({"episode": {"baseline": {"nrs_leg": "7"}}}, ["/episode/baseline/nrs_leg"]),
        ({"episode": {"baseline": {"mood": 3}}}, ["/episode/baseline/mood"]),
        ({"episode": {"plan_template": "no_such"}}, ["/episode/plan_template"]),
        ({"episode": {"plan_template": "cervical_anterior"}}, ["/episode/plan_template"]),
        ({"episode": {"site": str(uuid4())}}, ["/episode/site"]),
        ({"episode": {"supersedes": str(uuid4())}}, ["/episode/supersedes"]),
        ({"episode": {"state": "ended"}}, ["/episode/state"]),
        ({"time_zone": "Mars/Olympus"}, ["/time_zone"]),
        ({"time_zone": "../../etc/passwd"}, ["/time_zone"]),
        ({"locale": "xx"}, ["/locale"]),
        ({"date_of_birth": "2027-01-01"}, ["/date_of_birth"]),
        ({"date_of_birth": "1900-01-01"}, ["/date_of_birth"]),
        ({"date_of_birth": "1961-02-29"}, ["/date_of_birth"]),
        ({"date_of_birth": 19610504}, ["/date_of_birth"]),
        ({"name": "   "}, ["/name"]),
        ({"name": "x" * 201}, ["/name"]),
        ({"phone": "07700 900123"}, ["/phone"]),
        ({"email": "ada@home@example"}, ["/email"]),
        ({"contact_mode": "pigeon"}, ["/contact_mode"]),
        ({"care_team": [str(uuid4())]}, ["/care_team/0"]),
        ({"care_team": ["nobody"]}, ["/care_team/0"]),
        ({"clinic_id": str(uuid4())}, ["/clinic_id"]),
        ({"external_ids": [{"system": "mrn"}]}, ["/external_ids/0/value"]),
        (
            {"external_ids": [{"system": "a", "value": "1"}, {"system": "a", "value": "1"}]},
            ["/external_ids"],
        ),
        ({"name": None, "locale": 7}, ["/locale", "/name"]),
    ],
)
def test_what_cannot_be_names_its_field_and_writes_nothing(
    staff: Caller, clinic: ClinicWithStaff, wrong: dict[str, Any], pointers: list[str]
) -> None:
    answer = staff("POST", "/patients", json=body(**wrong))
    assert answer.status_code == 422
    assert sorted(each["pointer"] for each in answer.json["errors"]) == pointers
    assert rows(clinic) == [0] * len(WRITTEN)


@pytest.mark.parametrize("name", ["name", "date_of_birth", "time_zone", "locale", "episode"])
def test_what_is_missing_is_named(staff: Caller, name: str) -> None:
    wanted = body()
    del wanted[name]
    answer = staff("POST", "/patients", json=wanted)
    assert [each["pointer"] for each in answer.json["errors"]] == [f"/{name}"]


def test_an_argument_that_nobody_declared_is_refused(
    staff: Caller, clinic: ClinicWithStaff
) -> None:
    answer = staff("POST", "/patients?force=1", json=body())
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "?force")
    assert rows(clinic) == [0] * len(WRITTEN)


def test_what_is_no_json_is_refused(staff: Caller, clinic: ClinicWithStaff) -> None:
    assert staff("POST", "/patients", data=b"{}").status_code == 415
    broken = staff("POST", "/patients", data=b"{", content_type="application/json")
    assert (broken.status_code, broken.json["code"]) == (400, "malformed_json")
    twice = staff(
        "POST", "/patients", data=b'{"name":"a","name":"b"}', content_type="application/json"
    )
    assert twice.status_code in {400, 422}
    assert rows(clinic) == [0] * len(WRITTEN)


def test_a_known_external_id_is_refused_within_the_clinic_only(
    staff: Caller, client: FlaskClient, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff
) -> None:
    ids = [{"system": "urn:x", "value": "1"}, {"system": "urn:mrn", "value": "77"}]
    registered(staff, external_ids=ids[1:])
    before = rows(clinic)
    answer = staff("POST", "/patients", json=body(external_ids=ids))
    assert (answer.status_code, answer.json["code"]) == (409, "external_id_known")
    assert answer.json["errors"][0]["pointer"] == "/external_ids/1"
    assert rows(clinic) == before
    stranger = Caller(client, other_clinic.bearer)
    assert stranger("POST", "/patients", json=body(external_ids=ids)).status_code == 201


def test_somebody_of_another_clinic_follows_nobody(
    staff: Caller, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff
) -> None:
    wish = body(care_team=[str(other_clinic.staff["surgeon"])])
    answer = staff("POST", "/patients", json=wish)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/care_team/0")
    assert rows(clinic) == [0] * len(WRITTEN)


def test_a_change_keeps_what_it_does_not_name(staff: Caller) -> None:
    before = registered(staff, external_ids=[{"system": "a", "value": "1"}])["patient"]
    path = f"/patients/{before['id']}"
    answer = staff("PATCH", path, json={"name": "Ada Married", "locale": "tr"})
    assert answer.status_code == 200
    after = answer.json
    assert (after["name"], after["locale"], after["version"]) == ("Ada Married", "tr", 2)
    same = set(before) - {"name", "locale", "version", "updated_at"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    ids = [{"system": "b", "value": "2"}]
    assert staff("PATCH", path, json={"external_ids": ids}).json["external_ids"] == ids
    for wrong in ({"date_of_birth": "2027-01-01"}, {"time_zone": "Nowhere"}, {"id": str(uuid4())}):
        refused = staff("PATCH", path, json=wrong)
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (
            422,
            f"/{next(iter(wrong))}",
        )


def test_addresses_are_replaced_and_one_that_stays_keeps_what_is_known(staff: Caller) -> None:
    patient = registered(staff, email="ada@home.example", phone="+447700900123")["patient"]
    path = f"/patients/{patient['id']}/addresses"
    first = {"channel": "email", "value": "ada@home.example", "verified": True}
    verified = staff("PUT", path, json={"addresses": [first]}).json["addresses"]
    assert [each["value"] for each in verified] == ["ada@home.example"]
    again = staff("PUT", path, json={"addresses": [first | {"opted_out": True}]}).json
    assert again["addresses"][0]["verified_at"] == verified[0]["verified_at"] is not None
    assert again["addresses"][0]["opted_out_at"] is not None
    for wrong, pointer in (
        ([{"channel": "fax", "value": "1"}], "/addresses/0/channel"),
        ([{"channel": "email", "value": "a@b.example, c@d.example"}], "/addresses/0/value"),
        ([{"channel": "sms", "value": "123"}], "/addresses/0"),
        ([first, first], "/addresses"),
    ):
        refused = staff("PUT", path, json={"addresses": wrong})
        assert refused.status_code == 422
        assert refused.json["errors"][0]["pointer"].startswith(pointer)
    assert staff("PUT", path, json={"addresses": []}).json["addresses"] == []


def test_the_team_changes_and_the_first_leads(
    staff: Caller, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = registered(staff)["patient"]
    path = f"/patients/{patient['id']}/care-team"
    surgeon, physio = str(clinic.staff["surgeon"]), str(clinic.staff["physiotherapist"])

    def put(*who: str) -> list[tuple[str, bool]]:
        members = staff("PUT", path, json={"staff": list(who)}).json["members"]
        return [(each["staff_id"], each["lead"]) for each in members]

    assert put(physio, surgeon) == [(physio, True), (surgeon, False)]
    clock.advance(timedelta(days=1))
    assert put(surgeon) == [(surgeon, True)]
    clock.advance(timedelta(days=1))
    assert put(surgeon, physio) == [(surgeon, True), (physio, False)]
    refused = staff("PUT", path, json={"staff": [surgeon, surgeon]})
    assert refused.status_code == 422


@pytest.mark.parametrize("lost", [False, True])
def test_a_new_code_ends_the_old_one_and_a_lost_phone_only_when_said(
    app: Flask, staff: Caller, clinic: ClinicWithStaff, clock: ManualClock, lost: bool
) -> None:
    patient = make_patient(clinic, now=clock())
    phone = phone_of(app, patient)
    old = new_code(app, patient)
    answer = staff("POST", f"/patients/{patient.id}/enrolment-codes", json={"lost_device": lost})
    assert answer.status_code == 201
    stale = Phone(app).call("POST", "/enrolments", enrolment(old))
    assert stale.status_code in {409, 422}
    me = phone.get("/me")
    assert me.status_code == (401 if lost else 200)
    if lost:
        # It may come back: what it has not sent yet is to be kept.
        assert (me.get_json(force=True))["code"] == "session_expired"
    fresh = Phone(app).call("POST", "/enrolments", enrolment(answer.json["enrolment_code"]))
    assert fresh.status_code in {200, 201}


def test_each_read_and_each_change_leaves_one_trace(
    staff: Caller, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = make_patient(clinic, now=clock())
    path = f"/patients/{patient.id}"
    for method, below, sent in (
        ("GET", "", None),
        ("PATCH", "", {"name": "B"}),
        ("POST", "/enrolment-codes", {}),
        ("PUT", "/addresses", {"addresses": []}),
        ("PUT", "/care-team", {"staff": []}),
        ("GET", "/episodes", None),
    ):
        before = _traces(clinic, patient)
        assert staff(method, path + below, json=sent).status_code < 300
        assert _traces(clinic, patient) == before + 1, (method, below)


def _traces(clinic: ClinicWithStaff, patient: PatientAtHome) -> int:
    with transaction(clinic.id) as session:
        return session.scalar(select(func.count()).where(AuditEvent.patient_id == patient.id)) or 0
