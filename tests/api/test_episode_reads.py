"""What staff read and enter of an episode: audited, and behind their clinic's wall."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain import notification_ids
from recovery_service.extensions import parts
from recovery_service.models import AuditEvent, CheckIn, Delivery
from tests.calls import Caller, at
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import DAILY, Item, materialise, plan_item

pytestmark = pytest.mark.usefixtures("app_context")

READS = ("check-ins", "occurrences", "deliveries", "progress")


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY, zone="Europe/Istanbul")


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


@pytest.fixture
def item(patient: PatientAtHome) -> Item:
    made = plan_item(patient, now=MONDAY - timedelta(days=1), zone="Europe/Istanbul")
    materialise(made, now=MONDAY)
    return made


def body(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "date": "2026-03-02",
        "recorded_at": "2026-03-02T08:59:00Z",
        "time_zone": "Europe/Istanbul",
        "form_version": parts().content.check_ins.form_version,
        "answers": {"nrs_back": 3},
    } | changes


def events(clinic: ClinicWithStaff) -> list[tuple[str, Any]]:
    with transaction(clinic.id) as session:
        rows = session.execute(select(AuditEvent.action, AuditEvent.patient_id)).all()
    return [(row.action, row.patient_id) for row in rows]


@pytest.mark.parametrize("read", READS)
def test_each_read_leaves_exactly_one_line(
    staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome, item: Item, read: str
) -> None:
    assert staff("GET", f"/episodes/{patient.episode_id}/{read}").status_code == 200
    assert events(clinic) == [(f"{read.replace('-', '_')}_read", patient.id)]


@pytest.mark.parametrize("read", READS)
def test_another_clinic_finds_nothing(
    client: FlaskClient, other_clinic: ClinicWithStaff, patient: PatientAtHome, read: str
) -> None:
    stranger = Caller(client, other_clinic.bearer)
    for episode in (patient.episode_id, uuid4()):
        answer = stranger("GET", f"/episodes/{episode}/{read}")
        assert (answer.status_code, answer.json["code"]) == (404, "no_such_object")
    assert (
        stranger("POST", f"/episodes/{patient.episode_id}/check-ins", json=body()).status_code
        == 404
    )
    assert events(other_clinic) == []


@pytest.mark.parametrize("read", READS)
def test_who_does_not_care_for_patients_may_not_read(
    client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome, read: str
) -> None:
    path = f"/episodes/{patient.episode_id}/{read}"
    assert Caller(client, lambda: clinic.bearer("admin"))("GET", path).status_code == 403
    assert Caller(client, patient.bearer)("GET", path).status_code == 403
    assert Caller(client, dict)("GET", path).status_code == 401


@pytest.mark.parametrize("read", READS)
def test_an_unknown_argument_is_named(staff: Caller, patient: PatientAtHome, read: str) -> None:
    answer = staff("GET", f"/episodes/{patient.episode_id}/{read}?colour=red")
    assert answer.json["errors"][0]["pointer"] == "?colour"


def test_staff_enter_what_they_are_told(
    staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    path = f"/episodes/{patient.episode_id}/check-ins"
    sent = body(reported_by="Her daughter", source="caregiver")
    answer = staff("POST", path, json=sent)
    assert answer.status_code == 201
    check_in = answer.json["check_in"]
    assert (check_in["source"], check_in["reported_by"]) == ("caregiver", "Her daughter")
    assert check_in["entered_by"] == str(clinic.staff["physiotherapist"])
    assert answer.json["monitoring"]["state"] == "watched"
    assert staff("POST", path, json=sent).status_code == 200
    assert staff("POST", path, json=sent | {"reported_by": "Her son"}).status_code == 409
    plain = staff("POST", path, json=body()).json["check_in"]
    assert (plain["source"], plain["reported_by"]) == ("staff_phone", None)
    listed = staff("GET", path).json["items"]
    assert {each["id"] for each in listed} == {check_in["id"], plain["id"]}


def test_staff_reports_follow_the_rules_of_the_patients(
    staff: Caller, patient: PatientAtHome, item: Item, clock: ManualClock
) -> None:
    path = f"/episodes/{patient.episode_id}/check-ins"
    noon = {**DAILY, "slots": {"noon": "12:00"}}
    asked = plan_item(patient, "check_in", noon, now=MONDAY - timedelta(days=1),
                      zone="Europe/Istanbul")  # fmt: skip
    materialise(asked, now=MONDAY)
    wrong = staff("POST", path, json=body(answers={"nrs_back": 11}))
    assert [error["pointer"] for error in wrong.json["errors"]] == ["/answers/nrs_back"]
    for change, pointer in (({"source": "app"}, "/source"), ({"reported_by": "x" * 101},
                            "/reported_by")):  # fmt: skip
        answer = staff("POST", path, json=body(**change))
        assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert staff("POST", path, json=body(time_zone="Mars")).status_code == 201
    assert asked.rows()["20260302.noon"].state == "done"


def test_a_check_in_of_staff_goes_to_the_episode_that_they_name(
    staff: Caller, patient: PatientAtHome, clinic: ClinicWithStaff
) -> None:
    other = make_patient(clinic, now=MONDAY)
    sent = body()
    path = f"/episodes/{patient.episode_id}/check-ins"
    assert staff("POST", path, json=sent).json["check_in"]["episode_id"] == str(patient.episode_id)
    answer = staff("POST", f"/episodes/{other.episode_id}/check-ins", json=sent)
    assert (answer.status_code, "nrs_back" in answer.text) == (409, False)
    with transaction(clinic.id) as session:
        assert session.scalars(select(CheckIn.episode_id)).all() == [patient.episode_id]


def test_occurrences_are_the_agenda_with_its_past(
    staff: Caller, patient: PatientAtHome, item: Item
) -> None:
    path = f"/episodes/{patient.episode_id}/occurrences"
    shown = staff("GET", path).json
    assert (shown["from"], shown["to"]) == ("2026-02-23", "2026-03-08")
    assert shown["time_zone"] == "Europe/Istanbul"
    assert [each["local_date"] for each in shown["items"]][:2] == ["2026-03-01", "2026-03-02"]
    assert at(shown["items"][0]["due_at"]) == MONDAY + timedelta(hours=-18)
    some = staff("GET", f"{path}?from=2026-03-03&to=2026-03-03").json["items"]
    assert [each["slot"] for each in some] == ["morning", "evening"]
    answer = staff("GET", f"{path}?from=2026-03-03&to=2026-04-03")
    assert [error["pointer"] for error in answer.json["errors"]] == ["?to"]


def test_deliveries_tell_whether_one_reached_a_device(
    staff: Caller, patient: PatientAtHome, item: Item
) -> None:
    path = f"/episodes/{patient.episode_id}/deliveries"
    with transaction(patient.clinic_id) as session:
        sent = {"state": "sent", "settled_at": MONDAY, "delivered_at": MONDAY, "attempts": 1}
        first = item.deliveries()[0].id
        session.execute(update(Delivery).where(Delivery.id == first).values(**sent))
    shown = staff("GET", path).json["items"]
    assert len(shown) == 4
    assert {each["channel"] for each in shown} == {"inbox", "webpush"}
    [reached] = [each for each in shown if each["state"] == "sent"]
    assert at(reached["sent_at"]) == at(reached["delivered_at"]) == MONDAY
    assert "opened_at" not in reached
    assert (reached["cause"], reached["carried_by"], reached["wake_at"]) == ("due", None, None)
    assert reached["why"] == "It was due."
    dues = [at(each["due_at"]) for each in shown]
    assert dues == sorted(dues, reverse=True)
    assert "key" not in reached
    pages, cursor = [], ""
    while cursor is not None:
        page = staff("GET", f"{path}?limit=1{cursor and '&cursor='}{cursor}").json
        pages += page["items"]
        cursor = page["next_cursor"]
    assert pages == shown


def test_what_another_notification_carried_arrived_with_that_one(
    staff: Caller, patient: PatientAtHome, item: Item
) -> None:
    """Planted: `delivered_at` of its own row; `carried_by` of what leads itself."""
    lead, carried = item.deliveries()[:2]
    values = {"state": "sent", "settled_at": MONDAY, "lead_id": lead.id}
    with transaction(patient.clinic_id) as session:
        change = update(Delivery).values(**values)
        session.execute(
            change.where(Delivery.id == lead.id).values(delivered_at=MONDAY, opened_at=MONDAY)
        )
        session.execute(change.where(Delivery.id == carried.id).values(reason="bundled"))
    shown = staff("GET", f"/episodes/{patient.episode_id}/deliveries").json["items"]
    by_reason = {each["reason"]: each for each in shown if each["state"] == "sent"}
    public = notification_ids.encode(parts().keys, patient.clinic_id, lead.id)
    assert (by_reason[None]["carried_by"], by_reason["bundled"]["carried_by"]) == (None, public)
    assert at(by_reason["bundled"]["delivered_at"]) == MONDAY
    assert by_reason["bundled"]["why"].startswith("It came together with others")


def test_staff_read_why_a_reminder_waits_or_did_not_come(
    staff: Caller, patient: PatientAtHome, item: Item
) -> None:
    """Planted: `wake_at` of what has ended."""
    waiting, dropped, tried = item.deliveries()[:3]
    with transaction(patient.clinic_id) as session:
        for delivery, values in (
            (waiting, {"reason": "quiet_hours", "wake_at": MONDAY + timedelta(hours=9)}),
            (dropped, {"state": "dropped", "reason": "over_budget", "settled_at": MONDAY}),
            (tried, {"reason": "throttled", "attempts": 1}),
        ):
            chosen = update(Delivery).where(Delivery.id == delivery.id)
            session.execute(chosen.values(**values))
    path = f"/episodes/{patient.episode_id}/deliveries"
    found = {each["reason"]: each for each in staff("GET", path).json["items"]}
    assert at(found["quiet_hours"]["wake_at"]) == MONDAY + timedelta(hours=9)
    assert found["over_budget"]["wake_at"] is None
    whys = {reason: each["why"] for reason, each in found.items()}
    assert whys["quiet_hours"] == "It waits until quiet hours are over."
    assert whys["over_budget"] == "The day had enough reminders; what matters more came first."
    assert whys["throttled"] == "The provider asked to slow down. It is tried again."
    turkish = staff("GET", path, headers={"Accept-Language": "tr"}).json["items"]
    again = parts().content.text("why.again", "tr", trouble="").strip()
    assert sum(again in each["why"] for each in turkish) == 1
