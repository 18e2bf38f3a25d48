"""Whom the clinic calls: dated, due on the day, and gone once the check-in is entered."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Appointment, Destination
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import Item, materialise, plan_item

pytestmark = pytest.mark.usefixtures("app_context")

DAILY: dict[str, Any] = {
    "anchor": "discharge",
    "from_day": 0,
    "slots": {"evening": "17:30"},
    "valid_for_minutes": 360,
}
WEEKLY = DAILY | {"weekdays": [3]}
DAY = timedelta(days=1)


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


def at_home(clinic: ClinicWithStaff, **changes: Any) -> PatientAtHome:
    values: dict[str, Any] = {"phone": False, "contact_mode": "phone"} | changes
    return make_patient(clinic, now=MONDAY, **values)


def asked(patient: PatientAtHome, rule: dict[str, Any] | None = None) -> Item:
    return plan_item(patient, "check_in", rule or DAILY, now=MONDAY)


def tasks(staff: Caller, query: str = "") -> list[Any]:
    answer = staff("GET", f"/call-tasks{query}")
    assert answer.status_code == 200, answer.json
    items: list[Any] = answer.json["items"]
    return items


def enter(staff: Caller, patient: PatientAtHome, day: str) -> None:
    report = {
        "id": str(uuid4()),
        "date": day,
        "recorded_at": f"{day}T10:00:00Z",
        "time_zone": "Europe/London",
        "form_version": "1",
        "answers": {},
    }
    answer = staff("POST", f"/episodes/{patient.episode_id}/check-ins", json=report)
    assert answer.status_code == 201, answer.json


def number(patient: PatientAtHome, value: str) -> None:
    with transaction(patient.clinic_id) as session:
        session.add(
            Destination(
                clinic_id=patient.clinic_id, id=uuid4(), patient_id=patient.id, channel="sms",
                address=value, created_at=MONDAY,
            )
        )  # fmt: skip


def to_book(clinic: ClinicWithStaff, patient: PatientAtHome, opens: date) -> None:
    with transaction(patient.clinic_id) as session:
        session.add(
            Appointment(
                clinic_id=clinic.id, id=uuid4(), patient_id=patient.id,
                episode_id=patient.episode_id, site_id=clinic.site_id, kind="visit",
                state="to_book", title={"en": "Six weeks", "tr": "Altı hafta"},  # noqa: RUF001
                window_from=opens, window_to=opens + 7 * DAY, created_at=MONDAY,
                updated_at=MONDAY,
            )
        )  # fmt: skip


def test_a_check_in_is_a_call_of_its_own_day(staff: Caller, clinic: ClinicWithStaff) -> None:
    """Planted: wait for the row; a morning's list would then miss the evening's."""
    patient = at_home(clinic, name="Ada")
    asked(patient)
    number(patient, "+447700900001")
    assert tasks(staff) == [
        {
            "on": "2026-03-02",
            "patient_id": str(patient.id),
            "name": "Ada",
            "time_zone": "Europe/London",
            "locale": "en",
            "episode_id": str(patient.episode_id),
            "procedure": "lumbar_microdiscectomy",
            "phones": ["+447700900001"],
            "reasons": [
                {
                    "code": "check_in_due",
                    "text": "Check-in due since 2 Mar 2026",
                    "since": "2026-03-02",
                    "until": None,
                    "missed": 1,
                }
            ],
        }
    ]


def test_entering_the_check_in_ends_the_call_and_the_reminder(
    staff: Caller, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    """Planted: ask for rows alone; or for what is due whatever was told."""
    patient = at_home(clinic)
    item = asked(patient)
    materialise(item, now=clock.advance(timedelta(hours=9)))
    assert len(tasks(staff)) == 1
    enter(staff, patient, "2026-03-02")
    assert tasks(staff) == []
    assert item.rows()["20260302.evening"].state == "done"
    [tomorrow] = tasks(staff, "?on=2026-03-03")
    assert (tomorrow["on"], tomorrow["reasons"][0]["since"]) == ("2026-03-03", "2026-03-03")


def test_what_was_not_answered_stays_a_call_with_its_date(
    staff: Caller, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    """Planted: look at the day asked for alone."""
    patient = at_home(clinic)
    asked(patient)
    clock.advance(2 * DAY)
    [task] = tasks(staff)
    assert (task["reasons"][0]["since"], task["reasons"][0]["missed"]) == ("2026-03-02", 3)
    enter(staff, patient, "2026-03-03")
    [task] = tasks(staff)
    assert (task["reasons"][0]["since"], task["reasons"][0]["missed"]) == ("2026-03-04", 1)


@pytest.mark.parametrize(("on", "calls"), [("2026-03-03", 0), ("2026-03-04", 1)])
def test_a_day_without_a_check_in_has_no_call(
    staff: Caller, clinic: ClinicWithStaff, on: str, calls: int
) -> None:
    asked(at_home(clinic), WEEKLY)
    assert len(tasks(staff, f"?on={on}")) == calls


NOBODY: dict[str, dict[str, Any]] = {
    "has the app": {"contact_mode": "app"},
    "wants no contact": {"contact_mode": "none"},
    "rests": {"preferences": {"pause": {"from": "2026-03-01", "to": "2026-03-02"}}},
}


@pytest.mark.parametrize("who", list(NOBODY))
def test_who_has_the_app_or_wants_to_be_left_alone_is_not_called(
    staff: Caller, clinic: ClinicWithStaff, who: str
) -> None:
    """Planted: each condition taken out in turn."""
    asked(at_home(clinic, **NOBODY[who]))
    assert tasks(staff) == []


@pytest.mark.parametrize("what", ["hold", "end"])
def test_nobody_is_called_about_a_plan_that_is_held_or_over(
    staff: Caller, clinic: ClinicWithStaff, what: str
) -> None:
    patient = at_home(clinic)
    asked(patient)
    body = {"reason": "completed" if what == "end" else "readmission"}
    assert staff("POST", f"/episodes/{patient.episode_id}/{what}", json=body).status_code == 200
    assert tasks(staff) == []


def test_a_visit_to_book_is_a_reason_in_the_readers_language(
    client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    patient = at_home(clinic)
    to_book(clinic, patient, date(2026, 3, 1))
    to_book(clinic, patient, date(2026, 3, 9))
    headers = clinic.bearer() | {"Accept-Language": "tr"}
    answer: Any = client.get("/api/v1/call-tasks?on=2026-03-02", headers=headers)
    [task] = answer.json["items"]
    assert [each["code"] for each in task["reasons"]] == ["appointment_to_book"]
    assert task["reasons"][0]["until"] == "2026-03-08"
    assert "Altı hafta" in task["reasons"][0]["text"]  # noqa: RUF001


def test_check_ins_come_first_and_who_waits_longest_and_pages_are_of_one_day(
    staff: Caller, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    """Planted: sort by name; leave the day out of the cursor."""
    asked(at_home(other_clinic, name="Foreign"))
    visits = at_home(clinic, name="Ann")
    to_book(clinic, visits, date(2026, 3, 1))
    late, early = at_home(clinic, name="bea"), at_home(clinic, name="Cem")
    asked(late)
    asked(early)
    clock.advance(DAY)
    enter(staff, late, "2026-03-02")
    assert [task["name"] for task in tasks(staff)] == ["Cem", "bea", "Ann"]
    names, cursor = [], ""
    for _ in range(3):
        page = staff("GET", f"/call-tasks?limit=1{cursor}").json
        names += [task["name"] for task in page["items"]]
        assert {task["on"] for task in page["items"]} == {"2026-03-03"}
        cursor = f"&cursor={page['next_cursor']}"
        clock.set(MONDAY + DAY + timedelta(hours=16))  # by now another day in the east
    assert names == ["Cem", "bea", "Ann"]
    assert page["next_cursor"] is None


def test_today_is_the_sites_own(staff: Caller, clinic: ClinicWithStaff, clock: ManualClock) -> None:
    """Planted: take the server's date."""
    asked(at_home(clinic))
    clock.set(MONDAY + 27 * DAY + timedelta(hours=14, minutes=30))  # summer time begins
    assert tasks(staff)[0]["on"] == "2026-03-30"


def test_the_caseload_says_so_on_the_day_itself(staff: Caller, clinic: ClinicWithStaff) -> None:
    """Planted: wait until two were missed."""
    patient = at_home(clinic)
    asked(patient)
    [entry] = staff("GET", "/patients").json["items"]
    [reason] = [each for each in entry["reasons"] if each["code"] == "call_due"]
    assert reason["text"] == "To be called: check-in due since 2 Mar 2026"
    assert reason["facts"] == {"since": "2026-03-02", "missed": 1}
    enter(staff, patient, "2026-03-02")
    [entry] = staff("GET", "/patients").json["items"]
    assert "call_due" not in [each["code"] for each in entry["reasons"]]
    assert UUID(entry["id"]) == patient.id


@pytest.mark.parametrize("query", ["on=2026-3-2", "on=yesterday", "cursor=x", "limit=0"])
def test_what_is_not_a_day_or_a_page_is_refused(staff: Caller, query: str) -> None:
    assert staff("GET", f"/call-tasks?{query}").status_code == 422
