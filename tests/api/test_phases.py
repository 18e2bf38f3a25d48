"""A phase that waits for a clinician: proposed with its facts, accepted or deferred, followed.

Defects planted, each of which turned a test here red: the gate not looked at when schedules
are planned; acceptance not re-planning; an acceptance without a reason against the facts;
the restrictions lifted on their day; the first decision counted instead of the last; a
decision on a phase that is not proposed taken; a resolved alert counted.
"""

from datetime import date, datetime, timedelta
from functools import partial
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import (
    Alert,
    AuditEvent,
    CheckIn,
    PhaseDecision,
    PlanItem,
    PlanRevision,
    Schedule,
)
from recovery_service.services.profile import ProfileChange, change_profile
from tests.calls import Caller
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.reports import report_something
from tests.waiting import wait_for_a_waiter

SURGERY = date(2026, 2, 27)
ACCEPT = {"phase": "stabilise", "decision": "accept"}
AGAINST = ACCEPT | {"reason": "Examined today: strong enough."}
DEFER = {"phase": "stabilise", "decision": "defer", "reason": "Wait for the X-ray."}


@pytest.fixture
def patient(app_context: None, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(clinic, now=clock(), procedure="lumbar_fusion_mis", surgery_date=SURGERY)


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome) -> Caller:
    return Caller(client, clinic.bearer)


