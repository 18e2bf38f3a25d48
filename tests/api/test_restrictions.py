"""A restriction for one patient, and a brace: one transaction for plan, reminders and words.

Defects planted, each seen red: the draft not given it; the held item still scheduled.
"""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import AuditEvent, PlanItem, PlanRevision, Schedule
from tests.calls import Caller
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient

TODAY = date(2026, 3, 2)  # day 3
LIFT = {
    "code": "lift", "limit": 2, "unit": "kg", "to_day": 20,
    "text": {"en": "Lift no more than 2 kg.", "tr": "En fazla 2 kg kaldırın."},  # noqa: RUF001
    "reason": "Seroma seen at the visit.",
}  # fmt: skip
BRACE = {
    "code": "brace", "from_date": "2026-03-02", "to_date": "2026-03-12",
    "text": {"en": "Wear the brace when up."}, "reason": "Unstable on the film.",
    "item": {
        "title": {"en": "Put on the brace"},
        "rule": {
            "slots": {"morning": "08:00"}, "valid_for_minutes": 600, "remind_via": "push",
        },
    },
}  # fmt: skip


@pytest.fixture
def patient(app_context: None, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(clinic, now=clock())


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome) -> Caller:
    return Caller(client, clinic.bearer)


@pytest.fixture
def phone(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture
def path(staff: Caller, patient: PatientAtHome) -> str:
    """Publish the plan and return the address of the episode."""
    made = f"/episodes/{patient.episode_id}"
    assert staff("POST", f"{made}/plan", json={}).status_code == 201
    assert staff("POST", f"{made}/plan/publish", json={}).status_code == 200
    return made


def add(staff: Caller, path: str, wish: dict[str, Any], **changes: Any) -> Any:
    answer = staff("POST", f"{path}/restrictions", json=wish | changes)
    assert answer.status_code == 201, answer.json
    return answer.json


def lineage(staff: Caller, path: str, kind: str) -> str:
    """Return an item of a kind that is on the agenda every day."""
    items = staff("GET", f"{path}/plan").json["live"]["items"]
    return str(
        next(
            each["id"]
            for each in items
            if each["kind"] == kind
            and each["rule"]["from_day"] <= 3
            and (each["rule"].get("to_day") or 99) > 9
        )
    )


def mine(phone: Caller, name: str, key: str) -> list[Any]:
    return [each for each in phone("GET", "/me/plan").json[key] if each["code"] == name]


def ahead(phone: Caller, title: str, until: str = "2026-03-20") -> list[str]:
    found = phone("GET", f"/me/agenda?from={TODAY}&to={until}").json["items"]
    return sorted(
        {
            each["local_date"]
            for each in found
            if each["title"] == title and each["state"] in ("upcoming", "due")
        }
    )


def title_of(staff: Caller, path: str, item: str) -> str:
    items = staff("GET", f"{path}/plan").json["live"]["items"]
    return str(next(each["title"]["en"] for each in items if each["id"] == item))


def test_a_limit_holds_at_once_and_the_plans_own_steps_back(
    path: str, staff: Caller, phone: Caller, clinic: ClinicWithStaff
) -> None:
    own = [each for each in mine(phone, "lift", "restrictions") if each["current"]]
    assert len(own) == 1
    made = add(staff, path, LIFT)
    assert (made["from_day"], made["to_day"]) == (3, 20)
    assert made["reason"] == "Seroma seen at the visit."
    assert made["added_by"] == str(clinic.staff["physiotherapist"])
    now_held = [each for each in mine(phone, "lift", "restrictions") if each["current"]]
    assert [(each["id"], each["limit"], each["to_date"]) for each in now_held] == [
        (made["id"], 2.0, "2026-03-19")
    ]
    changed = phone("GET", "/me/plan").json["what_changed"]
    assert [each["change"] for each in changed["limits"]] == ["added"]
    assert "Lift no more than 2 kg." in " ".join(changed["summary"])
    assert "Seroma" not in str(phone("GET", "/me/plan").json)


def test_the_history_says_who_when_and_why(
    path: str, staff: Caller, patient: PatientAtHome, clinic: ClinicWithStaff
) -> None:
    made = add(staff, path, LIFT)
    newest, first = staff("GET", f"{path}/plan/revisions").json["items"]
    assert (newest["number"], newest["state"], newest["note"]) == (2, "live", LIFT["reason"])
    assert newest["published_by"] == str(clinic.staff["physiotherapist"])
    assert first["state"] == "superseded"
    with transaction(clinic.id) as session:
        told = session.scalars(
            select(AuditEvent.subject_id).where(AuditEvent.action == "restriction_added")
        ).all()
    assert [str(each) for each in told] == [made["id"]]


def test_a_draft_of_somebody_else_stays_a_draft_and_gets_it(
    path: str, staff: Caller, phone: Caller
) -> None:
    walk = lineage(staff, path, "walking")
    renamed = {"title": {"en": "Half-written"}}
    assert staff("PATCH", f"{path}/plan/items/{walk}", json=renamed).status_code == 200
    made = add(staff, path, BRACE)
    plan = staff("GET", f"{path}/plan").json
    assert plan["draft"]["number"] > plan["live"]["number"] == 2
    for side, title in (("live", "Half-written"), ("draft", "Put on the brace")):
        names = [each["title"]["en"] for each in plan[side]["items"]]
        assert (title in names) == (side == "draft")
        assert "Put on the brace" in names
        assert made["id"] in [each["id"] for each in plan[side]["restrictions"]]
    assert staff("POST", f"{path}/plan/publish", json={}).status_code == 200
    assert len(ahead(phone, "Put on the brace")) == 11
    assert len(mine(phone, "brace", "restrictions")) == 1
    assert phone("GET", "/me/plan").json["revision"] == 3


def test_a_brace_comes_with_its_item_on_its_days_alone(
    path: str, staff: Caller, phone: Caller
) -> None:
    add(staff, path, BRACE)
    days = ahead(phone, "Put on the brace")
    assert (days[0], days[-1], len(days)) == ("2026-03-02", "2026-03-12", 11)


def test_what_is_held_rests_and_comes_back_by_itself(
    path: str, staff: Caller, phone: Caller, clock: ManualClock
) -> None:
    walk = lineage(staff, path, "walking")
    title = title_of(staff, path, walk)
    before = ahead(phone, title)
    assert before[0] == "2026-03-02"
    add(staff, path, LIFT, to_day=8, holds=[walk])
    assert min(ahead(phone, title)) == "2026-03-08"
    shown = next(e for e in phone("GET", "/me/plan").json["items"] if e["id"] == walk)
    assert (shown["rests"], shown["rests_until"], shown["current"]) == (True, "2026-03-07", False)


def test_ended_what_it_held_is_asked_for_again_and_what_it_brought_is_not(
    path: str, staff: Caller, phone: Caller, clock: ManualClock
) -> None:
    walk = lineage(staff, path, "walking")
    title = title_of(staff, path, walk)
    made = add(staff, path, BRACE, holds=[walk], to_date=None)
    assert ahead(phone, title) == []
    clock.set(clock().replace(day=6))
    done = staff("POST", f"{path}/restrictions/{made['id']}/end", json={"reason": "Stable."})
    assert done.status_code == 200, done.json
    (row,) = [each for each in done.json["items"] if each["id"] == made["id"]]
    assert (row["to_day"], row["holds"]) == (6, None)
    assert min(ahead(phone, title)) in ("2026-03-06", "2026-03-07")
    assert [day for day in ahead(phone, "Put on the brace") if day >= "2026-03-06"] == []
    again = staff("POST", f"{path}/restrictions/{made['id']}/end", json={"reason": "Again."})
    assert again.status_code == 422


def test_ended_on_its_first_day_it_is_taken_out_whole(
    path: str, staff: Caller, phone: Caller
) -> None:
    made = add(staff, path, BRACE)
    staff("POST", f"{path}/restrictions/{made['id']}/end", json={"reason": "Wrong patient."})
    assert mine(phone, "brace", "restrictions") == []
    assert ahead(phone, "Put on the brace") == []


def test_a_later_template_or_an_earlier_revision_does_not_swallow_it(
    path: str, staff: Caller, phone: Caller
) -> None:
    made = add(staff, path, BRACE)
    restored = staff("POST", f"{path}/plan/revisions/1/restore", json={})
    assert restored.status_code == 201, restored.json
    assert made["id"] in [each["id"] for each in restored.json["draft"]["restrictions"]]
    assert staff("PATCH", f"{path}/plan", json={"restrictions": []}).status_code == 200
    assert staff("POST", f"{path}/plan/publish", json={}).status_code == 200
    template = staff("GET", f"{path}/plan").json["template"]
    assert staff("POST", f"{path}/plan", json={"template": template}).status_code == 201
    assert staff("POST", f"{path}/plan/publish", json={}).status_code == 200
    assert [each["id"] for each in mine(phone, "brace", "restrictions")] == [made["id"]]
    assert len(ahead(phone, "Put on the brace")) == 11


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"from_day": 1, "to_day": 2}, "/to_day"),
        ({"from_day": 9, "to_day": 8}, "/to_day"),
        ({"from_day": 9, "from_date": "2026-03-09"}, "/from_date"),
        ({"from_date": "2026-02-01"}, "/from_date"),
        ({"unit": None}, "/unit"),
        ({"reason": ""}, "/reason"),
        ({"holds": [str(uuid4())]}, "/holds/0"),
        ({"item": {"title": {"en": "X"}, "rule": {"slots": {}}}}, "/item/rule/"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field_and_nothing_changes(
    path: str, staff: Caller, patient: PatientAtHome, changes: dict[str, Any], pointer: str
) -> None:
    answer = staff("POST", f"{path}/restrictions", json=LIFT | changes)
    problem = answer.get_json(force=True)
    assert answer.status_code == 422, problem
    assert problem["errors"][0]["pointer"].startswith(pointer)
    with transaction(patient.clinic_id) as session:
        assert session.scalars(select(PlanRevision.state)).all() == ["live"]


def test_a_check_in_is_never_held(path: str, staff: Caller) -> None:
    asked = lineage(staff, path, "check_in")
    answer = staff("POST", f"{path}/restrictions", json=LIFT | {"holds": [asked]})
    assert (answer.status_code, answer.get_json(force=True)["errors"][0]["pointer"]) == (
        422, "/holds/0",
    )  # fmt: skip


def test_a_second_of_one_code_in_the_same_days_is_refused(path: str, staff: Caller) -> None:
    add(staff, path, LIFT)
    answer = staff("POST", f"{path}/restrictions", json=LIFT | {"from_day": 10})
    assert answer.status_code == 422


def test_a_coordinator_adds_none_and_a_patient_neither(
    path: str, staff: Caller, client: FlaskClient, clinic: ClinicWithStaff, phone: Caller
) -> None:
    someone = Caller(client, lambda: clinic.bearer("coordinator"))
    assert someone("POST", f"{path}/restrictions", json=LIFT).status_code == 403
    assert phone("POST", f"{path}/restrictions", json=LIFT).status_code == 403
    assert someone("GET", f"{path}/restrictions").status_code == 200


def test_a_failure_half_way_leaves_nothing(
    path: str, staff: Caller, patient: PatientAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("recovery_service.services.restrictions.publish_schedules", fail)
    assert staff("POST", f"{path}/restrictions", json=BRACE).status_code == 500
    with transaction(patient.clinic_id) as session:
        assert session.scalars(select(PlanRevision.state)).all() == ["live"]
        titles = session.scalars(select(PlanItem.title)).all()
        assert {"en": "Put on the brace"} not in titles
        assert session.scalars(select(Schedule.id)).first() is not None
