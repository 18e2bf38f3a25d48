"""Episodes: moved, held, released, ended, superseded; the plan follows at once."""

from datetime import date, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import (
    Appointment,
    Delivery,
    Destination,
    Device,
    EnrolmentCode,
    Episode,
    Occurrence,
    Schedule,
)
from tests.calls import Caller, at
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.phones import Phone, enrolment, new_code, phone_of
from tests.plan_rows import DAILY, Item, materialise, plan_item

NEW = {"procedure": "lumbar_fusion_mis", "discharge_date": "2026-03-02"}


@pytest.fixture
def patient(app_context: None, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(clinic, now=clock())


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome) -> Any:
    return Caller(client, clinic.bearer)


@pytest.fixture
def item(patient: PatientAtHome, clock: ManualClock) -> Item:
    """Return an exercise, every day at 09:00 and 18:00, of which the first has been sent."""
    made = plan_item(patient, rule=DAILY | {"to_day": 30}, now=clock())
    materialise(made, now=clock())
    with transaction(patient.clinic_id) as session:
        session.execute(
            update(Delivery)
            .where(Delivery.occurrence_id.in_([row.id for row in made.rows().values()]))
            .values(state="sent", settled_at=clock())
        )
    return made


def post(staff: Caller, patient: PatientAtHome, step: str, **body: Any) -> Any:
    return staff("POST", f"/episodes/{patient.episode_id}/{step}", json=body)


def patch(staff: Caller, patient: PatientAtHome, **body: Any) -> Any:
    return staff("PATCH", f"/episodes/{patient.episode_id}", json=body)


def upcoming(client: FlaskClient, patient: PatientAtHome) -> list[str]:
    agenda = Caller(client, patient.bearer)("GET", "/me/agenda").json
    return [f"{e['local_date']} {e['slot']} {e['state']}" for e in agenda["items"]]


def test_a_moved_discharge_moves_what_is_ahead_and_repeats_nothing(
    staff: Caller, client: FlaskClient, patient: PatientAtHome, item: Item, clock: ManualClock
) -> None:
    sent = [(each.id, each.round) for each in item.deliveries()]
    assert len(sent) == 2
    answer = patch(staff, patient, discharge_date="2026-03-05")
    assert answer.status_code == 200
    assert answer.json["days_since_discharge"] == -3
    schedule = item.schedule()
    assert schedule.anchor_date == date(2026, 3, 5)
    assert schedule.next_due_at == at("2026-03-05T09:00:00+00:00")
    # Back again: the morning that was sent is not sent a second time.
    patch(staff, patient, discharge_date="2026-03-01")
    assert item.schedule().next_due_at == at("2026-03-02T18:00:00+00:00")
    clock.advance(timedelta(hours=2))
    materialise(item, now=clock())
    assert [(each.id, each.round) for each in item.deliveries()] == sent
    assert set(item.rows()) == {"20260302.morning"}


def test_the_last_day_moves_with_the_date(
    staff: Caller, client: FlaskClient, patient: PatientAtHome, item: Item, clock: ManualClock
) -> None:
    patch(staff, patient, discharge_date="2026-03-04")
    clock.set(at("2026-04-02T12:00:00+00:00"))
    with transaction(patient.clinic_id) as session:
        session.execute(
            update(Schedule)
            .where(Schedule.id == item.lineage)
            .values(next_date=date(2026, 4, 2), next_minute=0, next_due_at=clock())
        )
    days = {entry.split()[0] for entry in upcoming(client, patient)}
    assert max(days) == "2026-04-03"  # day 30 from 4 March


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"discharge_date": "2026-02-26"}, "/discharge_date"),
        ({"surgery_date": "2026-03-02"}, "/discharge_date"),
        ({"discharge_date": "2028-03-01"}, "/discharge_date"),
        ({"discharge_date": "2026-02-31"}, "/discharge_date"),
        ({"discharge_date": None}, "/discharge_date"),
        ({"surgery_date": None}, "/surgery_date"),
        ({"procedure": "appendectomy"}, "/procedure"),
        ({"site": "00000000-0000-0000-0000-000000000000"}, "/site"),
        ({"state": "ended"}, "/state"),
        ({"levels": ["L4/5"] * 13}, "/levels"),
    ],
)
def test_what_cannot_be_names_its_field_and_moves_nothing(
    staff: Caller, patient: PatientAtHome, item: Item, body: Any, pointer: str
) -> None:
    before = item.schedule()
    answer = patch(staff, patient, **body)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]
    after = item.schedule()
    assert (after.revision, after.next_due_at) == (before.revision, before.next_due_at)
    assert staff("GET", f"/episodes/{patient.episode_id}").json["version"] == 1