@pytest.fixture
def phone(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture
def path(staff: Caller, patient: PatientAtHome) -> str:
    """Publish the fusion plan and return the address of the episode."""
    made = f"/episodes/{patient.episode_id}"
    assert staff("POST", f"{made}/plan", json={}).status_code == 201
    assert staff("POST", f"{made}/plan/publish", json={}).status_code == 200
    return made


def go_to(clock: ManualClock, day: int, hour: int = 9) -> None:
    """Move the clock to a day since surgery."""
    when = SURGERY + timedelta(days=day)
    clock.set(datetime(when.year, when.month, when.day, hour, tzinfo=clock().tzinfo))


def report(patient: PatientAtHome, day: int, **answers: Any) -> None:
    when = SURGERY + timedelta(days=day)
    at = datetime.fromisoformat(f"{when}T08:00:00+00:00")
    with transaction(patient.clinic_id) as session:
        session.add(
            CheckIn(
                clinic_id=patient.clinic_id, id=uuid4(), episode_id=patient.episode_id,
                local_date=when, recorded_at=at, received_at=at, time_zone="Europe/London",
                form_version="1", answers=answers, source="app",
            )
        )  # fmt: skip


def scheduled(patient: PatientAtHome) -> dict[str, datetime | None]:
    """Return where the schedule of each item stands, by the item's code."""
    with transaction(patient.clinic_id) as session:
        rows = session.execute(
            select(PlanItem.code, Schedule.next_due_at).join(
                Schedule,
                (Schedule.clinic_id == PlanItem.clinic_id) & (Schedule.id == PlanItem.lineage_id),
            )
        )
        return {row.code: row.next_due_at for row in rows}


def agenda(phone: Caller, first: int, last: int) -> dict[str, set[str]]:
    """Return the local dates of each open title between two days since surgery."""
    since, until = (SURGERY + timedelta(days=day) for day in (first, last))
    found: dict[str, set[str]] = {}
    for each in phone("GET", f"/me/agenda?from={since}&to={until}").json["items"]:
        if each["state"] in ("upcoming", "due"):
            found.setdefault(each["title"], set()).add(each["local_date"])
    return found


def phase(phone: Caller) -> Any:
    return phone("GET", "/me").json["episode"]["phase"]


def test_nothing_behind_the_gate_is_scheduled_and_what_holds_goes_on(
    path: str, phone: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 60)
    assert {"outpatient_pt", "stabilisation_home", "function_training", "late_activity"}.isdisjoint(
        scheduled(patient)
    )
    ahead = agenda(phone, 60, 64)
    assert len(ahead["Build up your walking"]) == 5
    assert "Physiotherapy session" not in ahead
    assert "Weekly" not in ahead
    assert phase(phone) == {
        "code": "protect_b", "title": "Protect, to week six", "next_waits": True,
    }  # fmt: skip


def test_the_facts_are_shown_before_its_day_and_accepting_lets_it_begin_on_its_day(
    path: str, staff: Caller, phone: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 35)
    assert staff("GET", f"{path}/phase").json["proposal"] is None
    go_to(clock, 36)
    for day, minutes in ((34, 20), (36, 35)):
        report(patient, day, walk_min=minutes, weakness_change="same", wound="healed")
    shown = staff("GET", f"{path}/phase").json
    proposal = shown["proposal"]
    assert (shown["day"], shown["phase"]["code"], shown["held"]) == (36, "protect_b", False)
    assert proposal["phase"]["code"] == "stabilise"
    assert proposal["begins_on"] == "2026-04-11"
    assert [(each["code"], each["state"]) for each in proposal["facts"]] == [
        ("walks_20_minutes", "met"),
        ("no_new_weakness", "met"),
        ("wound_closed", "met"),
        ("no_open_alert", "met"),
        ("does_half_the_exercises", "unknown"),
    ]
    assert proposal["facts"][0]["entries"] == [
        {"date": "2026-04-04", "value": 35},
        {"date": "2026-04-02", "value": 20},
    ]
    assert (proposal["state"], proposal["deferred"]) == ("unknown", False)

    decided = staff("POST", f"{path}/phase", json=AGAINST)
    assert decided.status_code == 200, decided.json
    assert decided.json["proposal"] is None
    assert decided.json["phase"]["code"] == "protect_b"  # its day has not come
    assert [each["decision"] for each in decided.json["decisions"]] == ["accept"]
    assert decided.json["decisions"][0]["facts"] == proposal["facts"]
    ahead = agenda(phone, 40, 46)
    assert max(ahead["Build up your walking"]) == "2026-04-10"
    assert min(ahead["Stability exercises at home"]) == "2026-04-11"
    go_to(clock, 43)
    assert phase(phone)["code"] == "stabilise"


def test_accepted_late_it_begins_at_once_and_owes_nothing_of_the_time_before(
    path: str, staff: Caller, phone: Caller, clock: ManualClock
) -> None:
    go_to(clock, 60)
    assert staff("POST", f"{path}/phase", json=AGAINST).status_code == 200
    ahead = agenda(phone, 40, 62)
    assert ahead["Build up your walking"] == {"2026-04-28"}  # this morning's was due already
    assert sorted(ahead["Stability exercises at home"]) == [
        "2026-04-28",
        "2026-04-29",
        "2026-04-30",
    ]
    assert phase(phone) == {
        "code": "stabilise", "title": "Build stability", "next_waits": False,
    }  # fmt: skip


def test_deferred_it_goes_on_waiting_and_an_acceptance_can_be_taken_back(
    path: str, staff: Caller, phone: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 50)
    before = scheduled(patient)
    deferred = staff("POST", f"{path}/phase", json=DEFER).json
    assert (deferred["proposal"]["deferred"], deferred["held"]) == (True, True)
    assert scheduled(patient) == before
    accepted = staff("POST", f"{path}/phase", json=AGAINST).json
    assert (accepted["phase"]["code"], accepted["held"]) == ("stabilise", False)
    assert "Stability exercises at home" in agenda(phone, 50, 55)
    assert phase(phone)["code"] == "stabilise"
    back = staff("POST", f"{path}/phase", json=DEFER | {"reason": "Pressed by mistake."}).json
    assert (back["phase"]["code"], back["held"]) == ("protect_b", True)
    assert [each["decision"] for each in back["decisions"]] == ["defer", "accept", "defer"]
    assert phase(phone)["code"] == "protect_b"
    ahead = agenda(phone, 50, 55)
    assert "Stability exercises at home" not in ahead
    assert "Build up your walking" in ahead


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"phase": "stabilise", "decision": "defer"}, 422, "/reason"),
        (ACCEPT, 422, "/reason"),  # nothing was reported: against the facts
        (ACCEPT | {"reason": " "}, 422, "/reason"),
        (ACCEPT | {"decision": "maybe"}, 422, "/decision"),
        (ACCEPT | {"weight": 3}, 422, "/weight"),
        ({"decision": "accept"}, 422, "/phase"),
        (AGAINST | {"reason": "x" * 2001}, 422, "/reason"),
        (AGAINST | {"phase": "function"}, 409, "/phase"),
        (AGAINST | {"phase": "protect_b"}, 409, "/phase"),
    ],
)
def test_a_word_that_cannot_be_names_its_field_and_leaves_nothing(
    path: str,
    staff: Caller,
    patient: PatientAtHome,
    clock: ManualClock,
    body: dict[str, Any],
    status: int,
    pointer: str,
) -> None:
    go_to(clock, 50)
    before = scheduled(patient)
    refused = staff("POST", f"{path}/phase", json=body)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (status, pointer)
    assert scheduled(patient) == before
    with transaction(patient.clinic_id) as session:
        assert session.scalar(select(func.count()).select_from(PhaseDecision)) == 0


