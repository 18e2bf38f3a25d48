"""A draft looked at before it is published, and an earlier revision brought back.

Defects planted, each of which turned a test here red: a restored item given a new lineage; a
changed draft overwritten; restrictions not restored; the summary in one language only; an item
that asks to book what is booked counted as open.
"""

# ruff: noqa: RUF001 - Turkish has a dotless i

from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.services.profile import ProfileChange, change_profile
from tests.calls import Caller
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.waiting import wait_for_a_waiter


@pytest.fixture
def patient(app_context: None, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(clinic, now=clock())


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome) -> Caller:
    return Caller(client, clinic.bearer)


@pytest.fixture
def phone(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture
def path(staff: Caller, patient: PatientAtHome) -> str:
    """Publish a plan and return its address."""
    made = f"/episodes/{patient.episode_id}/plan"
    staff("POST", made, json={})
    assert staff("POST", f"{made}/publish", json={}).status_code == 200
    return made


def live(staff: Caller, path: str) -> dict[str, Any]:
    return dict(staff("GET", path).json["live"])


def kept(revision: dict[str, Any]) -> Any:
    """Return what a revision holds, without what numbers and dates it."""
    return revision["items"], revision["restrictions"], revision["phases"]


def walk_of(revision: dict[str, Any]) -> dict[str, Any]:
    return next(i for i in revision["items"] if i["kind"] == "walking" and "to_day" in i["rule"]
                and i["rule"]["to_day"] > 10)  # fmt: skip


# --- preview ---------------------------------------------------------------------------------


def test_a_preview_tells_what_moves_and_what_the_patient_will_read(
    path: str, staff: Caller, phone: Caller
) -> None:
    walk = walk_of(live(staff, path))
    slot = next(iter(walk["rule"]["slots"]))
    staff("PATCH", f"{path}/items/{walk['id']}", json={"rule": {"slots": {slot: "10:45"}}})
    shown = staff("GET", f"{path}/preview?days=90").json
    assert (shown["live"], shown["draft"], shown["effective_from"]) == (1, 2, "2026-03-02")
    assert (shown["from_date"], shown["to_date"]) == ("2026-03-02", "2026-05-30")
    mine = [each for each in shown["occurrences"] if each["slot"] == slot]
    assert {each["item_id"] for each in shown["occurrences"]} == {walk["id"]}
    assert len(mine) > 5
    for each in mine:
        assert (each["change"], each["reason"], each["local_time"]) == (
            "moves",
            "time_changed",
            "10:45",
        )
        assert (each["was"]["local_date"], each["title"]) == (
            each["local_date"],
            walk["title"]["en"],
        )
    (total,) = shown["totals"]
    assert total["shown"]["moves"] == len(mine)
    assert shown["what_changed"]["summary"] == [f"Changed: {walk['title']['en']} (times)"]
    turkish = staff("GET", f"{path}/preview", headers={"Accept-Language": "tr"}).json
    assert turkish["what_changed"]["summary"] == [f"Değişti: {walk['title']['tr']} (saatler)"]
    assert staff("POST", f"{path}/publish", json={}).status_code == 200
    assert phone("GET", "/me/plan").json["what_changed"] == shown["what_changed"]


def open_agenda(phone: Caller) -> dict[str, str]:
    listed = phone("GET", "/me/agenda?from=2026-03-09&to=2026-04-08").json["items"]
    return {each["id"]: each["due_at"] for each in listed if each["state"] in ("upcoming", "due")}


def test_another_template_with_appointments_booked_does_what_the_preview_says(
    path: str, staff: Caller, phone: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    """With the follow-ups of a template, one of them booked, its item gone and asked for anew."""
    episode = f"/episodes/{patient.episode_id}"
    item = next(i for i in live(staff, path)["items"] if i["appointment"] == "surgeon_2")
    staff("DELETE", f"{path}/items/{item['id']}")
    staff("POST", f"{path}/publish", json={})
    visits = staff("GET", f"{episode}/appointments").json["items"]
    visit = next(each for each in visits if each["kind"] == "surgeon_2")
    booked = {"state": "booked", "starts_at": "2026-04-09T09:00:00Z", "minutes": 20}
    answer = staff("PATCH", f"/appointments/{visit['id']}", json=booked)
    assert answer.status_code == 200, answer.json
    clock.advance(timedelta(days=7))

    draft = staff("POST", path, json={"template": "lumbar_microdiscectomy_early_return_2w"})
    walk, hinge = (
        next(i for i in draft.json["draft"]["items"] if i["code"] == code)
        for code in ("walk_activate", "hip_hinge")
    )
    changes = {"rule": {"slots": {"noon": "12:30", next(iter(walk["rule"]["slots"])): "10:30"}}}
    staff("PATCH", f"{path}/items/{walk['id']}", json=changes)
    staff("DELETE", f"{path}/items/{hinge['id']}")
    shown = staff("GET", f"{path}/preview?days=31").json
    assert shown["to_date"] == "2026-04-08"
    before = open_agenda(phone)
    assert staff("POST", f"{path}/publish", json={}).status_code == 200
    after = open_agenda(phone)
    found = {each["id"]: (each["change"], each["due_at"]) for each in shown["occurrences"]}
    expected = {key: ("appears", due) for key, due in after.items() if key not in before}
    expected |= {key: ("vanishes", due) for key, due in before.items() if key not in after}
    expected |= {key: ("moves", due) for key, due in after.items() if before.get(key, due) != due}
    assert found == expected
    assert {change for change, _ in found.values()} == {"appears", "moves", "vanishes"}


def test_what_lies_beyond_the_days_shown_is_counted(path: str, staff: Caller) -> None:
    later = next(i for i in live(staff, path)["items"]
                 if i["kind"] == "walking" and i["rule"]["from_day"] > 40)  # fmt: skip
    staff("DELETE", f"{path}/items/{later['id']}")
    shown = staff("GET", f"{path}/preview?days=1").json
    assert shown["occurrences"] == []
    (total,) = shown["totals"]
    assert total["shown"] == {"appears": 0, "moves": 0, "vanishes": 0}
    assert total["later"]["vanishes"] > 10


def test_a_first_plan_appears_whole(
    staff: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    made = f"/episodes/{patient.episode_id}/plan"
    staff("POST", made, json={})
    shown = staff("GET", f"{made}/preview?effective_from=2026-03-09&days=7").json
    assert (shown["live"], shown["draft"], shown["what_changed"]) == (None, 1, None)
    assert (shown["from_date"], shown["to_date"]) == ("2026-03-02", "2026-03-15")
    assert {each["reason"] for each in shown["occurrences"]} == {"item_added"}
    assert min(each["local_date"] for each in shown["occurrences"]) == "2026-03-09"


def test_without_a_draft_nothing_changes(path: str, staff: Caller) -> None:
    shown = staff("GET", f"{path}/preview").json
    assert (shown["live"], shown["draft"], shown["occurrences"]) == (1, None, [])


@pytest.mark.parametrize(
    ("query", "status", "pointer"),
    [
        ("days=0", 422, "?days"), ("days=91", 422, "?days"), ("days=many", 422, "?days"),
        ("effective_from=yesterday", 422, "?effective_from"),
        ("effective_from=2026-03-01", 422, "/effective_from"),
        ("effective_from=2026-03-20", 422, "/effective_from"),
        ("color=red", 422, "?color"),
    ],
)  # fmt: skip
def test_what_publishing_would_refuse_is_refused(
    path: str, staff: Caller, query: str, status: int, pointer: str
) -> None:
    staff("PATCH", path, json={"restrictions": []})
    refused = staff("GET", f"{path}/preview?{query}")
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (status, pointer)


def test_a_plan_that_counts_from_surgery_is_looked_at_on_somebodys_word(
    staff: Caller, client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    patient = make_patient(clinic, now=clock(), surgery_date=None)
    made = f"/episodes/{patient.episode_id}/plan"
    staff("POST", made, json={})
    assert staff("GET", f"{made}/preview").json["code"] == "surgery_date_needed"
    shown = staff("GET", f"{made}/preview?surgery_date_assumed=true").json
    assert len(shown["occurrences"]) > 20
    episode = staff("GET", f"/episodes/{patient.episode_id}").json
    assert episode["surgery_date"] is None


# --- restore ---------------------------------------------------------------------------------


def test_an_earlier_revision_comes_back_as_a_draft_and_reaches_nobody_until_published(
    path: str, staff: Caller, phone: Caller, clock: ManualClock
) -> None:
    first = live(staff, path)
    gone, other = first["items"][0], first["items"][1]
    staff("DELETE", f"{path}/items/{gone['id']}")
    staff("PATCH", f"{path}/items/{other['id']}", json={"title": {"en": "Renamed"}})
    staff("PATCH", path, json={"restrictions": []})
    staff("POST", f"{path}/publish", json={})
    clock.advance(timedelta(days=1))

    restored = staff("POST", f"{path}/revisions/1/restore", json={})
    assert restored.status_code == 201, restored.json
    draft = restored.json["draft"]
    assert (draft["number"], draft["restored_from"]) == (3, 1)
    assert kept(draft) == kept(first)
    assert restored.json["live"]["number"] == 2
    assert phone("GET", "/me/plan").json["revision"] == 2

    staff("POST", f"{path}/publish", json={})
    plan = phone("GET", "/me/plan", headers={"Accept-Language": "tr"}).json
    changed = plan["what_changed"]
    assert (plan["revision"], changed["since"], changed["restored_from"]) == (3, 2, 1)
    assert [each["id"] for each in changed["added"]] == [gone["id"]]
    assert [(each["id"], each["fields"]) for each in changed["changed"]] == [
        (other["id"], ["title"])
    ]
    assert len(changed["limits"]) == len(first["restrictions"])
    assert changed["summary"][0] == "Ekibiniz planınızın önceki bir sürümüne döndü."
    assert changed["summary"][1] == f"Yeni sınır: {first['restrictions'][0]['text']['tr']}"
    numbers = [
        (each["number"], each["restored_from"])
        for each in staff("GET", f"{path}/revisions").json["items"]
    ]
    assert numbers == [(3, 1), (2, None), (1, None)]


def test_a_changed_draft_is_kept_and_an_unchanged_one_gives_way(path: str, staff: Caller) -> None:
    item = live(staff, path)["items"][0]["id"]
    staff("POST", path, json={})  # a copy of what is live, in which nobody changed anything
    assert staff("POST", f"{path}/revisions/1/restore", json={}).status_code == 201
    staff("DELETE", f"{path}/items/{item}")
    refused = staff("POST", f"{path}/revisions/1/restore", json={})
    assert (refused.status_code, refused.json["code"]) == (409, "draft_exists")
    assert item not in {each["id"] for each in staff("GET", path).json["draft"]["items"]}


def test_a_draft_with_a_note_is_kept(path: str, staff: Caller) -> None:
    staff("PATCH", path, json={"note": "Ask the surgeon first."})
    assert staff("POST", f"{path}/revisions/1/restore", json={}).status_code == 409


@pytest.mark.parametrize("number", [0, 2, 3, 99])
def test_what_was_never_published_cannot_come_back(path: str, staff: Caller, number: int) -> None:
    item = live(staff, path)["items"][0]["id"]
    staff("DELETE", f"{path}/items/{item}")  # revision 2 is a draft
    assert staff("POST", f"{path}/revisions/{number}/restore", json={}).status_code == 404


def test_a_change_of_a_restriction_is_told_in_words(
    path: str, staff: Caller, phone: Caller
) -> None:
    limits = [
        {name: each[name] for name in ("code", "limit", "unit", "from_day", "to_day", "text")}
        for each in live(staff, path)["restrictions"]
    ]
    lift = next(each for each in limits if each["code"] == "lift" and each["limit"])
    lift |= {"limit": 3.0, "text": {"en": "Lift up to 3 kg", "tr": "En fazla 3 kg kaldırın"}}
    dropped = limits.pop()
    staff("PATCH", path, json={"restrictions": limits})
    staff("POST", f"{path}/publish", json={})
    changed = phone("GET", "/me/plan").json["what_changed"]
    assert changed["restrictions"] is True
    assert [(each["code"], each["change"]) for each in changed["limits"]] == [
        ("lift", "changed"),
        (dropped["code"], "removed"),
    ]
    assert changed["summary"] == [
        "This limit has changed: Lift up to 3 kg",
        f"This limit no longer holds: {dropped['text']['en']}",
    ]


def test_a_plan_waits_for_own_times_that_are_being_saved_and_follows_them(
    app: Flask, path: str, staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome,
    phone: Caller, clock: ManualClock,
) -> None:  # fmt: skip
    """Planted: without the patient's lock the plan went on at the times just left."""
    walk = walk_of(live(staff, path))
    slot = next(iter(walk["rule"]["slots"]))
    staff("PATCH", path, json={"restrictions": []})
    bearer = clinic.bearer()
    answers: list[int] = []

    def publish() -> None:
        url = f"/api/v1{path}/publish"
        answers.append(app.test_client().post(url, json={}, headers=bearer).status_code)

    own = ProfileChange(preferences={"reminder_times": {walk["id"]: {slot: "19:40"}}})
    thread = Thread(target=publish)
    with transaction(clinic.id) as session:
        change_profile(session, patient.actor(), patient.id, own, now=clock())
        thread.start()
        wait_for_a_waiter()
    thread.join()
    assert answers == [200]
    day = clock().date() + timedelta(days=int(walk["rule"]["from_day"]))
    listed = phone("GET", f"/me/agenda?from={day}&to={day}").json["items"]
    times = {each["local_time"] for each in listed if each["slot"] == slot
             and each["title"] == walk["title"]["en"]}  # fmt: skip
    assert times == {"19:40"}