def test_a_hold_silences_and_a_release_goes_on_from_its_moment(
    staff: Caller, client: FlaskClient, patient: PatientAtHome, item: Item, clock: ManualClock
) -> None:
    held = post(staff, patient, "hold", reason="wound infection")
    assert (held.json["state"], held.json["plan_state"]) == ("on_hold", "paused")
    assert item.schedule().next_due_at is None
    assert item.rows()["20260302.morning"].state == "cancelled"
    assert not [entry for entry in upcoming(client, patient) if entry.endswith("upcoming")]
    assert post(staff, patient, "hold", reason="again").json["code"] == "episode_on_hold"
    clock.advance(timedelta(days=2, hours=3))  # Wednesday noon
    assert post(staff, patient, "release", on="2026-03-05").status_code == 422
    released = post(staff, patient, "release", reason="healed")
    assert (released.json["state"], released.json["plan_state"]) == ("open", "active")
    # Nothing of the time of the hold is owed, not even this morning's.
    assert item.schedule().next_due_at == at("2026-03-04T18:00:00+00:00")
    assert set(item.rows()) == {"20260302.morning"}
    again = post(staff, patient, "release")
    assert (again.status_code, again.json["code"]) == (409, "episode_not_on_hold")


def test_a_date_moved_during_a_hold_holds_after_the_release(
    staff: Caller, patient: PatientAtHome, item: Item, clock: ManualClock
) -> None:
    post(staff, patient, "hold", reason="x")
    patch(staff, patient, discharge_date="2026-03-08")
    assert item.schedule().next_due_at is None
    clock.advance(timedelta(days=1))
    post(staff, patient, "release")
    assert item.schedule().next_due_at == at("2026-03-08T09:00:00+00:00")


@pytest.mark.parametrize("reason", ["deceased", "entered_in_error"])
def test_after_a_death_everything_falls_silent_in_the_same_transaction(
    app: Flask, staff: Caller, patient: PatientAtHome, clock: ManualClock, reason: str
) -> None:
    item = plan_item(patient, now=clock())
    materialise(item, now=clock())
    assert {each.state for each in item.deliveries()} == {"ready"}
    staff(
        "POST",
        f"/episodes/{patient.episode_id}/appointments",
        json={"kind": "visit", "starts_at": "2026-03-09T10:00:00Z"},
    )
    phone, code = phone_of(app, patient), new_code(app, patient)
    ended = post(staff, patient, "end", reason=reason)
    assert (ended.json["state"], ended.json["end_reason"]) == ("ended", reason)
    me = phone.get("/me")
    assert (me.status_code, me.get_json(force=True)["code"]) == (401, "access_ended")
    assert Phone(app).call("POST", "/enrolments", enrolment(code)).status_code in {409, 422}
    assert {(each.state, each.reason) for each in item.deliveries()} == {
        ("dropped", "episode_ended")
    }
    with transaction(patient.clinic_id) as session:
        for living in (
            select(func.count()).select_from(Destination).where(Destination.retired_at.is_(None)),
            select(func.count()).select_from(Device).where(Device.revoked_at.is_(None)),
            select(func.count()).select_from(Schedule).where(Schedule.next_due_at.is_not(None)),
            select(func.count()).where(Appointment.state.in_(("to_book", "booked"))),
            select(func.count()).where(Occurrence.closed_at.is_(None)),
            select(func.count()).where(EnrolmentCode.revoked_at.is_(None)),
        ):
            assert session.scalar(living) == 0, str(living)
    refused = staff("POST", f"/patients/{patient.id}/enrolment-codes", json={})
    assert (refused.status_code, refused.json["code"]) == (409, "episode_ended")