def test_before_it_is_proposed_there_is_nothing_to_decide(
    path: str, staff: Caller, clock: ManualClock
) -> None:
    go_to(clock, 35)
    refused = staff("POST", f"{path}/phase", json=AGAINST)
    assert (refused.status_code, refused.json["code"]) == (409, "phase_not_decidable")


def test_with_every_criterion_met_no_reason_is_asked_and_a_double_tap_is_one_word(
    path: str, staff: Caller, patient: PatientAtHome, phone: Caller, clock: ManualClock
) -> None:
    go_to(clock, 44, hour=8)
    for day in (42, 43):
        report(patient, day, walk_min=30, weakness_change="better", wound="dry")
    exercise = next(
        each
        for each in phone("GET", "/me/agenda?from=2026-04-12&to=2026-04-12").json["items"]
        if each["kind"] == "physiotherapy"
    )
    go_to(clock, 44, hour=18)
    done = {"id": str(uuid4()), "action": "complete", "at": "2026-04-12T10:00:00Z"}
    answer = phone("POST", f"/me/occurrences/{exercise['id']}/actions", json=done)
    assert answer.status_code == 201, answer.json
    shown = staff("GET", f"{path}/phase").json["proposal"]
    assert shown["state"] == "ready", shown
    for _ in range(2):
        answer = staff("POST", f"{path}/phase", json=ACCEPT)
        assert answer.status_code == 200, answer.json
    assert len(answer.json["decisions"]) == 1


def test_an_alert_that_nobody_has_resolved_speaks_against_it(
    path: str, staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 44)
    report_something(clinic, patient, now=clock())
    proposal = staff("GET", f"{path}/phase").json["proposal"]
    (fact,) = [each for each in proposal["facts"] if each["code"] == "no_open_alert"]
    assert (fact["state"], fact["count"], proposal["state"]) == ("not_met", 1, "not_ready")
    with transaction(clinic.id) as session:
        session.execute(
            update(Alert).values(state="resolved", resolved_at=clock(), resolution="advised")
        )
    facts = staff("GET", f"{path}/phase").json["proposal"]["facts"]
    assert [e["count"] for e in facts if e["code"] == "no_open_alert"] == [0]


