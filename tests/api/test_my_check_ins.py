"""Check-ins over HTTP: never lost, stored once, and never reassuring."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import RAISE
from sqlalchemy import delete, func, select, update

from recovery_service.api.schemas.my_check_ins import CheckInAnswerSchema
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.extensions import parts
from recovery_service.models import CheckIn, Episode, Occurrence, OccurrenceAction, Site
from tests.calls import Caller, at
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import DAILY, Item, materialise, plan_item

pytestmark = pytest.mark.usefixtures("app_context")

Send = Callable[..., Any]
HOUR = timedelta(hours=1)
TODAY = "20260302"
NOON = {**DAILY, "slots": {"noon": "12:00"}}


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


def body(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "date": "2026-03-02",
        "recorded_at": "2026-03-02T08:59:00Z",
        "time_zone": "Europe/London",
        "form_version": parts().content.check_ins.form_version,
        "answers": {"nrs_back": 3, "wound": "dry", "fall": False, "temp_c": None},
    } | changes


@pytest.fixture
def call(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture
def send(call: Caller) -> Send:
    return lambda **changes: call("POST", "/me/check-ins", json=body(**changes))


def stored(patient: PatientAtHome) -> int:
    with transaction(patient.clinic_id) as session:
        return session.scalar(select(func.count()).select_from(CheckIn)) or 0


def codes(answer: Any) -> list[str]:
    return [issue["code"] for issue in answer.json["check_in"]["issues"]]


def test_a_report_is_stored_and_answered_with_whom_to_call(
    send: Send, patient: PatientAtHome
) -> None:
    sent = body(note="  Slept badly. ")
    answer = send(**sent)
    assert answer.status_code == 201
    check_in = answer.json["check_in"]
    assert check_in["answers"] == sent["answers"]
    assert check_in["id"] == sent["id"]
    assert check_in["episode_id"] == str(patient.episode_id)
    assert (check_in["note"], check_in["issues"], check_in["source"]) == ("Slept badly.", [], "app")
    assert at(check_in["received_at"]) == MONDAY
    assert answer.json["advice"] == []
    monitoring = answer.json["monitoring"]
    assert (monitoring["state"], monitoring["respond_by"]) == ("watched", None)
    assert "+442079460000" in monitoring["until_then"]
    assert monitoring["phones"] == {"clinic": "+442079460000", "emergency": "999"}
    assert answer.json["progress"] == {
        "days_since_surgery": 3,
        "days_since_discharge": 1,
        "text": "Day 3 after your operation.",
    }


@pytest.mark.parametrize("phones", [{}, {"clinic": "+441"}])
def test_without_phones_the_answer_still_sends_to_somebody(
    send: Send, clinic: ClinicWithStaff, phones: dict[str, str]
) -> None:
    with transaction(clinic.id) as session:
        session.execute(update(Site).values(phones=phones))
    monitoring = send().json["monitoring"]
    assert "emergency number" in monitoring["until_then"]


def test_the_answer_written_by_hand_is_what_its_schema_declares(send: Send) -> None:
    answer = send(answers={"unheard_of": 1, "nrs_back": 2}, note="x").json
    assert CheckInAnswerSchema(unknown=RAISE).validate(answer) == {}
    shown = CheckInAnswerSchema().dump(CheckInAnswerSchema().load(answer))
    assert shown.keys() == answer.keys()
    assert shown["check_in"].keys() == answer["check_in"].keys()
    again = send(**{"id": answer["check_in"]["id"]} | {"note": "x"}, answers={"unheard_of": 1,
                 "nrs_back": 2})  # fmt: skip
    assert again.json == answer


ODD: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"date": "2026-03-01"}, "2026-03-01", []),
    ({"date": "2026-03-03"}, "2026-03-03", []),
    ({"date": "2026-02-28"}, "2026-03-02", ["date_out_of_range"]),
    ({"date": "2020-01-01"}, "2026-03-02", ["date_out_of_range"]),
    # Three days offline: recorded then, sent now.
    ({"date": "2026-02-27", "recorded_at": "2026-02-27T20:00:00Z"}, "2026-02-27", []),
    ({"date": "2026-03-03", "recorded_at": "2026-03-03T08:59:00Z"}, "2026-03-03", []),
    (
        {"date": "2031-01-01", "recorded_at": "2031-01-01T08:00:00Z"},
        "2026-03-02",
        ["clock_suspect", "date_out_of_range"],
    ),
    (
        {"date": "1970-01-01", "recorded_at": "1970-01-01T00:00:05Z"},
        "2026-03-02",
        ["clock_suspect", "date_out_of_range"],
    ),
    ({"recorded_at": "2026-03-03T09:00:01Z"}, "2026-03-02", ["clock_suspect"]),
    ({"form_version": "0-older"}, "2026-03-02", ["unknown_form_version"]),
    ({"answers": {"aura": "blue"}}, "2026-03-02", ["unknown_item"]),
    ({"answers": {}}, "2026-03-02", []),
    ({"time_zone": "Mars/Base"}, "2026-03-02", ["zone_unknown"]),
    (
        {"date": "2026-02-20", "recorded_at": "2026-02-20T09:00:00Z"},
        "2026-02-20",
        ["before_surgery"],
    ),
    # Tomorrow on Kiritimati, while it is still today in London.
    (
        {
            "date": "2026-03-03",
            "recorded_at": "2026-03-02T23:00:00+14:00",
            "time_zone": "Pacific/Kiritimati",
        },
        "2026-03-03",
        [],
    ),
]


@pytest.mark.parametrize(("change", "day", "issues"), ODD)
def test_what_is_odd_is_stored_with_its_issue(
    send: Send, patient: PatientAtHome, change: dict[str, Any], day: str, issues: list[str]
) -> None:
    answer = send(**change)
    assert answer.status_code == 201
    assert answer.json["check_in"]["date"] == day
    assert codes(answer) == issues
    assert stored(patient) == 1


def test_an_unknown_item_is_kept_and_the_known_ones_still_count(
    send: Send, patient: PatientAtHome
) -> None:
    given = {"aura": "blue", "nrs_back": 7, "n": 1.5, "flag": True, "none": None}
    answer = send(answers=given)
    assert answer.json["check_in"]["answers"] == given
    with transaction(patient.clinic_id) as session:
        row = session.scalars(select(CheckIn)).one()
    assert row.answers == given


def test_an_unknown_zone_is_replaced_by_the_patients(send: Send) -> None:
    check_in = send(time_zone="Mars/Base").json["check_in"]
    assert check_in["time_zone"] == "Europe/London"
    assert check_in["issues"] == [{"code": "zone_unknown", "given": "Mars/Base"}]


@pytest.mark.parametrize(
    ("state", "issues"),
    [
        ({"state": "on_hold", "held_at": MONDAY}, ["episode_not_open"]),
        (
            {"state": "ended", "end_reason": "completed", "ended_on": date(2026, 3, 1)},
            ["episode_not_open"],
        ),
        ({"state": "ended", "end_reason": "completed", "ended_on": date(2026, 3, 2)}, []),
        ({"surgery_date": None}, []),
        (
            {"surgery_date": date(2026, 3, 9), "discharge_date": date(2026, 3, 10)},
            ["before_surgery"],
        ),
    ],
)
def test_the_state_of_the_episode_refuses_nothing(
    send: Send, patient: PatientAtHome, state: dict[str, Any], issues: list[str]
) -> None:
    with transaction(patient.clinic_id) as session:
        session.execute(update(Episode).values(**state))
    answer = send()
    assert (answer.status_code, codes(answer)) == (201, issues)


def test_a_report_belongs_to_the_episode_that_was_open_on_its_date(
    send: Send, call: Caller, patient: PatientAtHome, clinic: ClinicWithStaff
) -> None:
    second = uuid4()
    with transaction(clinic.id) as session:
        ended = {"state": "ended", "end_reason": "superseded", "ended_on": date(2026, 3, 1)}
        session.execute(update(Episode).values(**ended))
        session.add(
            Episode(
                clinic_id=clinic.id, id=second, patient_id=patient.id, site_id=clinic.site_id,
                procedure="lumbar_fusion_mis", surgery_date=date(2026, 3, 2),
                discharge_date=date(2026, 3, 4), created_at=MONDAY, updated_at=MONDAY,
            )
        )  # fmt: skip
    early = send(date="2026-02-28", recorded_at="2026-02-28T20:00:00Z")
    assert early.json["check_in"]["episode_id"] == str(patient.episode_id)
    assert send().json["check_in"]["episode_id"] == str(second)
    assert codes(early) == []


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"answers": {"nrs_back": 11}}, "/answers/nrs_back"),
    ({"answers": {"nrs_back": -1}}, "/answers/nrs_back"),
    ({"answers": {"nrs_back": "3"}}, "/answers/nrs_back"),
    ({"answers": {"nrs_back": True}}, "/answers/nrs_back"),
    ({"answers": {"nrs_back": 3.5}}, "/answers/nrs_back"),
    ({"answers": {"nrs_back": [3]}}, "/answers/nrs_back"),
    ({"answers": {"temp_c": 20}}, "/answers/temp_c"),
    ({"answers": {"wound": "purple"}}, "/answers/wound"),
    ({"answers": {"fall": "no"}}, "/answers/fall"),
    ({"answers": {"aura": {"colour": "blue"}}}, "/answers/aura"),
    ({"answers": {"aura": "x" * 65}}, "/answers/aura"),
    ({"answers": {f"item_{n}": 1 for n in range(201)}}, "/answers"),
    ({"answers": []}, "/answers"),
    ({"answers": None}, "/answers"),
    ({"note": "x" * 2001}, "/note"),
    ({"note": 5}, "/note"),
    ({"id": "seven"}, "/id"),
    ({"date": "2026-02-30"}, "/date"),
    ({"date": 20260302}, "/date"),
    ({"recorded_at": "2026-03-02T09:00:00"}, "/recorded_at"),
    ({"time_zone": None}, "/time_zone"),
    ({"form_version": "x" * 33}, "/form_version"),
    ({"supersedes": "that"}, "/supersedes"),
    ({"mood": 5}, "/mood"),
    ({"source": "sms"}, "/source"),
]


@pytest.mark.parametrize(("change", "pointer"), REFUSED)
def test_an_answer_that_cannot_be_names_its_field_and_stores_nothing(
    send: Send, patient: PatientAtHome, change: dict[str, Any], pointer: str
) -> None:
    answer = send(**change)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert stored(patient) == 0


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ('{"id": NaN}', 400),
        ('{"id": 1, "id": 2}', 422),
        ('{"note": "\\u0000"}', 422),
        ('{"note": "\\ud800"}', 422),
        ('{"answers": ' + "9" * 5000 + "}", 422),
        ("[" * 200 + "]" * 200, 422),
        ("", 400),
        ("[]", 422),
        ('"text"', 422),
        ("{", 400),
        ('{"note": "' + "x" * 300_000 + '"}', 413),
    ],
)
def test_a_body_that_is_no_report_is_refused(
    call: Caller, patient: PatientAtHome, raw: str, status: int
) -> None:
    answer = call("POST", "/me/check-ins", data=raw, content_type="application/json")
    assert 400 <= answer.status_code < 500
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert stored(patient) == 0


def test_the_same_report_again_is_the_stored_one(
    send: Send, clock: ManualClock, patient: PatientAtHome
) -> None:
    sent = body(date="2020-01-01", time_zone="Mars/Base", note="x", answers={"temp_c": 37.04})
    first = send(**sent)
    clock.advance(49 * HOUR)
    again = send(**sent | {"recorded_at": "2026-03-02T10:59:00+02:00"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json["check_in"] == first.json["check_in"]
    assert again.json["monitoring"]["state"] == "watched"
    for change in (
        {"note": "y"},
        {"answers": {"temp_c": 38.5}},
        {"date": "2026-03-02"},
        {"time_zone": "Europe/London"},
        {"recorded_at": "2026-03-02T09:00:00Z"},
        {"supersedes": str(uuid4())},
    ):
        other = send(**sent | change)
        assert (other.status_code, other.json["code"]) == (409, "client_id_reused")
        assert other.json["stored"] == first.json["check_in"] | {
            "recorded_at": other.json["stored"]["recorded_at"],
            "received_at": other.json["stored"]["received_at"],
        }
    assert stored(patient) == 1


def test_an_id_that_somebody_else_used_shows_nothing_of_theirs(
    send: Send, client: FlaskClient, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff
) -> None:
    mine = body(note="Mine alone")
    assert send(**mine).status_code == 201
    colleague = Caller(client, make_patient(clinic, now=MONDAY).bearer)
    answer = colleague("POST", "/me/check-ins", json=mine)
    assert answer.status_code == 409
    assert "Mine alone" not in answer.text
    stranger = Caller(client, make_patient(other_clinic, now=MONDAY).bearer)
    assert stranger("POST", "/me/check-ins", json=mine).status_code == 201
    assert [len(each("GET", "/me/check-ins").json["items"]) for each in (colleague, stranger)] == [
        0,
        1,
    ]


@pytest.mark.parametrize("planned", [False, True])
def test_sixteen_at_once_are_one(
    app: Flask, patient: PatientAtHome, clock: ManualClock, planned: bool
) -> None:
    if planned:
        plan_item(patient, "check_in", NOON, now=MONDAY)
        plan_item(patient, now=MONDAY)
    sent, headers = body(answers={"sessions_done": 1}), patient.bearer()

    def post(_: int) -> int:
        answer = app.test_client().post("/api/v1/me/check-ins", json=sent, headers=headers)
        return answer.status_code

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(post, range(16))) == [200] * 15 + [201]
    assert stored(patient) == 1
    with transaction(patient.clinic_id) as session:
        done = session.scalar(
            select(func.count()).select_from(Occurrence).where(Occurrence.state == "done")
        )
        assert done == (2 if planned else 0)


@pytest.fixture
def asked(patient: PatientAtHome) -> Item:
    return plan_item(patient, "check_in", NOON, now=MONDAY)


def test_a_report_completes_the_days_check_in_and_ends_its_reminders(
    send: Send, asked: Item, clock: ManualClock
) -> None:
    materialise(asked, now=clock.advance(3 * HOUR))
    assert send().status_code == 201
    row = asked.rows()[f"{TODAY}.noon"]
    assert (row.state, row.reason, row.closed_at) == ("done", "check_in", clock())
    assert {(each.state, each.reason) for each in asked.deliveries()} == {("dropped", "done")}


def test_a_report_before_the_reminder_leaves_nothing_to_remind_of(
    send: Send, asked: Item, clock: ManualClock
) -> None:
    send()
    materialise(asked, now=clock.advance(4 * HOUR))
    assert asked.rows()[f"{TODAY}.noon"].state == "done"
    assert asked.deliveries() == []
    materialise(asked, now=clock.advance(24 * HOUR))
    assert asked.rows()["20260303.noon"].state == "due"


def test_a_late_report_completes_what_was_missed(
    send: Send, asked: Item, clock: ManualClock
) -> None:
    materialise(asked, now=clock.advance(3 * HOUR))
    with transaction(asked.clinic_id) as session:
        missed = {"state": "missed", "reason": "not_answered", "closed_at": MONDAY}
        session.execute(update(Occurrence).values(**missed))
    clock.advance(timedelta(days=7))
    send()
    assert asked.rows()[f"{TODAY}.noon"].state == "done"


def test_after_seven_days_a_report_is_stored_and_completes_nothing(
    send: Send, asked: Item, clock: ManualClock, patient: PatientAtHome
) -> None:
    materialise(asked, now=clock.advance(3 * HOUR))
    clock.advance(timedelta(days=8))
    assert send().status_code == 201
    assert asked.rows()[f"{TODAY}.noon"].state == "due"
    assert stored(patient) == 1


def test_a_skipped_check_in_stays_skipped(send: Send, asked: Item, clock: ManualClock) -> None:
    materialise(asked, now=clock.advance(3 * HOUR))
    with transaction(asked.clinic_id) as session:
        skipped = {"state": "skipped", "reason": "by_patient", "closed_at": MONDAY}
        session.execute(update(Occurrence).values(**skipped))
    send()
    assert asked.rows()[f"{TODAY}.noon"].state == "skipped"


def test_a_report_on_another_day_leaves_today_alone(
    send: Send, asked: Item, clock: ManualClock
) -> None:
    materialise(asked, now=clock.advance(3 * HOUR))
    send(date="2026-03-01", recorded_at="2026-03-01T20:00:00Z")
    assert asked.rows()[f"{TODAY}.noon"].state == "due"


def test_somebody_elses_check_in_stays_open(
    send: Send, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    other = plan_item(make_patient(clinic, now=MONDAY), "check_in", NOON, now=MONDAY)
    materialise(other, now=clock.advance(3 * HOUR))
    send()
    assert other.rows()[f"{TODAY}.noon"].state == "due"


@pytest.mark.parametrize(
    ("told", "done"), [(0, 0), (1, 1), (2, 2), (3, 2), (20, 2), (None, 0)], ids=str
)
def test_sessions_told_of_credit_the_days_open_ones_and_never_add(
    send: Send, patient: PatientAtHome, clock: ManualClock, told: int | None, done: int
) -> None:
    exercise = plan_item(patient, now=MONDAY)
    materialise(exercise, now=MONDAY)
    send(answers={"sessions_done": told})
    rows = exercise.rows()
    assert sum(row.state == "done" for row in rows.values()) == done
    assert {row.local_date for row in rows.values()} == {date(2026, 3, 2)}
    with transaction(patient.clinic_id) as session:
        sources = session.scalars(select(OccurrenceAction.source)).all()
    assert list(sources) == ["check_in"] * done


def test_sessions_already_done_are_not_credited_twice(
    send: Send, patient: PatientAtHome, call: Caller
) -> None:
    exercise = plan_item(patient, now=MONDAY)
    tap = {"id": str(uuid4()), "action": "complete", "at": MONDAY.isoformat()}
    call("POST", f"/me/occurrences/{exercise.occurrence_id(f'{TODAY}.evening')}/actions", json=tap)
    send(answers={"sessions_done": 1})
    assert set(exercise.rows()) == {f"{TODAY}.evening"}
    send(answers={"sessions_done": 2})
    assert {row.state for row in exercise.rows().values()} == {"done"}
    assert len(exercise.rows()) == 2


def test_the_form_is_there_on_every_day(call: Caller, patient: PatientAtHome) -> None:
    form = call("GET", "/me/check-in-form").json
    assert form["form_version"] == parts().content.check_ins.form_version
    assert (form["days_since_surgery"], form["due"], form["language"]) == (3, True, "en")
    items = {item["code"]: item for item in form["items"]}
    assert (items["nrs_back"]["min"], items["nrs_back"]["max"]) == (0, 10)
    assert items["saddle_numb"]["safety"] is True
    assert "nrs_neck" not in items
    assert items["weakness_side"]["show_if"] == {"item": "weakness_change", "in": ["worse", "new"]}
    with transaction(patient.clinic_id) as session:
        ended = {"state": "ended", "end_reason": "completed", "ended_on": date(2026, 3, 1)}
        session.execute(update(Episode).values(**ended))
    after = call("GET", "/me/check-in-form", headers={"Accept-Language": "tr"}).json
    assert after["items"][0]["label"] != form["items"][0]["label"]


def test_a_day_off_asks_the_safety_items_only(call: Caller, clock: ManualClock) -> None:
    clock.set(datetime.fromisoformat("2026-03-14T09:00:00+00:00"))
    form = call("GET", "/me/check-in-form").json
    assert (form["days_since_surgery"], form["due"]) == (15, False)
    assert any(item["safety"] for item in form["items"])
    assert "sessions_done" not in {item["code"] for item in form["items"]}


def test_reports_are_listed_newest_first_in_pages(send: Send, call: Caller) -> None:
    for day in (1, 3, 2):
        send(date=f"2026-03-0{day}", recorded_at=f"2026-03-0{min(day, 2)}T0{day}:00:00Z")
    listed = call("GET", "/me/check-ins").json
    assert [item["date"][-1] for item in listed["items"]] == ["3", "2", "1"]
    first = call("GET", "/me/check-ins?limit=2").json
    rest = call("GET", f"/me/check-ins?limit=2&cursor={first['next_cursor']}").json
    assert first["items"] + rest["items"] == listed["items"]
    assert rest["next_cursor"] is None
    some = call("GET", "/me/check-ins?from=2026-03-02&to=2026-03-02").json
    assert [item["date"] for item in some["items"]] == ["2026-03-02"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("from=2026-03-03&to=2026-03-02", "?to"),
        ("from=soon", "?from"),
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("cursor=abc", "?cursor"),
        ("page=2", "?page"),
    ],
)
def test_a_wrong_argument_is_named(call: Caller, query: str, pointer: str) -> None:
    answer = call("GET", f"/me/check-ins?{query}")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_a_patient_without_an_episode_is_told_so(send: Send, clinic: ClinicWithStaff) -> None:
    with transaction(clinic.id) as session:
        session.execute(delete(Episode))
    assert send().status_code == 404
