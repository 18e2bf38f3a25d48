"""Questionnaires of the patient over HTTP: always a form, answers stored once.

Planted, each seen red: a time point outside of its window refused; a repeated id written over;
the stored object of another patient shown; the form always in English; a statement more for
each time point that was answered.
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.extensions import db
from recovery_service.models import Episode, QuestionnaireResponse
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.domain.made_up_questionnaires import like_the_odi, like_the_rmdq, translated
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient

pytestmark = pytest.mark.usefixtures("app_context")

DAY = timedelta(days=1)
PATH = "/me/questionnaire-responses"
# Surgery was on 27 February: Monday 2 March is day 3.
DAY_42 = MONDAY + 39 * DAY
ANSWERS: dict[str, Any] = {
    "activity_1": "Socks", "ability_1": 2,
    "activity_2": "Stairs", "ability_2": 4,
    "activity_3": "Sleep", "ability_3": 6,
}  # fmt: skip


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def call(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


def body(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "instrument": "psfs",
        "authored_at": "2026-04-10T08:00:00Z",
        "answers": dict(ANSWERS),
    } | changes


def imported(staff: Caller, content: Any = None, instrument: str = "odi") -> str:
    sent = {"instrument": instrument, "content": content or like_the_odi()}
    answer = staff("POST", "/questionnaires", json=sent)
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def forms(call: Caller, **headers: str) -> dict[str, Any]:
    answer = call("GET", "/me/questionnaires", headers=headers)
    assert answer.status_code == 200, answer.json
    return {each["instrument"]: each for each in answer.json["items"]}


def stored(patient: PatientAtHome) -> int:
    with transaction(patient.clinic_id) as session:
        return session.scalar(select(func.count()).select_from(QuestionnaireResponse)) or 0


def pointers(answer: Any) -> list[str]:
    return [error["pointer"] for error in answer.json["errors"]]


def test_there_is_a_form_on_a_day_on_which_nothing_is_due(call: Caller) -> None:
    psfs = forms(call)["psfs"]
    assert psfs["due"] is None
    assert psfs["next"] == {
        "code": "prom_day_14", "day": 14, "target": "2026-03-13",
        "opens": "2026-03-13", "closes": "2026-03-20",
    }  # fmt: skip
    assert [item["link_id"] for item in psfs["items"]][:2] == ["activity_1", "ability_1"]


def test_what_is_due_says_until_when(call: Caller, clock: ManualClock) -> None:
    clock.set(DAY_42)
    psfs = forms(call)["psfs"]
    assert (psfs["due"]["code"], psfs["due"]["closes"]) == ("prom_day_42", "2026-04-24")
    assert psfs["next"]["code"] == "prom_day_90"
    assert call("POST", PATH, json=body()).json["time_point"] == "prom_day_42"
    assert forms(call)["psfs"]["due"] is None


def test_a_correction_that_is_of_another_time_leaves_the_time_point_due_again(
    call: Caller, clock: ManualClock
) -> None:
    clock.set(DAY_42)
    sent = body()
    call("POST", PATH, json=sent)
    assert forms(call)["psfs"]["due"] is None
    earlier = body(authored_at="2026-03-14T08:00:00Z", supersedes=sent["id"])
    assert call("POST", PATH, json=earlier).status_code == 201
    assert forms(call)["psfs"]["due"]["code"] == "prom_day_42"


def test_the_form_speaks_the_language_of_the_patient(call: Caller, staff: Caller) -> None:
    content = like_the_odi(_title=translated("Uydurma form"))
    content["item"][0]["item"][0]["_text"] = translated("Soru 1")
    imported(staff, content)
    english, turkish = (forms(call, **{"Accept-Language": tag}) for tag in ("en", "tr"))
    assert english["psfs"]["title"] == "Patient-Specific Functional Scale"
    assert turkish["psfs"]["title"] == "Hastaya Özgü Fonksiyonel Skala"
    assert english["psfs"]["items"][0]["text"] != turkish["psfs"]["items"][0]["text"]
    assert (turkish["odi"]["title"], turkish["odi"]["language"]) == ("Uydurma form", "tr")
    assert turkish["odi"]["items"][0]["items"][0]["text"] == "Soru 1"


def test_a_version_in_the_patients_language_comes_before_another(
    call: Caller, staff: Caller
) -> None:
    turkish = imported(staff, like_the_odi(language="tr", title="Uydurma"))
    english = imported(staff)
    assert forms(call)["odi"]["questionnaire"] == english
    found = forms(call, **{"Accept-Language": "tr"})["odi"]
    assert (found["questionnaire"], found["title"]) == (turkish, "Uydurma")
    assert staff("POST", f"/questionnaires/{english}/retire").json["active"] is False
    found = forms(call)["odi"]
    assert (found["questionnaire"], found["language"]) == (turkish, "tr")


def test_only_what_can_be_answered_is_offered(call: Caller, staff: Caller) -> None:
    assert forms(call).keys() == {"psfs"}
    imported(staff, like_the_rmdq(), "rmdq")
    imported(staff, like_the_odi(), "ndi")  # of the neck: not of this operation
    assert forms(call).keys() == {"psfs", "rmdq"}


def test_answers_are_stored_with_their_score(
    call: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    clock.set(DAY_42)
    sent = body(form_version=forms(call)["psfs"]["form_version"])
    answer = call("POST", PATH, json=sent)
    assert answer.status_code == 201
    found = answer.json
    assert (found["score"], found["complete"], found["issues"]) == (4, True, [])
    assert (found["answers"], found["id"]) == (sent["answers"], sent["id"])
    assert (found["episode_id"], found["source"]) == (str(patient.episode_id), "app")
    assert (found["date"], found["entered_by"], found["questionnaire"]) == (
        "2026-04-10",
        None,
        None,
    )


def test_the_same_again_changes_nothing(call: Caller, patient: PatientAtHome) -> None:
    sent = body()
    first, again = call("POST", PATH, json=sent), call("POST", PATH, json=sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    assert stored(patient) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"answers": ANSWERS | {"ability_1": 3}},
        {"authored_at": "2026-04-10T08:00:01Z"},
        {"form_version": "older"},
        {"time_point": "prom_day_90"},
        {"supersedes": str(uuid4())},
    ],
)
def test_the_same_id_with_other_content_shows_what_stands(
    call: Caller, patient: PatientAtHome, change: dict[str, Any]
) -> None:
    sent = body()
    first = call("POST", PATH, json=sent)
    answer = call("POST", PATH, json=sent | change)
    assert (answer.status_code, answer.json["code"]) == (409, "client_id_reused")
    assert answer.json["stored"] == first.json
    assert stored(patient) == 1


def test_a_retry_is_the_same_after_the_surgery_date_moved(
    call: Caller, patient: PatientAtHome
) -> None:
    sent = body()
    first = call("POST", PATH, json=sent)
    with transaction(patient.clinic_id) as session:
        session.execute(update(Episode).values(surgery_date=None))
    again = call("POST", PATH, json=sent)
    assert (again.status_code, again.json) == (200, first.json)


def test_the_id_of_another_patient_tells_nothing(
    call: Caller, client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    other = make_patient(clinic, now=MONDAY)
    sent = body()
    assert Caller(client, other.bearer)("POST", PATH, json=sent).status_code == 201
    answer = call("POST", PATH, json=sent)
    assert (answer.status_code, "Socks" in answer.text) == (409, False)


ODD: list[tuple[dict[str, Any], str | None, list[str]]] = [
    ({"authored_at": "2026-03-05T08:00:00Z"}, None, []),
    ({"authored_at": "2026-02-27T08:00:00Z"}, "prom_day_0", []),
    ({"time_point": "prom_day_90"}, "prom_day_90", ["off_window"]),
    ({"time_point": "prom_day_42"}, "prom_day_42", []),
    ({"form_version": "older"}, "prom_day_42", ["unknown_form_version"]),
    ({"authored_at": "1970-01-01T00:00:00Z"}, "prom_day_42", ["clock_suspect"]),
    ({"authored_at": "2031-01-01T00:00:00Z"}, "prom_day_42", ["clock_suspect"]),
]


@pytest.mark.parametrize(("change", "point", "issues"), ODD)
def test_what_is_odd_is_stored_with_its_issue(
    call: Caller, clock: ManualClock, change: dict[str, Any], point: str | None, issues: list[str]
) -> None:
    clock.set(DAY_42)
    answer = call("POST", PATH, json=body(**change))
    assert answer.status_code == 201
    assert answer.json["time_point"] == point
    assert [issue["code"] for issue in answer.json["issues"]] == issues


@pytest.mark.parametrize(
    ("answers", "score"),
    [({}, None), ({"ability_1": 3}, None), (ANSWERS | {"ability_3": None}, None)],
)
def test_what_was_left_out_is_stored_as_not_complete(
    call: Caller, answers: dict[str, Any], score: float | None
) -> None:
    found = call("POST", PATH, json=body(answers=answers))
    assert found.status_code == 201
    assert (found.json["score"], found.json["complete"]) == (score, False)
    assert found.json["answers"] == answers


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"answers": ANSWERS | {"ability_1": 11}}, "/answers/ability_1"),
        ({"answers": ANSWERS | {"ability_1": "2"}}, "/answers/ability_1"),
        ({"answers": {"mood": 1}}, "/answers/mood"),
        ({"answers": {"activity_1": "x" * 501}}, "/answers/activity_1"),
        ({"answers": {"activity_1": ["a"]}}, "/answers/activity_1"),
        ({"answers": {f"q{n}": 1 for n in range(201)}}, "/answers"),
        ({"answers": None}, "/answers"),
        ({"instrument": "sf36"}, "/instrument"),
        ({"instrument": "nrs_back"}, "/instrument"),
        ({"instrument": "odi"}, "/questionnaire"),
        ({"questionnaire": str(uuid4())}, "/questionnaire"),
        ({"instrument": "odi", "questionnaire": str(uuid4())}, "/questionnaire"),
        ({"time_point": "prom_day_7"}, "/time_point"),
        ({"score": 3}, "/score"),
        ({"id": "7"}, "/id"),
        ({"authored_at": "2026-04-10T08:00:00"}, "/authored_at"),
    ],
)
def test_what_cannot_be_is_named_and_leaves_nothing(
    call: Caller, patient: PatientAtHome, change: dict[str, Any], pointer: str
) -> None:
    answer = call("POST", PATH, json=body(**change))
    assert answer.status_code == 422
    assert pointers(answer) == [pointer]
    assert stored(patient) == 0


def test_a_licensed_form_is_scored_by_its_ordinals(call: Caller, staff: Caller) -> None:
    imported(staff)
    form = forms(call)["odi"]
    answers = {f"q{n}": f"c{n % 6}" for n in range(1, 11)}
    sent = body(instrument="odi", questionnaire=form["questionnaire"], answers=answers)
    found = call("POST", PATH, json=sent)
    assert (found.status_code, found.json["score"]) == (201, 50)  # 25 of 50
    wrong = call("POST", PATH, json=sent | {"id": str(uuid4()), "answers": {"q1": "c6"}})
    assert pointers(wrong) == ["/answers/q1"]


def test_answers_to_a_version_that_was_replaced_are_taken_by_that_version(
    call: Caller, staff: Caller
) -> None:
    old = imported(staff)
    newer = like_the_odi(version="2")
    newer["item"][0]["item"][0]["linkId"] = "another"
    imported(staff, newer)
    assert forms(call)["odi"]["questionnaire"] != old
    answers = {f"q{n}": "c5" for n in range(1, 11)}
    found = call("POST", PATH, json=body(instrument="odi", questionnaire=old, answers=answers))
    assert (found.status_code, found.json["score"]) == (201, 100)


def test_the_activities_of_the_first_response_are_brought_along(
    call: Caller, clock: ManualClock
) -> None:
    assert forms(call)["psfs"]["carried"] == {}
    call("POST", PATH, json=body(authored_at="2026-03-02T08:00:00Z"))
    later = body(answers=ANSWERS | {"activity_1": "Shoes"})
    call("POST", PATH, json=later)
    assert forms(call)["psfs"]["carried"] == {
        "activity_1": "Socks", "activity_2": "Stairs", "activity_3": "Sleep"
    }  # fmt: skip


@pytest.mark.parametrize(
    "state",
    [
        {"state": "on_hold", "held_at": MONDAY},
        {"state": "ended", "end_reason": "completed", "ended_on": MONDAY.date()},
        {"surgery_date": None},
    ],
)
def test_the_state_of_the_episode_refuses_nothing(
    call: Caller, patient: PatientAtHome, state: dict[str, Any]
) -> None:
    with transaction(patient.clinic_id) as session:
        session.execute(update(Episode).values(**state))
    assert "psfs" in forms(call)
    assert call("POST", PATH, json=body()).status_code == 201


def test_the_number_of_statements_does_not_grow_with_what_was_answered(
    call: Caller, staff: Caller, clock: ManualClock
) -> None:
    clock.set(DAY_42)
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    def cost() -> int:
        statements.clear()
        forms(call)
        return len(statements)

    imported(staff)
    imported(staff, like_the_rmdq(), "rmdq")
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        before = cost()
        for day in range(10, 20):
            sent = body(authored_at=f"2026-03-{day}T08:00:00Z")
            assert call("POST", PATH, json=sent).status_code == 201
        assert cost() == before
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert before > 0