def test_only_clinicians_decide_and_all_who_care_read(
    path: str, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    go_to(clock, 50)
    for role, reads, decides in (
        ("coordinator", 200, 403), ("admin", 403, 403), ("surgeon", 200, 200),
    ):  # fmt: skip
        call = Caller(client, partial(clinic.bearer, role))
        assert call("GET", f"{path}/phase").status_code == reads, role
        assert call("POST", f"{path}/phase", json=DEFER).status_code == decides, role
    with transaction(clinic.id) as session:
        traces = list(session.scalars(select(AuditEvent.action).where(
            AuditEvent.action.like("phase_%"))))  # fmt: skip
    assert sorted(traces) == ["phase_deferred", "phase_read", "phase_read"]


def test_restrictions_stay_those_of_the_day_before_the_gate(
    path: str, staff: Caller, phone: Caller, clock: ManualClock
) -> None:
    go_to(clock, 60)
    held = phone("GET", "/me/plan").json
    bend = next(each for each in held["restrictions"] if each["code"] == "bend_twist")
    assert (bend["current"], bend["to_date"], bend["waits"]) == (True, None, False)
    overhead = [each for each in held["restrictions"] if each["code"] == "overhead"]
    assert [(r["current"], r["waits"]) for r in overhead] == [(True, False), (False, True)]
    assert [p["code"] for p in held["phases"] if p["current"]] == ["protect_b"]
    assert [p["code"] for p in held["phases"] if p["waits"]] == ["stabilise", "function", "late"]
    walk, session = (
        next(i for i in held["items"] if i["code"] == code)
        for code in ("walk_build_30", "outpatient_pt")
    )
    assert (walk["current"], walk["to_date"], walk["when"]["to_day"]) == (True, None, None)
    assert (session["current"], session["waits"]) == (False, True)

    staff("POST", f"{path}/phase", json=AGAINST)
    begun = phone("GET", "/me/plan").json
    assert not any(each["waits"] for name in ("phases", "items", "restrictions")
                   for each in begun[name])  # fmt: skip
    bend = next(each for each in begun["restrictions"] if each["code"] == "bend_twist")
    assert (bend["current"], bend["to_date"]) == (False, "2026-04-10")


def test_the_gate_holds_through_every_other_edit(
    path: str, staff: Caller, phone: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    """A new revision, another zone, own times, a moved date, a hold and its release."""
    go_to(clock, 60)
    waiting = {"outpatient_pt", "stabilisation_home", "function_training", "late_activity"}

    def still() -> None:
        assert waiting.isdisjoint({code for code, due in scheduled(patient).items() if due})
        assert scheduled(patient)["walk_build_30"] is not None

    staff("PATCH", f"{path}/plan", json={"restrictions": []})
    assert staff("POST", f"{path}/plan/publish", json={}).status_code == 200
    still()
    assert phone("PATCH", "/me", json={"time_zone": "Europe/Istanbul"}).status_code == 200
    still()
    own = {"preferences": {"reminder_times": {"walking": {"morning": "10:00"}}}}
    assert phone("PATCH", "/me", json=own).status_code == 200
    still()
    moved = staff("PATCH", path, json={"surgery_date": "2026-02-26"})
    assert moved.status_code == 200, moved.json
    still()
    assert staff("POST", f"{path}/hold", json={"reason": "x"}).status_code == 200
    assert staff("POST", f"{path}/phase", json=AGAINST).status_code == 200
    assert not any(scheduled(patient).values())
    assert staff("POST", f"{path}/release", json={}).status_code == 200
    assert scheduled(patient)["stabilisation_home"] is not None


def test_a_plan_without_a_gate_and_an_episode_without_a_plan_have_nothing_to_decide(
    client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock, app_context: None
) -> None:
    patient = make_patient(clinic, now=clock())
    staff, path = Caller(client, clinic.bearer), f"/episodes/{patient.episode_id}"
    empty = staff("GET", f"{path}/phase").json
    assert (empty["phase"], empty["proposal"], empty["decisions"]) == (None, None, [])
    staff("POST", f"{path}/plan", json={})
    staff("POST", f"{path}/plan/publish", json={})
    go_to(clock, 50)
    shown = staff("GET", f"{path}/phase").json
    assert (shown["phase"]["code"], shown["held"], shown["proposal"]) == ("strengthen", False, None)
    assert staff("POST", f"{path}/phase", json=AGAINST).status_code == 409
    staff("POST", f"{path}/end", json={"reason": "completed"})
    ended = staff("POST", f"{path}/phase", json=AGAINST)
    assert ended.json["code"] == "episode_ended"


def without_gates(patient: PatientAtHome, phone: Caller) -> None:
    """Have the plan as an earlier version of the template made it: phases by day alone."""
    with transaction(patient.clinic_id) as session:
        live = session.scalars(select(PlanRevision)).one()
        names = ("code", "title", "from_day", "to_day")
        live.phases = [{name: each[name] for name in names} for each in live.phases]
    own = {"preferences": {"reminder_times": {"walking": {"evening": "17:45"}}}}
    assert phone("PATCH", "/me", json=own).status_code == 200


def test_a_gate_that_a_new_revision_brings_silences_what_runs_and_the_preview_says_so(
    path: str, staff: Caller, phone: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    go_to(clock, 60)
    without_gates(patient, phone)
    assert phase(phone)["code"] == "stabilise"
    go_to(clock, 60, hour=18)
    today = phone("GET", "/me/agenda?from=2026-04-28&to=2026-04-28").json["items"]
    exercise = next(i for i in today if i["title"] == "Stability exercises at home")
    snoozed = {"id": str(uuid4()), "action": "snooze", "at": "2026-04-28T18:00:00Z", "minutes": 30}
    assert (
        phone("POST", f"/me/occurrences/{exercise['id']}/actions", json=snoozed).status_code == 201
    )

    assert staff("POST", f"{path}/plan", json={"template": "lumbar_fusion_mis"}).status_code == 201
    shown = staff("GET", f"{path}/plan/preview").json["occurrences"]
    reasons = {(each["title"], each["change"], each["reason"]) for each in shown}
    assert ("Stability exercises at home", "vanishes", "phase_waits") in reasons
    assert ("Build up your walking", "appears", "days_changed") in reasons
    assert exercise["id"] in {each["id"] for each in shown if each["change"] == "vanishes"}

    assert staff("POST", f"{path}/plan/publish", json={}).status_code == 200
    today = phone("GET", "/me/agenda?from=2026-04-28&to=2026-04-28").json["items"]
    closed = next(each for each in today if each["id"] == exercise["id"])
    assert (closed["state"], closed["reason"]) == ("cancelled", "phase_waits")
    assert phase(phone)["next_waits"] is True


def test_an_acceptance_waits_for_own_times_that_are_being_saved_and_follows_them(
    app: Flask,
    path: str,
    staff: Caller,
    clinic: ClinicWithStaff,
    patient: PatientAtHome,
    clock: ManualClock,
) -> None:
    """Planted: without the patient's lock the phase began at the times just left."""
    go_to(clock, 50)
    bearer = clinic.bearer()
    answers: list[int] = []

    def accept() -> None:
        answer = app.test_client().post(f"/api/v1{path}/phase", json=AGAINST, headers=bearer)
        answers.append(answer.status_code)

    own = ProfileChange(
        preferences={"reminder_times": {"physiotherapy": {"evening": "19:40", "morning": "08:10"}}}
    )
    thread = Thread(target=accept)
    with transaction(clinic.id) as session:
        change_profile(session, patient.actor(), patient.id, own, now=clock())
        thread.start()
        wait_for_a_waiter()
    thread.join()
    assert answers == [200]
    begun = scheduled(patient)["stabilisation_home"]
    assert begun is not None
    assert f"{begun.astimezone(ZoneInfo('Europe/London')):%H:%M}" == "19:40"


def test_of_two_words_at_once_one_is_kept(
    app: Flask, path: str, staff: Caller, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    go_to(clock, 50)
    bearer, start = clinic.bearer(), Barrier(2)
    answers: list[int] = []

    def accept() -> None:
        start.wait()
        answer = app.test_client().post(f"/api/v1{path}/phase", json=AGAINST, headers=bearer)
        answers.append(answer.status_code)

    threads = [Thread(target=accept) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200, 200]
    assert len(staff("GET", f"{path}/phase").json["decisions"]) == 1
