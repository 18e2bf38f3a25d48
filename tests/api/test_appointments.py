"""Appointments: from to be booked to what came of them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import AuditEvent
from tests.calls import Caller
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient

LATER = "2026-03-10T14:30:00+00:00"


@pytest.fixture
def patient(app_context: None, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(clinic, now=clock(), locale="tr", zone="America/New_York")


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome) -> Any:
    return Caller(client, lambda: clinic.bearer("coordinator"))


def added(staff: Caller, patient: PatientAtHome, **body: Any) -> dict[str, Any]:
    answer = staff("POST", _path(patient), json={"kind": "wound_check"} | body)
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def _path(patient: PatientAtHome) -> str:
    return f"/episodes/{patient.episode_id}/appointments"


def changed(staff: Caller, row: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = staff("PATCH", f"/appointments/{row['id']}", json=body)
    assert answer.status_code == 200, answer.json
    return dict(answer.json)


def refused(staff: Caller, row: dict[str, Any], **body: Any) -> tuple[int, str, str]:
    answer = staff("PATCH", f"/appointments/{row['id']}", json=body)
    return answer.status_code, answer.json["code"], answer.json["errors"][0]["pointer"]


def test_a_time_books_what_is_to_be_booked(
    staff: Caller, patient: PatientAtHome, clinic: ClinicWithStaff
) -> None:
    row = added(staff, patient, window={"from": "2026-03-09", "to": "2026-03-13"})
    assert (row["state"], row["starts_at"], row["minutes"]) == ("to_book", None, None)
    assert row["window"] == {"from": "2026-03-09", "to": "2026-03-13"}
    booked = changed(staff, row, starts_at=LATER, location="Room 4")
    assert (booked["state"], booked["minutes"], booked["site"]) == (
        "booked",
        30,
        str(clinic.site_id),
    )
    assert (booked["starts_at"], booked["location"]) == (LATER, "Room 4")
    assert booked["version"] == row["version"] + 1
    again = changed(staff, booked, state="to_book")
    assert (again["state"], again["starts_at"]) == ("to_book", None)


def test_a_booked_one_without_an_outcome_reads_as_unknown_when_it_is_over(
    staff: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    row = added(staff, patient, starts_at=LATER)
    assert refused(staff, row, state="attended") == (422, "invalid_field", "/state")
    clock.advance(timedelta(days=8, hours=5))
    # Early on the very day: who comes early has come.
    assert staff("GET", _path(patient)).json["items"][0]["state"] == "booked"
    clock.advance(timedelta(hours=1))
    assert staff("GET", _path(patient)).json["items"][0]["state"] == "outcome_unknown"
    attended = changed(staff, row, state="attended")
    assert attended["state"] == "attended"
    assert changed(staff, row, state="missed")["state"] == "missed"  # a mistake, corrected
    assert refused(staff, row, state="booked") == (409, "appointment_settled", "/state")


def test_an_unknown_outcome_can_be_booked_anew(
    staff: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    row = added(staff, patient, starts_at=LATER)
    clock.advance(timedelta(days=9))
    assert refused(staff, row, state="booked") == (422, "invalid_field", "/starts_at")
    assert refused(staff, row, starts_at="2026-03-10T15:00:00Z") == (
        422, "invalid_field", "/starts_at",
    )  # fmt: skip
    moved = changed(staff, row, starts_at="2026-03-20T09:00:00+01:00")
    assert (moved["state"], moved["starts_at"]) == ("booked", "2026-03-20T08:00:00+00:00")


def test_the_past_needs_its_outcome(staff: Caller, patient: PatientAtHome) -> None:
    past = "2026-03-01T10:00:00Z"
    answer = staff("POST", _path(patient), json={"kind": "visit", "starts_at": past})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/starts_at")
    assert added(staff, patient, starts_at=past, state="missed")["state"] == "missed"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "Wound check"}, "/kind"),
        ({"state": "outcome_unknown"}, "/state"),
        ({"state": "booked"}, "/starts_at"),
        ({"state": "to_book", "starts_at": LATER}, "/starts_at"),
        ({"starts_at": "2026-03-10T14:30:00"}, "/starts_at"),
        ({"starts_at": "2026-03-10T14:30:30Z"}, "/starts_at"),
        ({"starts_at": "2031-03-10T14:30:00Z"}, "/starts_at"),
        ({"starts_at": LATER, "state": "attended"}, "/state"),
        ({"minutes": 4}, "/minutes"),
        ({"minutes": "30"}, "/minutes"),
        ({"site": str(uuid4())}, "/site"),
        ({"mode": "by_post"}, "/mode"),
        ({"window": {"from": "2026-03-09", "to": "2026-03-08"}}, "/window/to"),
        ({"window": {"from": "2026-02-30", "to": "2026-03-08"}}, "/window/from"),
        ({"preparation": "x" * 2001}, "/preparation"),
        ({"title": {"de": "Besuch"}}, "/title/de"),
        ({"patient_id": str(uuid4())}, "/patient_id"),
    ],
)
def test_what_cannot_be_names_its_field(
    staff: Caller, patient: PatientAtHome, body: Any, pointer: str
) -> None:
    answer = staff("POST", _path(patient), json={"kind": "wound_check"} | body)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]
    assert staff("GET", _path(patient)).json["items"] == []


def test_another_clinics_site_is_none(
    staff: Caller, patient: PatientAtHome, other_clinic: ClinicWithStaff
) -> None:
    row = added(staff, patient)
    foreign = str(other_clinic.site_id)
    assert refused(staff, row, site=foreign) == (422, "invalid_field", "/site")


def test_an_ended_episode_books_nothing_more_but_learns_what_happened(
    staff: Caller, client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome,
    clock: ManualClock,
) -> None:  # fmt: skip
    open_one = added(staff, patient)
    booked = added(staff, patient, starts_at="2026-03-02T15:00:00Z")
    clock.advance(timedelta(hours=8))
    Caller(client, clinic.bearer)(
        "POST", f"/episodes/{patient.episode_id}/end", json={"reason": "completed"}
    )
    states = {each["id"]: each["state"] for each in staff("GET", _path(patient)).json["items"]}
    assert states == {open_one["id"]: "cancelled", booked["id"]: "outcome_unknown"}
    assert changed(staff, booked, state="attended")["state"] == "attended"
    answer = staff("PATCH", f"/appointments/{open_one['id']}", json={"state": "to_book"})
    assert (answer.status_code, answer.json["code"]) == (409, "episode_ended")
    answer = staff("POST", _path(patient), json={"kind": "visit"})
    assert (answer.status_code, answer.json["code"]) == (409, "episode_ended")


def test_the_patient_reads_them_in_order_and_in_their_language(
    staff: Caller, client: FlaskClient, patient: PatientAtHome
) -> None:
    late = added(staff, patient, starts_at=LATER, title={"en": "Visit", "tr": "Ziyaret"})
    early = added(staff, patient, window={"from": "2026-03-05", "to": "2026-03-20"})
    page = Caller(client, patient.bearer)("GET", "/me/appointments").json
    assert [each["id"] for each in page["items"]] == [early["id"], late["id"]]
    first, second = page["items"]
    assert (first["title"], first["state_text"], first["local_time"]) == (
        "Randevu",
        "Randevu alınacak",  # noqa: RUF001 - Turkish
        None,
    )
    assert first["window"] == {"from": "2026-03-05", "to": "2026-03-20"}
    # The site is in London, the patient in New York: a visit is at the site's time.
    assert (second["title"], second["local_date"], second["local_time"], second["time_zone"]) == (
        "Ziyaret",
        "2026-03-10",
        "14:30",
        "Europe/London",
    )
    one = Caller(client, patient.bearer)("GET", "/me/appointments?limit=1").json
    assert one["items"] == [first]
    two = Caller(client, patient.bearer)("GET", f"/me/appointments?cursor={one['next_cursor']}")
    assert (two.json["items"], two.json["next_cursor"]) == ([second], None)


def test_a_patient_sees_nobody_elses(
    staff: Caller, client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome,
    clock: ManualClock,
) -> None:  # fmt: skip
    added(staff, patient, starts_at=LATER)
    other = make_patient(clinic, now=clock())
    assert Caller(client, other.bearer)("GET", "/me/appointments").json["items"] == []


def test_each_change_is_told_by_what_it_was_and_each_read_once(
    staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    row = added(staff, patient)
    for body in (
        {"starts_at": LATER},
        {"starts_at": "2026-03-11T14:30:00Z"},
        {"location": "Room 1"},
        {"state": "cancelled"},
    ):
        clock.advance(timedelta(seconds=1))
        changed(staff, row, **body)
    staff("GET", _path(patient))
    with transaction(clinic.id) as session:
        wanted = select(AuditEvent.action).where(AuditEvent.patient_id == patient.id)
        told = list(session.scalars(wanted.order_by(AuditEvent.id)))
    assert sorted(told) == sorted(
        [
            "appointment_to_book",
            "appointment_booked",
            "appointment_moved",
            "appointment_changed",
            "appointment_cancelled",
            "appointments_read",
        ]
    )
