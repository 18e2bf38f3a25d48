"""A phone that was away for a week: everything it did arrives once, and it misses nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import RAISE
from sqlalchemy import select, text, update

from recovery_service.api import sync_operations
from recovery_service.api.schemas.sync import SyncAnswerSchema
from recovery_service.api.sync_documents import DOCUMENTS
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import (
    Advice,
    Appointment,
    CheckIn,
    Device,
    Patient,
    RejectedReport,
    TokenFamily,
)
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import materialise, plan_item
from tests.syncing_phones import (
    COLLECTIONS,
    SyncingPhone,
    driver_url,
    phone_by,
    reported,
    statuses,
)

pytestmark = pytest.mark.usefixtures("app_context")

DAY = timedelta(days=1)
MORNING = "20260302.morning"


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def call(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture
def phone(call: Caller, clock: ManualClock) -> SyncingPhone:
    return phone_by(call, clock)


def rows(patient: PatientAtHome, model: Any, *order: Any) -> list[Any]:
    with transaction(patient.clinic_id) as session:
        found = list(session.scalars(select(model).order_by(*order)))
        session.expunge_all()
        return found


def test_everything_comes_with_the_first_answer_and_nothing_with_the_second(
    phone: SyncingPhone, patient: PatientAtHome
) -> None:
    """Planted: a snapshot taken before the phone's own commit tells it its own report twice."""
    phone.do("check_in", **reported(MONDAY))
    first = phone.sync()
    assert statuses(first) == ["created"]
    assert first["resync"] is True
    assert len(first["changes"]["check_ins"]) == 1
    assert set(phone.documents) == {"me", *DOCUMENTS}
    second = phone.sync()
    assert second["resync"] is False
    assert second["changes"] == {name: [] for name in COLLECTIONS}
    assert second["tombstones"] == []


def test_an_answer_is_as_its_schema_declares_it(phone: SyncingPhone) -> None:
    phone.do("check_in", **reported(MONDAY, answers={"saddle_numb": True}))
    phone.do("receipt", notification_id="nothing", event="opened", at=MONDAY.isoformat())
    answer = phone.sync()
    assert set(answer) == set(SyncAnswerSchema().fields)
    results = answer.pop("results")  # type: ignore[attr-defined]
    SyncAnswerSchema(unknown=RAISE, exclude=["results"]).load(answer)
    assert results[0]["advice"][0]["tier"] == "emergency"
    assert "monitoring" not in results[0]
    assert answer["monitoring"]["state"] == "watched"
    assert (results[1]["status"], results[1]["code"]) == ("rejected", "no_such_object")


def test_what_is_sent_again_is_a_duplicate_with_what_is_stored(phone: SyncingPhone) -> None:
    """A lost answer: the phone asks again with the same queue and the old cursor."""
    alert = reported(MONDAY, answers={"saddle_numb": True})
    phone.do("check_in", **alert)
    phone.do("preferences", preferences={"failover": "none"})
    queue, cursor = list(phone.queue), phone.cursor
    first = phone.sync()
    phone.queue, phone.cursor = queue, cursor
    again = phone.sync()
    assert statuses(first) == ["created", "created"]
    assert statuses(again) == ["duplicate", "duplicate"]
    for name in ("check_in", "advice", "summary"):
        assert again["results"][0][name] == first["results"][0][name]
    assert len(phone.copy["check_ins"]) == len(phone.copy["advice"]) == 1


def test_an_id_that_stands_for_something_else_is_a_conflict_with_what_stands(
    phone: SyncingPhone, patient: PatientAtHome
) -> None:
    one = phone.do("check_in", **reported(MONDAY))
    other = phone.do("preferences", preferences={"failover": "none"})
    phone.sync()
    phone.do("check_in", id=one, **reported(MONDAY, answers={"nrs_back": 9}))
    phone.do("preferences", id=other, locale="tr")
    answer = phone.sync()
    assert statuses(answer) == ["conflict", "conflict"]
    assert [each["code"] for each in answer["results"]] == ["client_id_reused"] * 2
    assert answer["results"][0]["stored"]["answers"]["nrs_back"] == 3
    assert answer["results"][1]["stored"] == {"preferences": {"failover": "none"}}
    assert rows(patient, Patient)[0].locale == "en"