def test_a_completed_episode_keeps_access_and_ends_the_plan(
    app: Flask, staff: Caller, patient: PatientAtHome, item: Item
) -> None:
    phone = phone_of(app, patient)
    assert post(staff, patient, "end", reason="completed").json["plan_state"] == "ended"
    assert item.schedule().next_due_at is None
    me = phone.get("/me")
    assert (me.status_code, me.get_json()["plan_state"]) == (200, "ended")
    for step, body in (("hold", {"reason": "x"}), ("release", {}), ("end", {"reason": "withdrew"})):
        refused = post(staff, patient, step, **body)
        assert (refused.status_code, refused.json["code"]) == (409, "episode_ended"), step
    assert patch(staff, patient, side="left").json["code"] == "episode_ended"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"reason": "bored"}, "/reason"),
        ({"reason": "superseded"}, "/reason"),
        ({}, "/reason"),
        ({"reason": "completed", "on": "2026-03-03"}, "/on"),
        ({"reason": "completed", "on": "2026-02-20"}, "/on"),
    ],
)
def test_an_impossible_end_names_its_field(
    staff: Caller, patient: PatientAtHome, body: Any, pointer: str
) -> None:
    answer = post(staff, patient, "end", **body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)
    assert staff("GET", f"/episodes/{patient.episode_id}").json["state"] == "open"


def test_a_second_open_episode_is_refused_until_one_supersedes_the_other(
    app: Flask, staff: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    item = plan_item(patient, now=clock())
    materialise(item, now=clock())
    staff("POST", f"/episodes/{patient.episode_id}/appointments", json={"kind": "to_come"})
    path = f"/patients/{patient.id}/episodes"
    refused = staff("POST", path, json=NEW)
    assert (refused.status_code, refused.json["code"]) == (409, "episode_already_open")
    phone = phone_of(app, patient)
    done = staff("POST", path, json=NEW | {"supersedes": str(patient.episode_id)})
    assert done.status_code == 201, done.json
    newest, old = staff("GET", path).json["items"]
    assert (newest["id"], newest["state"]) == (done.json["id"], "open")
    assert (old["id"], old["state"], old["end_reason"], old["superseded_by"]) == (
        str(patient.episode_id),
        "ended",
        "superseded",
        newest["id"],
    )
    assert item.schedule().next_due_at is None
    assert {each.state for each in item.deliveries()} == {"dropped"}
    with transaction(patient.clinic_id) as session:
        states = select(Appointment.state).where(Appointment.episode_id == patient.episode_id)
        assert list(session.scalars(states)) == ["cancelled"]
    me = phone.get("/me").get_json()
    assert (me["episode"]["id"], me["plan_state"]) == (newest["id"], "awaiting_clinician")
    again = staff("POST", path, json=NEW | {"supersedes": str(patient.episode_id)})
    assert (again.status_code, again.json["errors"][0]["pointer"]) == (422, "/supersedes")


def test_of_two_episodes_opened_at_once_one_is_refused(
    app: Flask, clinic: ClinicWithStaff, staff: Caller, patient: PatientAtHome
) -> None:
    post(staff, patient, "end", reason="completed")
    bearer, start = clinic.bearer(), Barrier(2)
    answers: list[int] = []

    def open_one() -> None:
        start.wait()
        path = f"/api/v1/patients/{patient.id}/episodes"
        answer = app.test_client().post(path, json=NEW, headers=bearer)
        answers.append(answer.status_code)

    threads = [Thread(target=open_one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409]


def test_an_assumed_surgery_date_keeps_its_distance_from_discharge(
    staff: Caller, patient: PatientAtHome
) -> None:
    with transaction(patient.clinic_id) as session:
        own = update(Episode).where(Episode.id == patient.episode_id)
        session.execute(own.values(surgery_date_assumed=True))
    moved = patch(staff, patient, discharge_date="2026-03-04").json
    assert (moved["surgery_date"], moved["surgery_date_assumed"]) == ("2026-03-02", True)
    known = patch(staff, patient, surgery_date="2026-03-01").json
    assert (known["surgery_date"], known["surgery_date_assumed"]) == ("2026-03-01", False)


@pytest.mark.parametrize("step", ["hold", "release", "end"])
def test_a_coordinator_neither_holds_nor_ends(
    client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome, step: str
) -> None:
    call = Caller(client, lambda: clinic.bearer("coordinator"))
    assert post(call, patient, step, reason="completed").status_code == 403
