"""The plan that the patient follows, on the patient's own calendar."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.extensions import db
from recovery_service.models import Episode, Patient
from tests.calls import Caller, at
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient


@pytest.fixture
def patient(app_context: None, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(clinic, now=clock())


@pytest.fixture
def phone(client: FlaskClient, patient: PatientAtHome) -> Any:
    return Caller(client, patient.bearer)


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome) -> Any:
    return Caller(client, clinic.bearer)


def published(staff: Caller, patient: PatientAtHome) -> dict[str, Any]:
    path = f"/episodes/{patient.episode_id}/plan"
    staff("POST", path, json={})
    answer = staff("POST", f"{path}/publish", json={})
    assert answer.status_code == 200, answer.json
    return dict(answer.json["live"])


def change(patient: PatientAtHome, model: Any, **values: Any) -> None:
    own = patient.episode_id if model is Episode else patient.id
    with transaction(patient.clinic_id) as session:
        session.execute(update(model).where(model.id == own).values(**values))


def test_before_a_clinician_publishes_there_is_nothing_but_the_state(
    phone: Caller, staff: Caller, patient: PatientAtHome
) -> None:
    staff("POST", f"/episodes/{patient.episode_id}/plan", json={})
    plan = phone("GET", "/me/plan").json
    assert plan.pop("plan_state") == "awaiting_clinician"
    assert plan == {
        "revision": None, "effective_from": None, "published_at": None, "phases": [],
        "items": [], "restrictions": [], "sources": None, "what_changed": None,
        "valid_until": None,
    }  # fmt: skip


def test_what_was_published_is_there_in_the_patients_language(
    phone: Caller, staff: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    live = published(staff, patient)
    plan = phone("GET", "/me/plan").json
    assert (plan["plan_state"], plan["revision"]) == ("active", 1)
    assert at(plan["published_at"]) == clock()
    assert [each["id"] for each in plan["items"]] == [each["id"] for each in live["items"]]
    assert [each["title"] for each in plan["items"]] == [i["title"]["en"] for i in live["items"]]
    turkish = phone("GET", "/me/plan", headers={"Accept-Language": "tr"}).json
    assert [i["title"] for i in turkish["items"]] == [i["title"]["tr"] for i in live["items"]]
    limits = sorted(live["restrictions"], key=lambda r: (r["from_day"], r["code"]))
    assert [r["text"] for r in turkish["restrictions"]] == [r["text"]["tr"] for r in limits]
    item = next(i for i in plan["items"] if i["dose"])
    rule = next(i for i in live["items"] if i["id"] == item["id"])["rule"]
    assert {slot["slot"]: slot["time"] for slot in item["when"]["slots"]} == rule["slots"]
    named = {key for each in plan["items"] + plan["restrictions"] for key in each["source"]}
    assert set(plan["sources"]) == named


def test_days_are_dates_of_the_patient_and_today_stands_out(
    phone: Caller, staff: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    published(staff, patient)
    surgery = date(2026, 2, 27)
    for plan in _on(phone, clock, 0, 10, 40):
        today = clock().date()
        for each in plan["restrictions"] + plan["phases"]:
            first = surgery + timedelta(days=each["from_day"])
            last = None if each["to_day"] is None else surgery + timedelta(days=each["to_day"])
            assert each["from_date"] == first.isoformat()
            assert each["to_date"] == (last and last.isoformat())
            assert each["current"] is (first <= today and (last is None or today <= last))
        assert sum(phase["current"] for phase in plan["phases"]) == 1
        assert any(each["current"] for each in plan["restrictions"])


def _on(phone: Caller, clock: ManualClock, *days: int) -> Any:
    start = clock()
    for day in days:
        clock.set(start + timedelta(days=day))
        yield phone("GET", "/me/plan").json


def test_the_day_turns_at_the_patients_midnight(
    phone: Caller, staff: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    published(staff, patient)
    change(patient, Patient, time_zone="Pacific/Auckland")
    plan = phone("GET", "/me/plan").json
    until = at(plan["valid_until"])
    clock.set(until - timedelta(seconds=1))
    before = phone("GET", "/me/plan").json
    clock.set(until)
    after = phone("GET", "/me/plan").json
    assert (until.hour, before["items"] == plan["items"]) == (11, True)
    assert _current(before) == _current(plan)
    assert _current(after) != _current(before)


def _current(plan: dict[str, Any]) -> list[bool]:
    return [each["current"] for name in ("phases", "items", "restrictions") for each in plan[name]]


def test_own_times_are_the_times_that_are_shown(
    phone: Caller, staff: Caller, patient: PatientAtHome
) -> None:
    live = published(staff, patient)
    item = next(i for i in live["items"] if i["kind"] == "walking")
    slot = next(iter(item["rule"]["slots"]))
    change(patient, Patient, preferences={"reminder_times": {item["id"]: {slot: "05:45"}}})
    shown = {each["id"]: each for each in phone("GET", "/me/plan").json["items"]}
    assert shown[item["id"]]["when"]["slots"][0] == {"slot": slot, "time": "05:45"}


def test_what_changed_names_what_is_new_gone_and_different(
    phone: Caller, staff: Caller, patient: PatientAtHome
) -> None:
    live = published(staff, patient)
    assert phone("GET", "/me/plan").json["what_changed"] is None
    gone, other = live["items"][0], live["items"][1]
    path = f"/episodes/{patient.episode_id}/plan"
    staff("DELETE", f"{path}/items/{gone['id']}")
    staff("PATCH", f"{path}/items/{other['id']}", json={"title": {"tr": "Yeni"}})
    new = {
        "kind": "walking",
        "title": {"en": "To the park"},
        "rule": {
            "anchor": "discharge",
            "from_day": 3,
            "every_days": 1,
            "slots": {"noon": "12:00"},
            "valid_for_minutes": 60,
        },
    }
    added = staff("POST", f"{path}/items", json=new)
    assert added.status_code == 201, added.json
    assert phone("GET", "/me/plan").json["what_changed"] is None  # a draft reaches nobody
    staff("POST", f"{path}/publish", json={})
    changed = phone("GET", "/me/plan").json["what_changed"]
    assert changed == {
        "since": 1,
        "added": [{"id": added.json["id"], "title": "To the park", "fields": []}],
        "removed": [{"id": gone["id"], "title": gone["title"]["en"], "fields": []}],
        # Written in one language only: better than nothing in another.
        "changed": [{"id": other["id"], "title": "Yeni", "fields": ["title"]}],
        "restrictions": False,
        "limits": [],
        "restored_from": None,
        "summary": [
            "New: To the park",
            "Changed: Yeni (name)",
            f"No longer part of your plan: {gone['title']['en']}",
        ],
    }
    staff("PATCH", path, json={"restrictions": []})
    staff("POST", f"{path}/publish", json={})
    changed = phone("GET", "/me/plan").json["what_changed"]
    assert (changed["since"], changed["changed"], changed["restrictions"]) == (2, [], True)


@pytest.mark.parametrize(("state", "told"), [("on_hold", "paused"), ("ended", "ended")])
def test_a_plan_that_rests_says_so(
    phone: Caller, staff: Caller, patient: PatientAtHome, clock: ManualClock, state: str, told: str
) -> None:
    published(staff, patient)
    more = {"held_at": clock()} if state == "on_hold" else {"end_reason": "completed", "ended_on": clock().date()}  # fmt: skip  # noqa: E501
    change(patient, Episode, state=state, **more)
    plan = phone("GET", "/me/plan").json
    assert plan["plan_state"] == told
    assert len(plan["items"]) > 10


def test_it_takes_a_handful_of_statements_whatever_the_plan_holds(
    phone: Caller, staff: Caller, patient: PatientAtHome
) -> None:
    published(staff, patient)
    patient.bearer()
    sent: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "plan_" in statement:
            sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        phone("GET", "/me/plan")
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert 0 < len(sent) <= 3
