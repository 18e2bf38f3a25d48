"""The timeline of an episode: what happened, newest first."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import AuditEvent, CheckIn, Delivery
from tests.calls import Caller
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import materialise, plan_item


@pytest.fixture
def patient(app_context: None, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(clinic, now=clock())


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome) -> Any:
    return Caller(client, clinic.bearer)


@pytest.fixture
def lived(
    staff: Caller, client: FlaskClient, patient: PatientAtHome, clock: ManualClock
) -> PatientAtHome:
    """Return a patient to whom one of each thing happened, an hour apart."""
    path = f"/episodes/{patient.episode_id}"
    item = plan_item(patient, now=clock(), title="Bend")
    materialise(item, now=clock())
    with transaction(patient.clinic_id) as session:
        session.execute(
            update(Delivery)
            .where(Delivery.occurrence_id.in_([row.id for row in item.rows().values()]))
            .values(state="sent", settled_at=clock())
        )
    clock.advance(timedelta(hours=1))
    action = {"id": str(uuid4()), "action": "complete", "at": clock().isoformat(), "pain": 3}
    done = Caller(client, patient.bearer)(
        "POST", f"/me/occurrences/{item.occurrence_id('20260302.morning')}/actions", json=action
    )
    assert done.status_code == 201, done.json
    clock.advance(timedelta(hours=1))
    _check_in(patient, clock)
    clock.advance(timedelta(hours=1))
    staff("POST", f"{path}/appointments", json={"kind": "visit", "title": {"en": "Visit"}})
    clock.advance(timedelta(hours=1))
    staff("POST", f"{path}/hold", json={"reason": "infection"})
    return patient


def _check_in(patient: PatientAtHome, clock: ManualClock) -> None:
    """Store one whose device runs a day ahead."""
    with transaction(patient.clinic_id) as session:
        session.add(
            CheckIn(
                clinic_id=patient.clinic_id, id=uuid4(), episode_id=patient.episode_id,
                local_date=clock().date(), recorded_at=clock() + timedelta(days=1),
                received_at=clock(), time_zone="Europe/London", form_version="1",
                answers={"pain": 4}, issues=["clock_ahead"],
            )
        )  # fmt: skip


def test_everything_is_there_newest_first(
    staff: Caller, clinic: ClinicWithStaff, lived: PatientAtHome
) -> None:
    items = staff("GET", f"/episodes/{lived.episode_id}/timeline").json["items"]
    assert [(each["type"], each["event"]) for each in items] == [
        ("episode", "episode_held"),
        ("appointment", "appointment_to_book"),
        ("check_in", "check_in_recorded"),
        ("occurrence", "occurrence_complete"),
        ("plan", "plan_published"),
    ]
    held, visit, check_in, done, _ = items
    assert (held["actor_id"], held["actor_name"]) == (
        str(clinic.staff["physiotherapist"]),
        "Test Physiotherapist",
    )
    assert (visit["title"], visit["details"]["kind"]) == ("Visit", "visit")
    assert check_in["details"]["issues"] == ["clock_ahead"]
    assert (done["title"], done["details"]["pain"], done["actor_id"]) == ("Bend", 3, None)
    turkish = staff(
        "GET", f"/episodes/{lived.episode_id}/timeline", headers={"Accept-Language": "tr"}
    )
    assert turkish.json["items"][3]["title"] == "Bend (tr)"


def test_types_narrow_it_and_deliveries_come_when_asked(
    staff: Caller, lived: PatientAtHome
) -> None:
    path = f"/episodes/{lived.episode_id}/timeline"
    some = staff("GET", f"{path}?types=plan,check_in").json["items"]
    assert [each["type"] for each in some] == ["check_in", "plan"]
    (sent,) = staff("GET", f"{path}?types=delivery").json["items"]
    assert sent["event"] == "reminder_sent"
    assert [each["channel"] for each in sent["details"]["channels"]] == ["inbox", "webpush"]
    assert "opened_at" not in str(sent)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("types=plans", "?types"),
        ("types=", "?types"),
        ("types=plan,", "?types"),
        ("type=plan", "?type"),
        ("cursor=abc", "?cursor"),
    ],
)
def test_an_unknown_type_names_its_argument(
    staff: Caller, patient: PatientAtHome, query: str, pointer: str
) -> None:
    answer = staff("GET", f"/episodes/{patient.episode_id}/timeline?{query}")
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]


def test_pages_show_everything_once(staff: Caller, lived: PatientAtHome) -> None:
    path = f"/episodes/{lived.episode_id}/timeline"
    every = "types=plan,check_in,occurrence,delivery,episode,appointment"
    whole = staff("GET", f"{path}?{every}").json["items"]
    seen, cursor = [], ""
    while cursor is not None:
        page = staff("GET", f"{path}?{every}&limit=1{cursor and '&cursor=' + cursor}").json
        seen += page["items"]
        cursor = page["next_cursor"]
    assert seen == whole
    assert len(whole) == 6


def test_it_is_the_episodes_own_and_the_reading_is_traced_once(
    staff: Caller, clinic: ClinicWithStaff, lived: PatientAtHome, clock: ManualClock
) -> None:
    other = make_patient(clinic, now=clock())
    answer = staff("GET", f"/episodes/{other.episode_id}/timeline")
    assert answer.json == {"items": [], "next_cursor": None}
    with transaction(clinic.id) as session:
        reads = select(func.count()).where(AuditEvent.patient_id == other.id)
        assert session.scalar(reads) == 1


def test_a_strangers_timeline_does_not_exist(
    client: FlaskClient, other_clinic: ClinicWithStaff, lived: PatientAtHome
) -> None:
    for episode in (lived.episode_id, uuid4()):
        answer = Caller(client, other_clinic.bearer)("GET", f"/episodes/{episode}/timeline")
        assert answer.status_code == 404
