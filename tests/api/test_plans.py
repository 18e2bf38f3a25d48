"""A plan over HTTP: from a template to the patient."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Appointment, PlanItem, Schedule
from tests.calls import Caller
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient


def drafted(client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome) -> dict[str, Any]:
    call = Caller(client, clinic.bearer)
    answer = call("POST", f"/episodes/{patient.episode_id}/plan", json={})
    assert answer.status_code == 201, answer.json
    return dict(answer.json["draft"])


def test_a_template_becomes_a_draft_an_edit_and_a_live_plan(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    with app.app_context():
        patient = make_patient(clinic, now=clock())
        path = f"/episodes/{patient.episode_id}/plan"
        draft = drafted(client, clinic, patient)
        item = next(i for i in draft["items"] if i["kind"] == "walking" and _ahead(i["rule"]))
        slot = next(iter(item["rule"]["slots"]))
        edited = Caller(client, clinic.bearer)(
            "PATCH",
            f"{path}/items/{item['id']}",
            json={"rule": {"slots": {slot: "10:30"}}, "title": {"en": "Walk in the park"}},
        )
        assert edited.status_code == 200, edited.json
        assert edited.json["rule"]["slots"] == {slot: "10:30"}

        published = Caller(client, clinic.bearer)("POST", f"{path}/publish", json={})
        assert published.status_code == 200, published.json
        assert published.json["live"]["number"] == 1
        assert published.json["draft"] is None
        with transaction(clinic.id) as session:
            rows = session.execute(
                select(Schedule.id, Schedule.next_due_at).where(Schedule.patient_id == patient.id)
            )
            due = {row.id: row.next_due_at for row in rows if row.next_due_at is not None}
            ahead = {UUID(i["id"]) for i in published.json["live"]["items"] if _ahead(i["rule"])}
            assert len(ahead) > 10
            assert ahead <= due.keys()
            assert min(due.values()) >= clock()
            assert due[UUID(item["id"])].strftime("%H:%M") == "10:30"
            booked = select(func.count()).where(Appointment.patient_id == patient.id)
            assert (session.scalar(booked) or 0) > 3


def _ahead(rule: dict[str, Any]) -> bool:
    return int(rule["from_day"]) > 4


def test_a_coordinator_edits_but_does_not_publish(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    with app.app_context():
        patient = make_patient(clinic, now=clock())
        drafted(client, clinic, patient)
        answer = Caller(client, lambda: clinic.bearer("coordinator"))(
            "POST", f"/episodes/{patient.episode_id}/plan/publish", json={}
        )
        assert answer.status_code == 403


def test_a_plan_that_counts_from_surgery_needs_the_date_or_somebodys_word(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    with app.app_context():
        patient = make_patient(clinic, now=clock(), surgery_date=None)
        drafted(client, clinic, patient)
        path = f"/episodes/{patient.episode_id}"
        refused = Caller(client, clinic.bearer)("POST", f"{path}/plan/publish", json={})
        assert (refused.status_code, refused.json["code"]) == (422, "surgery_date_needed")
        answer = Caller(client, clinic.bearer)(
            "POST", f"{path}/plan/publish", json={"surgery_date_assumed": True}
        )
        assert answer.status_code == 200
        episode = Caller(client, clinic.bearer)("GET", path).json
        assert episode["surgery_date_assumed"] is True
        assert episode["surgery_date"] < episode["discharge_date"]


def test_a_rule_that_never_fires_names_its_field(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    with app.app_context():
        patient = make_patient(clinic, now=clock())
        draft = drafted(client, clinic, patient)
        item = draft["items"][0]
        answer = Caller(client, clinic.bearer)(
            "PATCH",
            f"/episodes/{patient.episode_id}/plan/items/{item['id']}",
            json={"rule": {"from_day": 20, "to_day": 10}},
        )
        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == "/rule/to_day"


def test_a_strangers_plan_does_not_exist(
    app: Flask,
    client: FlaskClient,
    clinic: ClinicWithStaff,
    other_clinic: ClinicWithStaff,
    clock: ManualClock,
) -> None:
    with app.app_context():
        patient = make_patient(clinic, now=clock())
        drafted(client, clinic, patient)
        for path in (patient.episode_id, uuid4()):
            answer = Caller(client, other_clinic.bearer)("GET", f"/episodes/{path}/plan")
            assert answer.status_code == 404


def test_a_second_edit_begins_a_new_revision_and_lineages_go_on(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    with app.app_context():
        patient = make_patient(clinic, now=clock())
        path = f"/episodes/{patient.episode_id}/plan"
        draft = drafted(client, clinic, patient)
        Caller(client, clinic.bearer)("POST", f"{path}/publish", json={})
        clock.advance(timedelta(days=1))
        first = draft["items"][0]
        removed = Caller(client, clinic.bearer)("DELETE", f"{path}/items/{first['id']}")
        assert removed.status_code == 204
        published = Caller(client, clinic.bearer)("POST", f"{path}/publish", json={}).json
        assert published["live"]["number"] == 2
        before = {each["id"] for each in draft["items"]}
        assert {each["id"] for each in published["live"]["items"]} == before - {first["id"]}
        with transaction(clinic.id) as session:
            gone = session.get_one(Schedule, (clinic.id, first["id"]))
            assert gone.next_due_at is None
            assert session.scalar(select(func.count()).select_from(PlanItem)) == (
                2 * len(before) - 1
            )
        listed = Caller(client, clinic.bearer)("GET", f"{path}/revisions").json["items"]
        assert [(each["number"], each["state"]) for each in listed] == [
            (2, "live"),
            (1, "superseded"),
        ]
