"""A sandbox's clock: three weeks of a recovery, with all that happens on the way.

Defects planted, each seen red here: the loop given transactions without the clinic's wall;
`sandbox_now` not kept; tokens looked up by the clinic's time; the loop taken straight to the
end instead of from one due instant to the next; an enrolment by the real time.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from recovery_service.app import create_app
from recovery_service.cli.applications import sender_of
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.extensions import db
from recovery_service.models import (
    Alert,
    Clinic,
    Consent,
    Delivery,
    Destination,
    Occurrence,
    StaffNotice,
)
from recovery_service.reminders.loop import tick_once
from recovery_service.services.sandbox import hold_clock
from tests.calls import Caller
from tests.conftest import MONDAY, running_app, settings_for
from tests.factories import ClinicWithStaff, PatientAtHome, make_clinic, make_patient
from tests.phones import enrolment, new_code
from tests.plan_rows import plan_item
from tests.reminders.memory_channel import MemoryChannel

DAY = timedelta(days=1)


@pytest.fixture
def channels() -> dict[str, MemoryChannel]:
    return {name: MemoryChannel(name) for name in ("webpush", "inbox", "email")}


@pytest.fixture
def app(
    postgres: EmbeddedPostgres, own_database: str, channels: dict[str, MemoryChannel]
) -> Iterator[Flask]:
    made = create_app(
        settings_for(postgres, own_database), clock=ManualClock(MONDAY), channels=channels
    )
    with made.app_context():
        yield made
        db.engine.dispose()


@pytest.fixture
def sandbox(app: Flask) -> ClinicWithStaff:
    return make_clinic(now=MONDAY, kind="sandbox", approved=False)


@pytest.fixture
def patient(sandbox: ClinicWithStaff) -> PatientAtHome:
    return at_home(sandbox)


def at_home(clinic: ClinicWithStaff) -> PatientAtHome:
    made = make_patient(clinic, now=MONDAY)
    plan_item(made, now=MONDAY)
    plan_item(made, "check_in", now=MONDAY)
    return made


@pytest.fixture
def staff(app: Flask, sandbox: ClinicWithStaff) -> Caller:
    return Caller(app.test_client(), sandbox.bearer)


@pytest.fixture
def phone(app: Flask, patient: PatientAtHome) -> Caller:
    return Caller(app.test_client(), patient.bearer)


def move(staff: Caller, **where: Any) -> Any:
    answer = staff("POST", "/sandbox/clock", json=where)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_three_weeks_pass_with_what_falls_due_in_them(
    staff: Caller, phone: Caller, patient: PatientAtHome, channels: dict[str, MemoryChannel]
) -> None:
    moved = move(staff, episode_id=str(patient.episode_id), recovery_day=21, local_time="09:05")
    assert moved["now"].startswith("2026-03-20T09:05:00")
    assert moved["before"] == MONDAY.isoformat()
    instants = [datetime.fromisoformat(step["at"]) for step in moved["steps"]]
    assert instants == sorted(set(instants))
    assert {at.date() for at in instants} >= {date(2026, 3, day) for day in range(3, 20)}
    counts = sum((Counter(step["counts"]) for step in moved["steps"]), Counter())
    with transaction(patient.clinic_id) as session:
        sent = select(func.count()).select_from(Delivery).where(Delivery.state == "sent")
        assert session.scalar(sent) == counts["sent"]
    assert counts["sent"] > 100
    assert len(channels["webpush"].sent) > 20
    me = phone("GET", "/me").json
    assert (me["episode"]["days_since_surgery"], me["plan_state"]) == (21, "active")
    agenda = phone("GET", "/me/agenda?from=2026-03-02&to=2026-03-21").json["items"]
    past = {one["state"] for one in agenda if one["local_date"] < "2026-03-19"}
    assert past == {"missed"}
    assert phone("GET", "/me/notifications").json["items"][0]["sent_at"] > "2026-03-19"


def test_what_nobody_did_is_raised_and_passed_on_meanwhile(
    staff: Caller, patient: PatientAtHome
) -> None:
    move(staff, to="2026-03-16T12:00:00Z")
    with transaction(patient.clinic_id) as session:
        alerts = session.scalars(select(Alert)).all()
        silence = next(one for one in alerts if one.rule_id == "ADH1_SILENCE")
        assert MONDAY < silence.created_at < MONDAY + 3 * DAY
        assert silence.escalation > 0
        assert session.scalar(select(func.count()).select_from(StaffNotice))


def test_the_time_stands_until_it_is_moved_or_caught_up(app: Flask, staff: Caller) -> None:
    assert staff("GET", "/sandbox/clock").json == {
        "now": "2026-03-02T09:00:00+00:00",
        "moved": False,
    }
    move(staff, to="2026-03-03T09:00:00Z")
    clock: Any = app.extensions["recovery_service"].clock
    clock.advance(timedelta(hours=5))
    assert staff("GET", "/sandbox/clock").json == {
        "now": "2026-03-03T09:00:00+00:00",
        "moved": True,
    }
    clock.advance(timedelta(hours=24))
    assert staff("GET", "/sandbox/clock").json == {
        "now": "2026-03-03T14:00:00+00:00",
        "moved": False,
    }


def test_other_clinics_stay_where_they_are(staff: Caller, app: Flask) -> None:
    other = make_clinic(now=MONDAY)
    theirs = at_home(other)
    move(staff, to="2026-03-20T09:00:00Z")
    with transaction(other.id) as session:
        for table in (Occurrence, Delivery, Alert):
            assert session.scalar(select(func.count()).select_from(table)) == 0
        assert session.get_one(Clinic, other.id).sandbox_now is None
    me = Caller(app.test_client(), theirs.bearer)("GET", "/me").json
    assert me["episode"]["days_since_surgery"] == 3


def test_the_same_clinic_twice_has_the_same_three_weeks(
    app: Flask, sandbox: ClinicWithStaff
) -> None:
    twin = make_clinic(now=MONDAY, kind="sandbox", approved=False)
    told = []
    for clinic in (sandbox, twin):
        at_home(clinic)
        told.append(move(Caller(app.test_client(), clinic.bearer), to="2026-03-20T09:00:00Z"))
    assert told[0] == told[1]
    assert len(told[0]["steps"]) > 40


def test_in_two_goes_the_same_happens_as_in_one(app: Flask, sandbox: ClinicWithStaff) -> None:
    twin = make_clinic(now=MONDAY, kind="sandbox", approved=False)
    for clinic, stops in ((sandbox, ("12", "20")), (twin, ("20",))):
        at_home(clinic)
        for day in stops:
            move(Caller(app.test_client(), clinic.bearer), to=f"2026-03-{day}T09:00:00Z")

    def happened(clinic: ClinicWithStaff) -> list[Any]:
        with transaction(clinic.id) as session:
            rows = select(Occurrence.occ_key, Occurrence.state, Occurrence.closed_at)
            return sorted(map(tuple, session.execute(rows)))

    assert happened(sandbox) == happened(twin)


def test_a_worker_of_the_real_time_finds_nothing_to_do(
    postgres: EmbeddedPostgres,
    own_database: str,
    staff: Caller,
    patient: PatientAtHome,
    channels: dict[str, MemoryChannel],
) -> None:
    move(staff, to="2026-03-20T09:00:00Z")
    before = {name: len(each.sent) for name, each in channels.items()}
    settings = settings_for(postgres, own_database)
    with running_app(settings, ManualClock(MONDAY + DAY), worker=True) as worker:
        done = tick_once(sender_of(worker, lease=timedelta(minutes=1)))
    assert not +done
    assert {name: len(each.sent) for name, each in channels.items()} == before


def test_a_session_outlives_the_weeks_and_ends_by_the_real_time(
    app: Flask, sandbox: ClinicWithStaff, patient: PatientAtHome
) -> None:
    headers = patient.bearer()
    held = Caller(app.test_client(), lambda: headers)
    move(Caller(app.test_client(), sandbox.bearer), to="2026-03-20T09:00:00Z")
    assert held("GET", "/me").status_code == 200
    app.extensions["recovery_service"].clock.advance(timedelta(hours=2))
    assert held("GET", "/me").json["code"] == "session_expired"


def test_a_phone_enrols_at_the_sandboxs_time(
    app: Flask, staff: Caller, sandbox: ClinicWithStaff
) -> None:
    move(staff, to="2026-03-05T09:00:00Z")
    patient = make_patient(sandbox, now=MONDAY, phone=False)
    code = new_code(app, patient)
    answer = Caller(app.test_client(), dict)("POST", "/enrolments", json=enrolment(code))
    assert answer.status_code == 201, answer.text
    with transaction(sandbox.id) as session:
        given = session.scalars(select(Consent.given_at)).all()
        assert {f"{at:%d %H}" for at in given} == {"05 09"}
    token = {"Authorization": f"Bearer {answer.json['access_token']}"}
    me = Caller(app.test_client(), lambda: token)("GET", "/me")
    assert me.json["episode"]["days_since_surgery"] == 6


def report(phone: Caller, at: str) -> Any:
    """Report a sign of an emergency; return the answer."""
    body = {
        "id": str(uuid4()),
        "date": at[:10],
        "recorded_at": at,
        "time_zone": "Europe/London",
        "form_version": phone("GET", "/me/check-in-form").json["form_version"],
        "answers": {"saddle_numb": True},
    }
    return phone("POST", "/me/check-ins", json=body).json


def test_a_check_in_is_of_the_sandboxs_day(staff: Caller, phone: Caller) -> None:
    move(staff, to="2026-03-10T13:00:00Z")
    answer = report(phone, "2026-03-10T13:00:00Z")
    assert answer["check_in"]["received_at"].startswith("2026-03-10T13:00:00")
    assert (answer["check_in"]["issues"], answer["advice"][0]["tier"]) == ([], "emergency")


def test_a_lapse_is_told_on_the_way(
    staff: Caller, phone: Caller, channels: dict[str, MemoryChannel]
) -> None:
    assert report(phone, "2026-03-02T09:00:00Z")["advice"][0]["tier"] == "emergency"
    moved = move(staff, to="2026-03-04T09:00:00Z")
    told = [one for one in channels["webpush"].sent if str(one.deep_link).startswith("/advice/")]
    assert len(told) == 2  # so many lapses of an emergency are told
    assert any(step["counts"].get("escalated") for step in moved["steps"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/episode_id"),
        ({"to": "2026-03-02T08:59:59Z"}, "/to"),
        ({"to": "2026-04-07T09:00:00Z"}, "/to"),
        ({"to": "2026-03-20"}, "/to"),
        ({"to": "2026-03-20T09:00:00Z", "recovery_day": 21}, "/recovery_day"),
        ({"episode_id": "E", "recovery_day": 21}, "/local_time"),
        ({"episode_id": "E", "recovery_day": -1, "local_time": "09:05"}, "/recovery_day"),
        ({"episode_id": "E", "recovery_day": 21, "local_time": "9:05"}, "/local_time"),
    ],
)
def test_a_moment_that_cannot_be_is_named(
    staff: Caller, patient: PatientAtHome, body: dict[str, Any], pointer: str
) -> None:
    if "episode_id" in body:
        body = body | {"episode_id": str(patient.episode_id)}
    answer = staff("POST", "/sandbox/clock", json=body)
    assert answer.status_code == 422
    assert pointer in {one["pointer"] for one in answer.json["errors"]}
    assert staff("GET", "/sandbox/clock").json["moved"] is False


def test_an_episode_of_another_clinic_is_not_there(staff: Caller, app: Flask) -> None:
    theirs = make_patient(make_clinic(now=MONDAY), now=MONDAY)
    where = {"episode_id": str(theirs.episode_id), "recovery_day": 9, "local_time": "09:00"}
    assert staff("POST", "/sandbox/clock", json=where).status_code == 404


@pytest.mark.parametrize("kind", ["production", "demo"])
def test_a_clinic_that_is_no_sandbox_has_no_clock(app: Flask, kind: str) -> None:
    clinic = make_clinic(now=MONDAY, kind=kind)
    caller = Caller(app.test_client(), clinic.bearer)
    assert caller("GET", "/sandbox/clock").json["code"] == "not_a_sandbox"
    answer = caller("POST", "/sandbox/clock", json={"to": "2026-03-20T09:00:00Z"})
    assert answer.status_code == 409
    with transaction(clinic.id) as session:
        assert session.get_one(Clinic, clinic.id).sandbox_now is None


def test_where_the_setting_does_not_allow_it_there_is_none(
    postgres: EmbeddedPostgres, own_database: str
) -> None:
    settings = settings_for(postgres, own_database, RECOVERY_SANDBOX="false")
    with running_app(settings, ManualClock(MONDAY)) as app, app.app_context():
        clinic = make_clinic(now=MONDAY, kind="sandbox")
        caller = Caller(app.test_client(), clinic.bearer)
        assert caller("GET", "/sandbox/clock").json["code"] == "not_a_sandbox"


def test_of_two_that_move_it_one_is_asked_to_wait(
    app: Flask, staff: Caller, sandbox: ClinicWithStaff
) -> None:
    headers = sandbox.bearer()
    second = Caller(app.test_client(), lambda: headers)
    with transaction(sandbox.id) as session, hold_clock(session, sandbox.id):
        answer = second("POST", "/sandbox/clock", json={"to": "2026-03-20T09:00:00Z"})
    assert (answer.status_code, answer.json["code"]) == (409, "sandbox_busy")
    move(staff, to="2026-03-03T09:00:00Z")


def test_a_device_that_takes_pushes_gets_them_in_order(
    staff: Caller, patient: PatientAtHome, channels: dict[str, MemoryChannel]
) -> None:
    move(staff, to="2026-03-05T23:00:00Z")
    with transaction(patient.clinic_id) as session:
        names = session.scalars(select(Destination.channel)).all()
    assert "webpush" in names
    assert channels["webpush"].sent
