"""Acting on what is planned: done, skipped, later, taken back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.occurrence_ids import encode
from recovery_service.models import (
    Delivery,
    Device,
    Occurrence,
    OccurrenceAction,
    PlanItem,
    PlanRevision,
)
from tests.calls import Caller, at
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import DAILY, Item, materialise, plan_item

pytestmark = pytest.mark.usefixtures("app_context")

MORNING, EVENING = "20260302.morning", "20260302.evening"
HOUR = timedelta(hours=1)


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def item(patient: PatientAtHome) -> Item:
    made = plan_item(patient, now=MONDAY)
    materialise(made, now=MONDAY)
    return made


Take = Callable[..., Any]


@pytest.fixture
def take(client: FlaskClient, patient: PatientAtHome, clock: ManualClock) -> Take:
    call = Caller(client, patient.bearer)

    def send(occurrence_id: str, action: str = "complete", **fields: Any) -> Any:
        body = {"id": str(uuid4()), "action": action, "at": clock().isoformat()} | fields
        return call("POST", f"/me/occurrences/{occurrence_id}/actions", json=body)

    return send


def states(item: Item) -> list[tuple[int, str, str | None]]:
    return [(each.round, each.state, each.reason) for each in item.deliveries()]


def actions(patient: PatientAtHome) -> int:
    with transaction(patient.clinic_id) as session:
        return session.scalar(select(func.count()).select_from(OccurrenceAction)) or 0


def test_completing_ends_its_reminders_in_the_same_request(item: Item, take: Take) -> None:
    done = {"sets": 3, "reps": 10, "minutes": 12, "effort": 4}
    answer = take(item.occurrence_id(MORNING), done=done, pain=2, note="Went well")
    assert answer.status_code == 201
    assert answer.json["occurrence"]["state"] == "done"
    assert (answer.json["result"], answer.json["late"], answer.json["retired"]) == (
        "stored",
        False,
        False,
    )
    assert answer.json["action"]["done"] == done
    row = item.rows()[MORNING]
    assert (row.state, row.closed_at) == ("done", MONDAY)
    assert states(item) == [(0, "dropped", "done")] * 2


def test_a_delivery_that_a_sender_holds_is_dropped_as_well(item: Item, take: Take) -> None:
    with transaction(item.clinic_id) as session:
        leased = {"state": "leased", "owner": uuid4()}
        session.execute(update(Delivery).values(**leased))
    take(item.occurrence_id(MORNING), "skip", reason="too tired")
    assert states(item) == [(0, "dropped", "skipped")] * 2
    row = item.rows()[MORNING]
    assert (row.state, row.reason) == ("skipped", "by_patient")


def test_one_still_ahead_becomes_a_row_that_the_loop_leaves_alone(
    item: Item, take: Take, clock: ManualClock
) -> None:
    answer = take(item.occurrence_id(EVENING))
    assert answer.status_code == 201
    assert answer.json["occurrence"]["state"] == "done"
    later = clock.advance(9 * HOUR)
    materialise(item, now=later)
    assert item.rows()[EVENING].state == "done"
    assert len(states(item)) == 2  # the morning's


def test_one_ahead_must_be_one_that_the_rule_has(item: Item, take: Take) -> None:
    for key in ("20260302.night", "20260228.morning", "20250302.morning", "once"):
        assert take(encode(item.lineage, key)).status_code == 404
    assert list(item.rows()) == [MORNING]


@pytest.mark.parametrize("text", ["x", "0" * 79, "%00", "é", "a" * 300])
def test_a_malformed_id_is_not_found(take: Take, text: str) -> None:
    answer = take(text)
    assert (answer.status_code, answer.json["code"][:2]) == (404, "no")


def test_somebody_elses_occurrence_does_not_exist(
    item: Item, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff, client: FlaskClient
) -> None:
    for stranger in (make_patient(clinic, now=MONDAY), make_patient(other_clinic, now=MONDAY)):
        body = {"id": str(uuid4()), "action": "complete", "at": MONDAY.isoformat()}
        call = Caller(client, stranger.bearer)
        answer = call("POST", f"/me/occurrences/{item.occurrence_id(MORNING)}/actions", json=body)
        assert answer.status_code == 404
    assert item.rows()[MORNING].state == "due"


def test_what_was_missed_is_stored_as_done_and_late(
    item: Item, take: Take, clock: ManualClock
) -> None:
    clock.advance(timedelta(days=6))
    answer = take(item.occurrence_id(MORNING))
    assert (answer.json["late"], answer.json["occurrence"]["state"]) == (True, "done")


def test_further_back_than_seven_days_is_refused_with_the_reason(
    item: Item, take: Take, clock: ManualClock
) -> None:
    clock.advance(timedelta(days=7))
    assert take(item.occurrence_id(MORNING), "skip").status_code == 201
    clock.advance(timedelta(days=1))
    answer = take(item.occurrence_id(MORNING))
    assert (answer.status_code, answer.json["code"]) == (409, "occurrence_too_old")
    assert item.rows()[MORNING].state == "skipped"


def test_what_the_plan_no_longer_has_is_stored_as_retired(item: Item, take: Take) -> None:
    with transaction(item.clinic_id) as session:
        gone = {"state": "cancelled", "reason": "item_removed", "closed_at": MONDAY}
        session.execute(update(Occurrence).values(**gone))
    item.change(next_date=None, next_minute=None, next_due_at=None)
    answer = take(item.occurrence_id(MORNING))
    assert (answer.json["retired"], answer.json["late"]) == (True, False)
    assert item.rows()[MORNING].reason == "retired"
    ahead = take(item.occurrence_id(EVENING))
    assert ahead.json["retired"] is False  # the item itself is still in the live revision
    back = take(item.occurrence_id(MORNING), "reopen")
    assert back.json["occurrence"]["state"] == "due"


def test_an_item_that_a_new_revision_left_out_is_gone(item: Item, take: Take) -> None:
    with transaction(item.clinic_id) as session:
        session.execute(delete(PlanItem).where(PlanItem.lineage_id != item.lineage))
        session.execute(update(PlanRevision).values(state="superseded"))
    answer = take(item.occurrence_id(EVENING))
    assert answer.json["retired"] is True
    assert take(item.occurrence_id("20260303.morning"), "snooze").status_code == 404


def test_a_snooze_is_a_new_round(item: Item, take: Take, clock: ManualClock) -> None:
    answer = take(item.occurrence_id(MORNING), "snooze")
    assert at(answer.json["next_at"]) == at("2026-03-02T09:30:00+00:00")
    assert answer.json["occurrence"]["state"] == "snoozed"
    assert at(answer.json["occurrence"]["next_at"]) == at("2026-03-02T09:30:00+00:00")
    assert states(item) == [(0, "dropped", "snoozed")] * 2 + [(1, "ready", None)] * 2
    assert {each.wake_at for each in item.deliveries()[2:]} == {MONDAY + HOUR / 2}
    assert [each.attempts for each in item.deliveries()] == [0] * 4
    clock.advance(HOUR)
    again = take(item.occurrence_id(MORNING), "snooze", minutes=60)
    assert at(again.json["next_at"]) == at("2026-03-02T11:00:00+00:00")
    assert states(item)[4:] == [(2, "ready", None)] * 2
    assert take(item.occurrence_id(MORNING)).json["occurrence"]["state"] == "done"
    assert {state for _, state, _ in states(item)} == {"dropped"}


def test_a_double_tap_is_one_snooze(item: Item, take: Take, clock: ManualClock) -> None:
    first = take(item.occurrence_id(MORNING), "snooze")
    clock.advance(timedelta(seconds=59))
    second = take(item.occurrence_id(MORNING), "snooze")
    assert second.json["next_at"] == first.json["next_at"]
    assert item.rows()[MORNING].round == 1
    assert len(item.deliveries()) == 4


def test_a_snooze_never_goes_past_expiry(item: Item, take: Take, clock: ManualClock) -> None:
    clock.advance(3 * HOUR)
    answer = take(item.occurrence_id(MORNING), "snooze", minutes=60)
    assert (answer.status_code, answer.json["result"], answer.json["next_at"]) == (
        201,
        "too_late",
        None,
    )
    assert item.rows()[MORNING].state == "due"
    assert states(item) == [(0, "ready", None)] * 2
    clock.advance(2 * HOUR)
    assert take(item.occurrence_id(MORNING), "snooze", minutes=5).json["result"] == "too_late"


def test_a_snooze_across_midnight_stays_yesterdays(
    patient: PatientAtHome, take: Take, clock: ManualClock
) -> None:
    late = DAILY | {"slots": {"night": "23:30"}, "valid_for_minutes": 120}
    item = plan_item(patient, rule=late, now=MONDAY)
    materialise(item, now=clock.advance(timedelta(hours=14, minutes=40)))
    answer = take(item.occurrence_id("20260302.night"), "snooze", minutes=60)
    assert at(answer.json["next_at"]) == at("2026-03-03T00:40:00+00:00")
    assert answer.json["occurrence"]["local_date"] == "2026-03-02"


def test_an_item_of_the_device_opens_no_deliveries(
    patient: PatientAtHome, take: Take, clock: ManualClock
) -> None:
    item = plan_item(patient, "posture", DAILY | {"remind_via": "device"}, now=MONDAY)
    promises = {"permission": "granted", "plan_revision": 0, "scheduled_until": MONDAY + 9 * HOUR}
    with transaction(patient.clinic_id) as session:
        mine = update(Device).where(Device.id == patient.device_id)
        session.execute(mine.values(**promises))
    answer = take(item.occurrence_id(MORNING), "snooze", minutes=15)
    assert at(answer.json["next_at"]) == at("2026-03-02T09:15:00+00:00")
    assert item.deliveries() == []


@pytest.mark.parametrize(
    ("after", "state"), [(timedelta(0), "due"), (5 * HOUR, "missed")], ids=["in_time", "expired"]
)
def test_reopening_takes_the_answer_back_and_sends_nothing_again(
    item: Item, take: Take, clock: ManualClock, after: timedelta, state: str
) -> None:
    take(item.occurrence_id(MORNING))
    clock.advance(after)
    answer = take(item.occurrence_id(MORNING), "reopen")
    assert answer.json["occurrence"]["state"] == state
    assert states(item) == [(0, "dropped", "done")] * 2


def test_reopening_one_that_is_still_ahead_lets_it_remind(
    item: Item, take: Take, clock: ManualClock
) -> None:
    take(item.occurrence_id(EVENING))
    answer = take(item.occurrence_id(EVENING), "reopen")
    assert answer.json["occurrence"]["state"] == "upcoming"
    assert [(each.state, each.wake_at) for each in item.deliveries()[2:]] == [
        ("ready", MONDAY + 9 * HOUR)
    ] * 2


def test_there_is_nothing_to_reopen_before_an_answer(item: Item, take: Take) -> None:
    for key in (MORNING, EVENING):
        answer = take(item.occurrence_id(key), "reopen")
        assert (answer.status_code, answer.json["code"]) == (409, "nothing_to_reopen")
    assert list(item.rows()) == [MORNING]


def test_the_same_tap_again_is_the_stored_one(item: Item, take: Take, clock: ManualClock) -> None:
    tap: dict[str, Any] = {"id": str(uuid4()), "at": "2026-03-02T10:00:00+01:00", "pain": 1}
    first = take(item.occurrence_id(MORNING), **tap)
    clock.advance(HOUR)
    again = take(item.occurrence_id(MORNING), **tap)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json["action"] == first.json["action"]
    for change in ({"pain": 2}, {"note": "more"}, {"action": "skip"}):
        other = take(item.occurrence_id(MORNING), **tap | change)
        assert (other.status_code, other.json["code"]) == (409, "client_id_reused")
        assert other.json["stored"]["pain"] == 1
    elsewhere = take(item.occurrence_id(EVENING), **tap)
    assert elsewhere.json["stored"]["id"] == tap["id"]


def test_an_id_that_somebody_else_used_shows_nothing_of_theirs(
    item: Item, take: Take, clinic: ClinicWithStaff, client: FlaskClient
) -> None:
    tap = {"id": str(uuid4()), "action": "complete", "at": MONDAY.isoformat(), "note": "Mine"}
    assert take(item.occurrence_id(MORNING), **tap).status_code == 201
    other = make_patient(clinic, now=MONDAY)
    theirs = plan_item(other, now=MONDAY)
    address = f"/me/occurrences/{theirs.occurrence_id(MORNING)}/actions"
    answer = Caller(client, other.bearer)("POST", address, json=tap)
    assert answer.status_code == 409
    assert "Mine" not in answer.text
    assert theirs.rows() == {}


def test_sixteen_taps_at_once_are_one(
    app: Flask, patient: PatientAtHome, item: Item, clock: ManualClock
) -> None:
    headers = patient.bearer()
    body = {"id": str(uuid4()), "action": "snooze", "at": MONDAY.isoformat()}
    address = f"/api/v1/me/occurrences/{item.occurrence_id(MORNING)}/actions"

    def tap(_: int) -> int:
        return app.test_client().post(address, json=body, headers=headers).status_code

    with ThreadPoolExecutor(16) as pool:
        answers = sorted(pool.map(tap, range(16)))
    assert answers == [200] * 15 + [201]
    assert (actions(patient), item.rows()[MORNING].round) == (1, 1)


def test_different_taps_at_once_on_one_still_ahead_make_one_row(
    app: Flask, patient: PatientAtHome, item: Item, clock: ManualClock
) -> None:
    headers = patient.bearer()
    address = f"/api/v1/me/occurrences/{item.occurrence_id(EVENING)}/actions"

    def tap(_: int) -> int:
        body = {"id": str(uuid4()), "action": "complete", "at": MONDAY.isoformat()}
        return app.test_client().post(address, json=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(tap, range(8))) == {201}
    assert item.rows()[EVENING].state == "done"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"id": "7"}, "/id"),
    ({"id": None}, "/id"),
    ({"action": "finish"}, "/action"),
    ({"action": ["complete"]}, "/action"),
    ({"at": "yesterday"}, "/at"),
    ({"at": "2026-03-02T09:00:00"}, "/at"),
    ({"action": "snooze", "minutes": 4}, "/minutes"),
    ({"action": "snooze", "minutes": 241}, "/minutes"),
    ({"action": "snooze", "minutes": "30"}, "/minutes"),
    ({"action": "snooze", "minutes": True}, "/minutes"),
    ({"minutes": 30}, "/minutes"),
    ({"pain": 11}, "/pain"),
    ({"pain": -1}, "/pain"),
    ({"pain": 2.5}, "/pain"),
    ({"note": "x" * 2001}, "/note"),
    ({"reason": "x" * 201}, "/reason"),
    ({"done": {"effort": 11}}, "/done/effort"),
    ({"done": {"sets": -1}}, "/done/sets"),
    ({"done": {"laps": 3}}, "/done/laps"),
    ({"done": 3}, "/done"),
    ({"action": "skip", "done": {}}, "/done"),
    ({"colour": "red"}, "/colour"),
]


@pytest.mark.parametrize(("change", "pointer"), BAD)
def test_bad_input_names_its_field_and_writes_nothing(
    item: Item, take: Take, patient: PatientAtHome, change: dict[str, Any], pointer: str
) -> None:
    answer = take(item.occurrence_id(MORNING), **change)
    assert answer.status_code == 422
    assert pointer in {error["pointer"] for error in answer.json["errors"]}
    assert (actions(patient), item.rows()[MORNING].state) == (0, "due")


def test_a_note_of_the_longest_length_is_kept_whole(item: Item, take: Take) -> None:
    answer = take(item.occurrence_id(MORNING), note="ğ" * 2000)
    assert answer.json["action"]["note"] == "ğ" * 2000


def test_the_agenda_over_http(item: Item, client: FlaskClient, patient: PatientAtHome) -> None:
    answer = Caller(client, patient.bearer)("GET", "/me/agenda")
    assert answer.status_code == 200
    assert (answer.json["from"], answer.json["to"]) == ("2026-03-02", "2026-03-08")
    assert at(answer.json["valid_until"]) == at("2026-03-09T00:00:00+00:00")
    assert len(answer.json["items"]) == 14
    first = answer.json["items"][0]
    assert first["id"] == item.occurrence_id(MORNING)
    assert first["local_time"] == "09:00"
    assert at(first["due_at"]) == MONDAY
    assert first["deep_link"] == f"/occurrences/{first['id']}"


def test_the_agenda_speaks_the_language_of_the_reader(
    item: Item, client: FlaskClient, patient: PatientAtHome
) -> None:
    call = Caller(client, patient.bearer)
    answer = call(
        "GET",
        "/me/agenda?from=2026-03-02&to=2026-03-02",
        headers={"Accept-Language": "tr, en;q=0.5"},
    )
    assert answer.json["items"][0]["title"] == "Bend and stretch (tr)"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("from=2026-03-02&to=2026-04-02", "?to"),
        ("from=2026-03-02&to=2026-03-01", "?to"),
        ("from=2026-02-30", "?from"),
        ("to=tomorrow", "?to"),
        ("days=3", "?days"),
        ("from=2026-03-02&from=2026-03-03", "?from"),
        ("from=", "?from"),
    ],
)
def test_a_range_that_cannot_be_names_its_argument(
    client: FlaskClient, patient: PatientAtHome, query: str, pointer: str
) -> None:
    answer = Caller(client, patient.bearer)("GET", f"/me/agenda?{query}")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_thirty_one_days_are_the_most(
    item: Item, client: FlaskClient, patient: PatientAtHome
) -> None:
    query = "from=2026-03-02&to=2026-04-01"
    answer = Caller(client, patient.bearer)("GET", f"/me/agenda?{query}")
    assert len(answer.json["items"]) == 62


def test_staff_have_no_agenda_of_their_own(client: FlaskClient, clinic: ClinicWithStaff) -> None:
    assert Caller(client, clinic.bearer)("GET", "/me/agenda").status_code == 403
    assert Caller(client, dict)("GET", "/me/agenda").status_code == 401


def test_the_day_of_an_action_is_the_patients(clinic: ClinicWithStaff, client: FlaskClient) -> None:
    """At 11:30 UTC it is already tomorrow on Kiritimati, and the agenda begins there."""
    patient = make_patient(clinic, now=MONDAY, zone="Pacific/Kiritimati")
    plan_item(patient, now=MONDAY, zone="Pacific/Kiritimati")
    clock: ManualClock = client.application.extensions["recovery_service"].clock
    clock.set(datetime(2026, 3, 2, 11, 30, tzinfo=UTC))
    answer = Caller(client, patient.bearer)("GET", "/me/agenda")
    assert answer.json["from"] == str(date(2026, 3, 3))
