"""Alerts over the HTTP API: one line a patient, and each step by whom it may be taken.

Defects planted, each seen red: a coordinator resolving an emergency; the bulk stopping half
way; a reopened alert beside a newer one of its rule.
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Alert, StaffNotice
from tests.calls import Caller, at
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.reports import report

pytestmark = pytest.mark.usefixtures("app_context")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def call(client: FlaskClient, clinic: ClinicWithStaff) -> Any:
    """Return what sends a request as somebody of a role."""

    def sent(method: str, path: str, *, role: str = "physiotherapist", **options: Any) -> Any:
        return Caller(client, lambda: clinic.bearer(role))(method, path, **options)

    return sent


def alerts(clinic: ClinicWithStaff) -> list[Alert]:
    with transaction(clinic.id) as session:
        return list(session.scalars(select(Alert).order_by(Alert.raised_at, Alert.id)))


def test_one_bad_morning_is_one_line_with_its_reasons(
    call: Any, patient: PatientAtHome, clock: ManualClock
) -> None:
    report(patient, now=clock(), saddle_numb=True, calf="left", days_since_bowels=4)
    (line,) = call("GET", "/alerts").json["items"]
    assert line["patient_id"] == str(patient.id)
    assert (line["tier"], line["open"], line["overdue"]) == ("emergency", True, False)
    assert at(line["respond_by"]) == clock() + HOUR
    assert [each["tier"] for each in line["alerts"]] == [
        "emergency",
        "same_day",
        "next_business_day",
    ]
    assert line["alerts"][0]["facts"][0]["text"] == "Numb between the legs: Yes"


def test_patients_are_ranked_by_what_nobody_has_seen_and_pages_go_on(
    call: Any, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    people = [make_patient(clinic, now=MONDAY, name=name) for name in ("A", "B", "C")]
    report(people[0], now=clock(), days_since_bowels=4)
    report(people[1], now=clock(), saddle_numb=True)
    report(people[2], now=clock(), calf="left")
    assert [line["name"] for line in call("GET", "/alerts").json["items"]] == ["B", "C", "A"]
    seen = next(each for each in alerts(clinic) if each.tier == "emergency")
    call("POST", f"/alerts/{seen.id}/acknowledge", json={})
    first = call("GET", "/alerts?limit=2").json
    rest = call("GET", f"/alerts?limit=2&cursor={first['next_cursor']}").json
    names = [line["name"] for page in (first, rest) for line in page["items"]]
    assert (names, rest["next_cursor"]) == (["C", "A", "B"], None)
    assert [line["name"] for line in call("GET", "/alerts?mine=true").json["items"]] == ["B"]


def test_an_alert_is_acknowledged_assigned_resolved_and_reopened_with_its_history(
    call: Any, patient: PatientAtHome, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    report(patient, now=clock(), calf="left")
    (alert,) = alerts(clinic)
    path = f"/alerts/{alert.id}"
    clock.advance(HOUR)
    seen = call("POST", f"{path}/acknowledge", json={"note": "Called, no answer"}).json
    assert (seen["state"], seen["assigned_name"]) == ("acknowledged", "Test Physiotherapist")
    call("POST", f"{path}/acknowledge", json={})  # twice is once ...
    clock.advance(HOUR)
    call("POST", f"{path}/acknowledge", json={"note": "Called again"})  # ... but for what is said
    clock.advance(HOUR)
    surgeon = str(clinic.staff["surgeon"])
    assert call("POST", f"{path}/assign", json={"staff_id": surgeon}).json["assigned_to"] == surgeon
    clock.advance(HOUR)
    closed = call(
        "POST", f"{path}/resolve", role="surgeon", json={"resolution": "advised", "note": "Fine"}
    ).json
    assert (closed["state"], closed["resolution"]) == ("resolved", "advised")
    assert call("POST", f"{path}/resolve", json={"resolution": "advised"}).json["code"] == (
        "alert_resolved"
    )
    assert call("GET", "/alerts").json["items"] == []
    clock.advance(HOUR)
    again = call("POST", f"{path}/reopen", json={"note": "Called back"}).json
    assert (again["state"], again["resolution"], again["resolved_at"]) == (
        "acknowledged",
        None,
        None,
    )
    assert call("POST", f"{path}/reopen", json={}).json["code"] == "alert_unresolved"
    told = [(each["kind"], each["by"]) for each in again["events"]]
    assert told == [
        ("raised", None),
        ("acknowledged", "Test Physiotherapist"),
        ("noted", "Test Physiotherapist"),
        ("assigned", "Test Physiotherapist"),
        ("resolved", "Test Surgeon"),
        ("reopened", "Test Physiotherapist"),
    ]
    with transaction(clinic.id) as session:
        mailed = session.scalars(select(StaffNotice).where(StaffNotice.cause == "assigned")).one()
    assert str(mailed.staff_id) == surgeon


def test_the_story_has_the_advice_word_for_word_and_what_the_patient_did(
    call: Any, client: FlaskClient, patient: PatientAtHome, clinic: ClinicWithStaff,
    clock: ManualClock,
) -> None:  # fmt: skip
    (advised,) = report(patient, now=clock(), calf="left").verdict.advised
    phone = Caller(client, patient.bearer)
    answer = {"id": str(uuid4()), "response": "cannot_call"}
    phone("POST", f"/me/advice/{advised.id}/response", json=answer)
    story = call("GET", f"/alerts/{advised.alert_id}").json
    (given,) = story["advice"]
    assert given["text"] == advised.text["en"]
    assert [each["response"] for each in given["responses"]] == ["cannot_call"]
    assert story["response"] == "cannot_call"


@pytest.mark.parametrize(
    ("answers", "role", "status"),
    [
        ({"saddle_numb": True}, "coordinator", 403),
        ({"saddle_numb": True}, "surgeon", 200),
        ({"calf": "left"}, "coordinator", 403),
        ({"days_since_bowels": 4}, "coordinator", 200),
    ],
)
def test_what_is_pressing_only_a_clinician_closes(
    call: Any, patient: PatientAtHome, clinic: ClinicWithStaff, clock: ManualClock,
    answers: dict[str, Any], role: str, status: int,
) -> None:  # fmt: skip
    report(patient, now=clock(), **answers)
    (alert,) = alerts(clinic)
    done = call("POST", f"/alerts/{alert.id}/resolve", role=role, json={"resolution": "advised"})
    assert done.status_code == status
    assert alerts(clinic)[0].state == ("resolved" if status == 200 else "open")


def test_it_is_not_given_to_who_could_not_close_it_nor_to_a_stranger(
    call: Any, patient: PatientAtHome, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    report(patient, now=clock(), saddle_numb=True)
    (alert,) = alerts(clinic)
    for staff_id in (clinic.staff["coordinator"], clinic.staff["admin"], uuid4()):
        refused = call("POST", f"/alerts/{alert.id}/assign", json={"staff_id": str(staff_id)})
        assert refused.status_code == 422
        assert refused.json["errors"][0]["pointer"] == "/staff_id"


def test_several_of_the_least_pressing_tier_are_acknowledged_together_or_not_at_all(
    call: Any, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    for name in ("A", "B"):
        report(make_patient(clinic, now=MONDAY, name=name), now=clock(), days_since_bowels=4)
    report(make_patient(clinic, now=MONDAY), now=clock(), saddle_numb=True)
    mild = [str(each.id) for each in alerts(clinic) if each.tier == "next_business_day"]
    hot = [str(each.id) for each in alerts(clinic) if each.tier == "emergency"]
    refused = call("POST", "/alerts/acknowledge", json={"ids": [*mild, *hot, str(uuid4())]})
    assert [each["pointer"] for each in refused.json["errors"]] == ["/ids/2", "/ids/3"]
    assert {each.state for each in alerts(clinic)} == {"open"}
    done = call("POST", "/alerts/acknowledge", json={"ids": mild})
    assert [each["state"] for each in done.json["items"]] == ["acknowledged"] * 2
    assert sorted(each.state for each in alerts(clinic)) == ["acknowledged"] * 2 + ["open"]


def test_an_old_alert_is_not_reopened_beside_a_newer_one_of_its_rule(
    call: Any, patient: PatientAtHome, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    report(patient, now=clock(), saddle_numb=True)
    (old,) = alerts(clinic)
    call("POST", f"/alerts/{old.id}/resolve", json={"resolution": "advised"})
    clock.advance(DAY)
    report(patient, now=clock(), saddle_numb=True)
    refused = call("POST", f"/alerts/{old.id}/reopen", json={})
    assert (refused.status_code, refused.json["code"]) == (409, "alert_superseded")


def test_the_caseload_says_the_alert_instead_of_the_answer(
    call: Any, patient: PatientAtHome, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    report(patient, now=clock(), saddle_numb=True)
    (row,) = call("GET", "/patients").json["items"]
    assert row["reasons"][0]["text"] == "Alert: Numbness between the legs"
    clock.advance(2 * HOUR)
    (row,) = call("GET", "/patients").json["items"]
    assert row["reasons"][0]["text"].startswith("Alert, not looked at in time")
    assert "warning_answer" not in [each["code"] for each in row["reasons"]]


def test_an_episode_that_is_ended_closes_its_alerts_in_the_same_transaction(
    call: Any, patient: PatientAtHome, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    report(patient, now=clock(), saddle_numb=True)
    call("POST", f"/episodes/{patient.episode_id}/end", json={"reason": "deceased"})
    assert [(each.state, each.resolution) for each in alerts(clinic)] == [
        ("resolved", "episode_ended")
    ]
    listed = call("GET", f"/episodes/{patient.episode_id}/alerts").json["items"]
    assert [each["resolution"] for each in listed] == ["episode_ended"]


def test_absences_are_noted_by_an_admin_and_name_another_colleague(
    call: Any, clinic: ClinicWithStaff
) -> None:
    who, cover = clinic.staff["physiotherapist"], clinic.staff["surgeon"]
    path = f"/staff/{who}/absences"
    away = {"from": "2026-03-02", "to": "2026-03-06", "cover": str(cover)}
    made = call("POST", path, role="admin", json=away)
    assert made.status_code == 201
    assert call("GET", path).json["items"] == [made.json]
    for wrong, pointer in (
        ({"to": "2026-03-01"}, "/to"),
        ({"cover": str(who)}, "/cover"),
        ({"cover": str(uuid4())}, "/cover"),
    ):
        refused = call("POST", path, role="admin", json=away | wrong)
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, pointer)
    assert call("DELETE", f"{path}/{made.json['id']}", role="admin").status_code == 204
    assert call("GET", path).json["items"] == []


def test_monitoring_ends_visibly_on_the_date_that_staff_choose(
    call: Any, client: FlaskClient, patient: PatientAtHome, clock: ManualClock
) -> None:
    phone = Caller(client, patient.bearer)
    path = f"/episodes/{patient.episode_id}"
    assert phone("GET", "/me").json["monitoring"]["monitored_until"] == "2026-05-28"  # day 90
    changed = call("PATCH", path, json={"monitored_until": "2026-03-02"})
    assert changed.json["monitored_until"] == "2026-03-02"
    assert phone("GET", "/me").json["monitoring"]["state"] == "watched"
    clock.advance(DAY)
    monitoring = phone("GET", "/me").json["monitoring"]
    assert (monitoring["state"], monitoring["monitored_until"]) == ("not_monitored", "2026-03-02")
    advised = report(patient, now=clock(), saddle_numb=True).verdict.advised
    assert [each.rule_id for each in advised] == ["CES1"]  # advice goes on


def test_every_patient_is_on_one_page_and_ranked_as_of_the_first(
    call: Any, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    """Planted: order by tier alone; leave `as_of` out, so that a newcomer is on a later page."""
    names = ["Ada", "ada", "Çelik", "Zoe", "Ada", "Öz", "Bo"]
    answers: tuple[dict[str, Any], ...] = (
        {"days_since_bowels": 4},
        {"calf": "left"},
        {"saddle_numb": True},
    )
    for place, name in enumerate(names):
        someone = make_patient(clinic, now=MONDAY, name=name)
        for which in {place % 3, place % 2}:
            report(someone, now=clock(), **answers[which])
        if place % 4 == 1:
            for alert in alerts(clinic):
                if alert.patient_id == someone.id:
                    call("POST", f"/alerts/{alert.id}/acknowledge", json={})
        clock.advance(timedelta(minutes=7 * (place % 2)))
    whole = [line["patient_id"] for line in call("GET", "/alerts?limit=200").json["items"]]
    assert len(set(whole)) == len(names)
    expected = sorted(
        call("GET", "/alerts?limit=200").json["items"],
        key=lambda line: (
            not line["open"],
            ["emergency", "same_day", "next_business_day"].index(line["tier"]),
            line["respond_by"] or min(each["raised_at"] for each in line["alerts"]),
            line["name"],
            line["patient_id"],
        ),
    )
    assert whole == [line["patient_id"] for line in expected]
    paged, cursor = [], ""
    while cursor is not None:
        page = call("GET", f"/alerts?limit=2{cursor and '&cursor=' + cursor}").json
        paged += [line["patient_id"] for line in page["items"]]
        cursor = page["next_cursor"]
        clock.advance(timedelta(seconds=1))
        newcomer = make_patient(clinic, now=clock(), name="New")
        report(newcomer, now=clock(), days_since_bowels=4)
    assert paged == whole


def test_what_happens_in_one_instant_is_told_in_the_order_in_which_it_happened(
    call: Any, patient: PatientAtHome, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    """Planted: order by instant and id; ids of one millisecond are in no order."""
    report(patient, now=clock(), calf="left")
    (alert,) = alerts(clinic)
    notes = [f"note {number}" for number in range(20)]
    for note in notes:
        call("POST", f"/alerts/{alert.id}/notes", json={"note": note})
    events = call("GET", f"/alerts/{alert.id}").json["events"]
    assert len({each["at"] for each in events}) == 1
    assert events[0]["kind"] == "raised"
    assert [each["note"] for each in events][1:] == notes
