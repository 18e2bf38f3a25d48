"""The device plan beside the agenda: one set of ids, and each thing done takes away one."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.device_plan import MOST_ENTRIES
from recovery_service.models import Destination, Patient
from tests.calls import Caller, at
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import Item, materialise, plan_item

pytestmark = pytest.mark.usefixtures("app_context")

ON_DEVICE: dict[str, Any] = {
    "anchor": "discharge",
    "from_day": 0,
    "slots": {"morning": "09:00", "noon": "12:00", "evening": "18:00"},
    "valid_for_minutes": 240,
    "remind_via": "device",
}
HOURLY = {
    "anchor": "discharge",
    "from_day": 0,
    "every_minutes": 60,
    "from": "08:00",
    "to": "20:00",
    "valid_for_minutes": 55,
    "remind_via": "device",
    "quiet": "ignore",
}
EVENING = "20260302.evening"


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def item(patient: PatientAtHome) -> Item:
    made = plan_item(patient, "medication", ON_DEVICE, now=MONDAY)
    materialise(made, now=MONDAY)
    return made


@pytest.fixture
def call(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


def plan(call: Caller) -> dict[str, Any]:
    answer = call("GET", "/me/agenda")
    assert answer.status_code == 200
    shown: dict[str, Any] = answer.json["device_plan"]
    return shown


def entries(call: Caller) -> dict[str, str]:
    return {each["occurrence_id"]: each["at"] for each in plan(call)["entries"]}


def act(call: Caller, item: Item, key: str, action: str, now: Any = MONDAY) -> Any:
    body = {"id": str(uuid4()), "action": action, "at": now.isoformat()}
    return call("POST", f"/me/occurrences/{item.occurrence_id(key)}/actions", json=body)


def test_the_plan_has_the_agendas_ids_and_neutral_texts(call: Caller, item: Item) -> None:
    """Planted: take the item's title for the notification's."""
    answer = call("GET", "/me/agenda?from=2026-03-02&to=2026-03-02").json
    shown = answer["device_plan"]
    first = shown["entries"][0]
    assert first == {
        "occurrence_id": item.occurrence_id("20260302.noon"),
        "at": "2026-03-02T12:00:00+00:00",
        "title": "Your plan",
        "line": "You have a reminder in your plan.",
        "expires_at": "2026-03-02T16:00:00+00:00",
        "deep_link": f"/occurrences/{item.occurrence_id('20260302.noon')}",
    }
    assert first["occurrence_id"] in {each["id"] for each in answer["items"]}
    # The days asked for are the agenda's alone; this morning's is no longer to come.
    assert len(shown["entries"]) == 14 * 3 - 1
    assert shown["until"] == "2026-03-16T00:00:00+00:00"


def test_the_texts_are_in_the_patients_language(client: FlaskClient, clinic: Any) -> None:
    patient = make_patient(clinic, now=MONDAY, locale="tr-TR")
    plan_item(patient, "medication", ON_DEVICE, now=MONDAY)
    shown = plan(Caller(client, patient.bearer))
    assert {each["title"] for each in shown["entries"]} == {"Planınız"}  # noqa: RUF001


def test_what_is_pushed_or_never_reminded_of_is_not_planned(
    call: Caller, patient: PatientAtHome
) -> None:
    """Planted: plan whatever has a time."""
    for carrier in ("push", "none"):
        plan_item(patient, "walking", ON_DEVICE | {"remind_via": carrier}, now=MONDAY)
    assert plan(call)["entries"] == []


@pytest.mark.parametrize("action", ["complete", "skip"])
@pytest.mark.parametrize("key", [EVENING, "20260305.noon"])
def test_doing_it_takes_away_exactly_one(call: Caller, item: Item, action: str, key: str) -> None:
    """Planted: plan by the rule alone, without looking at what was acted on."""
    before = entries(call)
    assert act(call, item, key, action).status_code == 201
    after = entries(call)
    assert before.keys() - after.keys() == {item.occurrence_id(key)}
    assert after.items() <= before.items()


def test_a_snooze_adds_exactly_one_again(call: Caller, item: Item, clock: ManualClock) -> None:
    """Planted: leave snoozed ones out; or show them when they were due."""
    before = entries(call)
    clock.advance(timedelta(minutes=5))
    answer = act(call, item, "20260302.morning", "snooze", clock())
    assert answer.json["next_at"] == "2026-03-02T09:35:00+00:00"
    assert entries(call) == before | {
        item.occurrence_id("20260302.morning"): "2026-03-02T09:35:00+00:00"
    }
    act(call, item, "20260302.morning", "complete", clock())
    assert entries(call) == before


def test_taking_an_answer_back_brings_exactly_one_back(call: Caller, item: Item) -> None:
    before = entries(call)
    act(call, item, EVENING, "complete")
    act(call, item, EVENING, "reopen")
    assert entries(call) == before


def revision_of(patient: PatientAtHome) -> int:
    with transaction(patient.clinic_id) as session:
        return session.get_one(Patient, (patient.clinic_id, patient.id)).plan_revision


def test_travelling_moves_each_and_doubles_none(call: Caller, item: Item) -> None:
    """Planted: give the zone to the times and not count the revision up."""
    before, revision = entries(call), plan(call)["revision"]
    assert call("PATCH", "/me", json={"time_zone": "America/New_York"}).status_code == 200
    after = entries(call)
    same = before.keys() & after.keys()
    assert len(after) == len({*after}) >= 14 * 3 - 3
    later = {item.occurrence_id(f"20260302.{slot}") for slot in ("noon", "evening")}
    assert later <= same
    for each in later:
        assert at(after[each]) - at(before[each]) == timedelta(hours=5)
    assert plan(call)["revision"] == revision + 1


def test_own_times_move_their_slot_alone(call: Caller, item: Item) -> None:
    before = entries(call)
    times = {"reminder_times": {"medication": {"evening": "19:15"}}}
    assert call("PATCH", "/me", json={"preferences": times}).status_code == 200
    after = entries(call)
    assert after.keys() == before.keys()
    moved = {each for each in after if after[each] != before[each]}
    assert {after[each][11:16] for each in moved} == {"19:15"}
    assert len(moved) == 14


def test_a_pause_and_own_quiet_hours_take_entries_away(call: Caller, item: Item) -> None:
    """Planted: hand an empty policy to the plan."""
    pause = {"pause": {"from": "2026-03-03", "to": "2026-03-04"}}
    assert call("PATCH", "/me", json={"preferences": pause}).status_code == 200
    assert {each[:10] for each in entries(call).values()}.isdisjoint({"2026-03-03", "2026-03-04"})
    quiet = {"pause": None, "quiet_hours": {"from": "17:30", "to": "18:30"}}
    assert call("PATCH", "/me", json={"preferences": quiet}).status_code == 200
    shown = set(entries(call).values())
    # What quiet hours shift comes when they end.
    assert {each[11:16] for each in shown} == {"09:00", "12:00", "18:30"}
    assert item.occurrence_id(EVENING) in entries(call)


def test_a_plan_on_hold_and_one_that_has_ended_promise_nothing(
    call: Caller, client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome, item: Item
) -> None:
    """Planted: leave the count out of holding, releasing and ending."""
    assert plan(call)["entries"] != []
    staff = Caller(client, clinic.bearer)
    path = f"/episodes/{patient.episode_id}"
    revision = revision_of(patient)
    assert staff("POST", f"{path}/hold", json={"reason": "readmission"}).status_code == 200
    assert (plan(call)["entries"], plan(call)["revision"]) == ([], revision + 1)
    assert staff("POST", f"{path}/release", json={}).status_code == 200
    assert (plan(call)["entries"] != [], plan(call)["revision"]) == (True, revision + 2)
    assert staff("POST", f"{path}/end", json={"reason": "completed"}).status_code == 200
    assert (plan(call)["entries"], plan(call)["revision"]) == ([], revision + 3)
    assert item.rows()["20260302.morning"].state == "cancelled"


def test_the_plan_is_cut_where_a_phone_has_no_room_and_says_where(
    call: Caller, patient: PatientAtHome
) -> None:
    plan_item(patient, "medication", HOURLY, now=MONDAY)
    shown = plan(call)
    assert len(shown["entries"]) == MOST_ENTRIES
    assert shown["until"] > shown["entries"][-1]["at"]


def test_what_the_clinic_allows_changes_the_plans_that_are_left_to_devices(
    call: Caller, client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome, item: Item
) -> None:
    """Planted: count nobody's plan up; or everybody's."""
    other = make_patient(clinic, now=MONDAY)
    plan_item(other, now=MONDAY)
    admin = Caller(client, lambda: clinic.bearer("admin"))
    quiet = {"reminder_defaults": {"quiet_hours": {"from": "17:30", "to": "18:30"}}}
    assert admin("PATCH", "/clinic", json=quiet).status_code == 200
    assert entries(call)[item.occurrence_id(EVENING)] == "2026-03-02T18:30:00+00:00"
    assert (revision_of(patient), revision_of(other)) == (1, 0)
    assert admin("PATCH", "/clinic", json={"name": "Other name"}).status_code == 200
    assert revision_of(patient) == 1


def test_what_a_device_has_shown_is_not_pushed_because_the_plan_was_edited(
    call: Caller, patient: PatientAtHome
) -> None:
    """Planted: write what an edit keeps as if it had just fallen due."""
    item = plan_item(patient, "medication", ON_DEVICE, now=MONDAY)
    with transaction(patient.clinic_id) as session:
        session.execute(delete(Destination).where(Destination.patient_id == patient.id))
    materialise(item, now=MONDAY)
    with transaction(patient.clinic_id) as session:
        session.add(
            Destination(
                clinic_id=patient.clinic_id, id=uuid4(), patient_id=patient.id, channel="inbox",
                created_at=MONDAY,
            )
        )  # fmt: skip
    assert call("PATCH", "/me", json={"time_zone": "Europe/Paris"}).status_code == 200
    assert item.rows()["20260302.morning"].state == "due"
    assert item.deliveries() == []


def test_a_new_language_is_a_new_plan(call: Caller, patient: PatientAtHome, item: Item) -> None:
    """Planted: count up only for what moves a reminder."""
    assert item.clinic_id == patient.clinic_id
    assert call("PATCH", "/me", json={"locale": "tr"}).status_code == 200
    shown = plan(call)
    assert (shown["revision"], shown["entries"][0]["title"]) == (1, "Planınız")  # noqa: RUF001


def test_a_device_says_which_plan_it_has(call: Caller, patient: PatientAtHome, item: Item) -> None:
    shown = plan(call)
    assert item.clinic_id == patient.clinic_id
    body = {
        "platform": "webpush",
        "permission": "granted",
        "time_zone": "Europe/London",
        "locale": "en",
        "app_version": "1",
        "plan_revision": shown["revision"],
        "scheduled_until": shown["until"],
    }
    answer = call("PUT", f"/me/devices/{patient.device_id}", json=body)
    assert answer.status_code == 200
    assert answer.json["plan_revision"] == shown["revision"] == 0
    assert answer.json["scheduled_until"] == shown["until"]


def test_a_change_owes_every_device_a_sync_in_the_same_transaction(
    call: Caller, patient: PatientAtHome, item: Item
) -> None:
    """Planted: tell only the destinations that have never been told."""
    for zone in ("Europe/Paris", "Europe/Rome"):
        assert call("PATCH", "/me", json={"time_zone": zone}).status_code == 200
    assert item.clinic_id == patient.clinic_id
    with transaction(patient.clinic_id) as session:
        wanted = select(Destination).where(Destination.patient_id == patient.id)
        owed = {row.channel: row.sync_due_at for row in session.scalars(wanted)}
    assert owed == {"webpush": MONDAY, "inbox": None}
    assert revision_of(patient) == 2