def test_preferences_sent_again_take_back_nothing_that_was_changed_since(
    phone: SyncingPhone, call: Caller, patient: PatientAtHome
) -> None:
    """Planted: without the note of what was taken, the repeat set the old choice again."""
    phone.do("preferences", preferences={"failover": "none"})
    queue = list(phone.queue)
    phone.sync()
    call("PATCH", "/me", json={"preferences": {"failover": None}})
    phone.queue = queue
    assert statuses(phone.sync()) == ["duplicate"]
    assert rows(patient, Patient)[0].preferences == {}


def test_a_failing_operation_undoes_itself_and_nothing_else(
    phone: SyncingPhone, patient: PatientAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: without the savepoint the two good reports go with the one that fails.

    Its own check-in had been stored when it failed, and is gone with it.
    """
    kind = sync_operations.OPERATIONS["check_in"]

    def stumble(batch: Any, read: Any) -> Any:
        done = kind.perform(batch, read)
        if read.content.note == "stumble":
            batch.session.execute(text("SELECT 1 / 0"))
        return done

    changed = dict(sync_operations.OPERATIONS) | {"check_in": _with(kind, stumble)}
    monkeypatch.setattr("recovery_service.api.sync_batches.OPERATIONS", changed)
    first = phone.do("check_in", **reported(MONDAY - DAY))
    bad = phone.do("check_in", **reported(MONDAY - DAY / 2, note="stumble"))
    last = phone.do("check_in", **reported(MONDAY))
    answer = phone.sync()
    assert statuses(answer) == ["created", "retry", "created"]
    assert answer["results"][1]["code"] == "internal_error"
    assert {str(each.id) for each in rows(patient, CheckIn)} == {first, last}
    assert [each["id"] for each in phone.queue] == [bad]
    monkeypatch.undo()
    assert statuses(phone.sync()) == ["created"]
    assert phone.queue == []


def _with(kind: Any, perform: Any) -> Any:
    return replace(kind, perform=perform)


def test_what_waits_for_a_lock_is_to_be_sent_again(
    app: Flask, phone: SyncingPhone, patient: PatientAtHome
) -> None:
    """Somebody holds the delivery's row for longer than a request waits."""
    item = plan_item(patient, now=MONDAY)
    materialise(item, now=MONDAY)
    phone.do("check_in", **reported(MONDAY))
    waiting = phone.do(
        "occurrence_action",
        occurrence_id=item.occurrence_id(MORNING),
        action="complete",
        at=MONDAY.isoformat(),
    )
    with psycopg.connect(driver_url(app, "SQLALCHEMY_DATABASE_URI")) as other:
        other.execute("SELECT set_config('app.clinic_id', %s, true)", [str(patient.clinic_id)])
        other.execute("SELECT FROM occurrence WHERE lineage_id = %s FOR UPDATE", [item.lineage])
        answer = phone.sync()
    assert statuses(answer) == ["created", "retry"]
    assert answer["results"][1]["code"] == "busy"
    assert [each["id"] for each in phone.queue] == [waiting]
    assert statuses(phone.sync()) == ["created"]


def test_reports_are_judged_in_the_order_in_which_they_were_made(
    phone: SyncingPhone, patient: PatientAtHome
) -> None:
    """Planted: judged in the order of the batch, a correction comes before what it corrects."""
    wrong = str(uuid4())
    phone.do("check_in", **reported(MONDAY, answers={"saddle_numb": False}, supersedes=wrong))
    phone.do("check_in", id=wrong, **reported(MONDAY - DAY / 24, answers={"saddle_numb": True}))
    answer = phone.sync()
    assert statuses(answer) == ["created", "created"]
    assert [len(each["advice"]) for each in answer["results"]] == [0, 1]
    with transaction(patient.clinic_id) as session:
        kinds = session.execute(text("SELECT kind FROM alert_event ORDER BY id")).scalars().all()
    assert sorted(kinds) == ["corrected", "raised"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_taps_take_effect_as_they_were_made_whatever_the_order(
    phone: SyncingPhone, patient: PatientAtHome, order: tuple[int, ...]
) -> None:
    item = plan_item(patient, now=MONDAY)
    materialise(item, now=MONDAY)
    taps = [("complete", 3), ("reopen", 2), ("skip", 1)]
    for place in order:
        action, minutes = taps[place]
        at = MONDAY - timedelta(minutes=minutes)
        phone.do(
            "occurrence_action",
            occurrence_id=item.occurrence_id(MORNING),
            action=action,
            at=at.isoformat(),
        )
    assert statuses(phone.sync()) == ["created"] * 3
    assert item.rows()[MORNING].state == "skipped"


def test_a_rejected_report_is_kept_and_the_others_are_taken(
    phone: SyncingPhone, patient: PatientAtHome
) -> None:
    """Planted: a rejected report that is dropped; one that is kept twice when sent again."""
    bad = phone.do("check_in", **reported(MONDAY, answers={"nrs_back": 11}))
    phone.do("check_in", **reported(MONDAY))
    unread = phone.do("check_in", answers={})
    queue = list(phone.queue)
    answer = phone.sync()
    assert statuses(answer) == ["rejected", "created", "rejected"]
    assert [each["pointer"] for each in answer["results"][0]["errors"]] == [
        "/payload/answers/nrs_back"
    ]
    phone.queue = queue
    assert statuses(phone.sync()) == ["rejected", "duplicate", "rejected"]
    kept = {str(each.operation_id): each for each in rows(patient, RejectedReport)}
    assert set(kept) == {bad, unread}
    assert len(rows(patient, RejectedReport)) == 2
    assert kept[bad].payload["answers"] == {"nrs_back": 11}
    assert (kept[bad].device_id, kept[bad].seen_at) == (patient.device_id, None)


def test_a_rejected_report_that_cannot_be_kept_stays_with_the_phone(
    phone: SyncingPhone, patient: PatientAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the phone was told `rejected`, forgot it, and nobody had it."""

    def fail(*_: Any, **__: Any) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr("recovery_service.api.sync_batches.keep_rejected", fail)
    bad = phone.do("check_in", **reported(MONDAY, answers={"nrs_back": 11}))
    phone.do("check_in", **reported(MONDAY))
    assert statuses(phone.sync()) == ["retry", "created"]
    assert [each["id"] for each in phone.queue] == [bad]
    monkeypatch.undo()
    assert statuses(phone.sync()) == ["rejected"]
    assert [str(each.operation_id) for each in rows(patient, RejectedReport)] == [bad]


def test_a_newer_apps_operation_holds_up_nobody(phone: SyncingPhone) -> None:
    phone.do("dream", about="walking")
    phone.do("check_in", **reported(MONDAY))
    answer = phone.sync()
    assert statuses(answer) == ["rejected", "created"]
    assert answer["results"][0]["code"] == "unknown_operation"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"operations": None}, "/operations"),
        ({"operations": [{}]}, "/operations/0/id"),
        ({"operations": [{"id": "x", "type": "a", "payload": {}}]}, "/operations/0/id"),
        ({"operations": [{"id": str(uuid4()), "type": 1, "payload": {}}]}, "/operations/0/type"),
        ({"cursor": "x" * 8193}, "/cursor"),
        ({"cursor": 7}, "/cursor"),
        ({"sent_at": "yesterday"}, "/sent_at"),
        ({"more": 1}, "/more"),
    ],
)
def test_a_body_that_is_none_is_refused_as_a_whole(
    call: Caller, change: dict[str, Any], pointer: str
) -> None:
    answer = call(
        "POST", "/me/sync", json={"sent_at": MONDAY.isoformat(), "operations": []} | change
    )
    assert answer.status_code == 422
    assert pointer in {each["pointer"] for each in answer.json["errors"]}


def test_too_many_operations_or_one_id_for_two_things_do_nothing(
    call: Caller, patient: PatientAtHome
) -> None:
    many = [
        {"id": str(uuid4()), "type": "check_in", "payload": reported(MONDAY)} for _ in range(101)
    ]
    twice = [many[0], many[1] | {"id": many[0]["id"], "payload": reported(MONDAY, note="x")}]
    for operations, pointer in ((many, "/operations"), (twice, "/operations/1/id")):
        body = {"sent_at": MONDAY.isoformat(), "operations": operations}
        answer = call("POST", "/me/sync", json=body)
        assert answer.status_code == 422
        assert [each["pointer"] for each in answer.json["errors"]] == [pointer]
    assert rows(patient, CheckIn) == []
    same = {"sent_at": MONDAY.isoformat(), "operations": [many[0], many[0]]}
    assert statuses(call("POST", "/me/sync", json=same).json) == ["created", "duplicate"]


def test_a_clock_that_is_far_off_dates_nothing_and_loses_nothing(
    phone: SyncingPhone, clock: ManualClock, patient: PatientAtHome
) -> None:
    """A phone a year ahead tells of three days; each lands on its own day by our calendar.

    Planted: without the skew all three were dated by the year that the phone believes in,
    and with the plain rule of the single route all three on the day on which they came.
    """
    year = timedelta(days=365)
    phone.clock = (clock() + year).isoformat
    for back in (2, 1, 0):
        phone.do("check_in", **reported(MONDAY - back * DAY + year))
    answer = phone.sync()
    assert statuses(answer) == ["created"] * 3
    assert answer["clock"]["suspect"] is True
    assert answer["clock"]["skew_seconds"] == year.total_seconds()
    kept = rows(patient, CheckIn, CheckIn.local_date)
    assert [each.local_date for each in kept] == [MONDAY.date() - back * DAY for back in (2, 1, 0)]
    assert {each.issues[0]["code"] for each in kept} == {"clock_suspect"}
    assert [each.received_at for each in kept] == sorted({each.received_at for each in kept})
    (device,) = rows(patient, Device)
    assert (device.clock_skew, device.clock_compared_at) == (year.total_seconds(), MONDAY)


def test_a_clock_that_is_a_little_off_is_noted_and_believed(
    phone: SyncingPhone, clock: ManualClock, patient: PatientAtHome
) -> None:
    phone.clock = (clock() - timedelta(minutes=7)).isoformat
    phone.do("check_in", **reported(MONDAY))
    assert phone.sync()["clock"] == {
        "now": "2026-03-02T09:00:00Z", "skew_seconds": -420, "suspect": False,
    }  # fmt: skip
    assert rows(patient, CheckIn)[0].issues == []
    assert rows(patient, Device)[0].clock_skew == -420


@pytest.mark.parametrize("reason", ["access_ended", "session_expired"])
def test_who_is_out_is_told_whether_to_keep_the_queue(
    phone: SyncingPhone, call: Caller, patient: PatientAtHome, reason: str
) -> None:
    bearer = patient.bearer()
    call._bearer = lambda: dict(bearer)
    phone.sync()
    with transaction(patient.clinic_id) as session:
        session.execute(
            update(TokenFamily)
            .where(TokenFamily.patient_id == patient.id)
            .values(revoked_at=MONDAY, revoke_reason=reason)
        )
    phone.do("check_in", **reported(MONDAY))
    answer = phone.sync()
    ended = reason == "access_ended"
    assert answer["code"] == ("access_ended" if ended else "session_expired")
    assert (phone.purged, len(phone.queue)) == (ended, 0 if ended else 1)
    assert rows(patient, CheckIn) == []


def test_what_staff_do_meanwhile_comes_with_the_next_answer(
    phone: SyncingPhone, patient: PatientAtHome, clinic: ClinicWithStaff, client: FlaskClient
) -> None:
    phone.do("check_in", **reported(MONDAY, answers={"saddle_numb": True}))
    phone.sync()
    ((advice_id, advice),) = phone.copy["advice"].items()
    assert (advice["state"], advice["responses"]) == ("open", [])
    staff = Caller(client, clinic.bearer)
    booked = staff(
        "POST", f"/episodes/{patient.episode_id}/appointments",
        json={"kind": "visit", "starts_at": "2026-03-09T10:00:00Z", "minutes": 30},
    )  # fmt: skip
    assert booked.status_code == 201, booked.json
    alert = rows(patient, Advice)[0].alert_id
    assert staff("POST", f"/alerts/{alert}/acknowledge").status_code == 200
    phone.do("advice_response", advice_id=advice_id, response="called")
    answer = phone.sync()
    assert statuses(answer) == ["created"]
    assert [each["state"] for each in answer["changes"]["advice"]] == ["acknowledged"]
    assert phone.copy["advice"][advice_id]["responses"][0]["response"] == "called"
    (visit,) = phone.copy["appointments"].values()
    phone.do("appointment_response", appointment_id=visit["id"], response="confirm")
    phone.sync()
    assert phone.copy["appointments"][visit["id"]]["response"] == "confirm"
    assert phone.sync()["changes"]["appointments"] == []


def test_an_appointment_whose_time_has_come_reads_differently(
    phone: SyncingPhone, patient: PatientAtHome, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    """Nobody has written anything: what changes by itself is told as well."""
    with transaction(clinic.id) as session:
        session.add(
            Appointment(
                clinic_id=clinic.id, id=uuid4(), patient_id=patient.id,
                episode_id=patient.episode_id, site_id=clinic.site_id, kind="visit",
                title={"en": "Visit"},
                state="booked", starts_at=MONDAY + DAY, minutes=30, created_at=MONDAY,
                updated_at=MONDAY,
            )
        )  # fmt: skip
    phone.sync()
    assert phone.sync()["changes"]["appointments"] == []
    clock.set(MONDAY + DAY)
    assert [each["state"] for each in phone.sync()["changes"]["appointments"]] == [
        "outcome_unknown"
    ]
    assert phone.sync()["changes"]["appointments"] == []


def test_what_is_deleted_leaves_a_stone(
    phone: SyncingPhone, patient: PatientAtHome, clinic: ClinicWithStaff
) -> None:
    """Planted: without the trigger the phone keeps what is gone."""
    key = uuid4()
    with transaction(clinic.id) as session:
        session.add(
            Appointment(
                clinic_id=clinic.id, id=key, patient_id=patient.id, kind="visit",
                title={"en": "Visit"},
                episode_id=patient.episode_id, site_id=clinic.site_id, created_at=MONDAY,
                updated_at=MONDAY,
            )
        )  # fmt: skip
    phone.sync()
    assert set(phone.copy["appointments"]) == {str(key)}
    with transaction(clinic.id) as session:
        session.delete(session.get_one(Appointment, (clinic.id, key)))
    answer = phone.sync()
    assert answer["tombstones"] == [{"collection": "appointments", "id": str(key)}]
    assert phone.copy["appointments"] == {}
    assert phone.sync()["tombstones"] == []


def test_another_patients_objects_do_not_exist(
    phone: SyncingPhone, clinic: ClinicWithStaff, client: FlaskClient, clock: ManualClock
) -> None:
    stranger = make_patient(clinic, now=MONDAY)
    other = phone_by(Caller(client, stranger.bearer), clock)
    used = other.do("check_in", **reported(MONDAY, answers={"saddle_numb": True}))
    set_before = other.do("preferences", preferences={"failover": "none"})
    other.sync()
    advice_id = next(iter(other.copy["advice"]))
    phone.do("advice_response", advice_id=advice_id, response="called")
    phone.do("check_in", id=used, **reported(MONDAY))
    phone.do("preferences", id=set_before, preferences={"failover": "none"})
    phone.cursor = other.cursor
    answer = phone.sync()
    assert statuses(answer) == ["rejected", "conflict", "conflict"]
    assert not any("stored" in each for each in answer["results"])
    assert answer["resync"] is True
    assert answer["changes"]["check_ins"] == answer["changes"]["advice"] == []


def test_a_hundred_operations_are_one_request(phone: SyncingPhone, patient: PatientAtHome) -> None:
    item = plan_item(patient, now=MONDAY)
    materialise(item, now=MONDAY)
    for each in range(30):
        phone.do("check_in", **reported(MONDAY - each * DAY / 4))
    for _ in range(35):
        for action in ("complete", "reopen"):
            phone.do(
                "occurrence_action", occurrence_id=item.occurrence_id(MORNING), action=action,
                at=(MONDAY + timedelta(seconds=len(phone.queue))).isoformat(),
            )  # fmt: skip
    answer = phone.sync()
    assert set(statuses(answer)) == {"created"}
    assert len(answer["results"]) == 100
