"""Questionnaires of an episode for staff: entered, read, compared, and as FHIR.

Planted, each seen red: a score from paper outside of its scale; a response of another episode
shown; the baseline of the episode ignored; the last day left out of the week; the change of a
time point taken from an older answer; what is not complete exported as completed; corrected
responses counted; two that correct each other both gone; ties decided by chance.
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select, update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.extensions import db, parts
from recovery_service.models import AuditEvent, Episode, QuestionnaireResponse
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.domain.made_up_questionnaires import like_the_odi, translated
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient

pytestmark = pytest.mark.usefixtures("app_context")

DAY = timedelta(days=1)
DAY_42 = MONDAY + 39 * DAY
PSFS = {"activity_1": "Socks", "activity_2": "Stairs", "activity_3": "Sleep"}


@pytest.fixture
def patient(clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    made = make_patient(clinic, now=MONDAY, zone="Europe/Istanbul")
    clock.set(DAY_42)
    return made


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


def body(**changes: Any) -> dict[str, Any]:
    sent = {"id": str(uuid4()), "instrument": "odi", "authored_at": "2026-04-10T08:00:00Z"}
    return sent | ({} if "answers" in changes else {"score": 40}) | changes


def of(patient: PatientAtHome, rest: str = "questionnaire-responses") -> str:
    return f"/episodes/{patient.episode_id}/{rest}"


def enter(staff: Caller, patient: PatientAtHome, on: str, score: float, code: str = "odi") -> Any:
    sent = body(instrument=code, score=score, authored_at=f"{on}T08:00:00Z")
    answer = staff("POST", of(patient), json=sent)
    assert answer.status_code == 201, answer.json
    return answer.json


def courses(staff: Caller, patient: PatientAtHome, language: str = "en") -> dict[str, Any]:
    answer = staff("GET", of(patient, "instruments"), headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.json
    return {each["instrument"]: each for each in answer.json["items"]}


def psfs(first: int, **changes: Any) -> dict[str, Any]:
    ratings = {f"ability_{n}": first for n in (1, 2, 3)}
    return {"instrument": "psfs", "answers": PSFS | ratings | changes}


def test_staff_enter_a_score_from_paper(
    staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    sent = body(score=42.5)
    answer = staff("POST", of(patient), json=sent)
    assert answer.status_code == 201
    found = answer.json
    assert (found["score"], found["answers"], found["complete"]) == (42.5, None, True)
    assert (found["source"], found["time_point"]) == ("staff", "prom_day_42")
    assert found["entered_by"] == str(clinic.staff["physiotherapist"])
    again = staff("POST", of(patient), json=sent)
    assert (again.status_code, again.json) == (200, found)
    other = staff("POST", of(patient), json=sent | {"score": 43})
    assert (other.status_code, other.json["stored"]) == (409, found)


def test_staff_enter_what_they_are_told(staff: Caller, patient: PatientAtHome) -> None:
    found = staff("POST", of(patient), json=body(**psfs(3)))
    assert (found.status_code, found.json["score"], found.json["source"]) == (201, 3, "staff")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"score": 100.5}, "/score"),
        ({"score": -1}, "/score"),
        ({"score": 42.55}, "/score"),
        ({"score": True}, "/score"),
        ({"instrument": "rmdq", "score": 12.5}, "/score"),
        ({"instrument": "nrs_leg", "score": 5}, "/instrument"),
        ({"instrument": "x" * 65, "score": 5}, "/instrument"),
        ({"score": None}, "/answers"),
        ({"answers": {}, "score": 3}, "/answers"),
        ({"authored_at": "2026-04-11T08:00:00Z"}, "/authored_at"),
        ({"entered_by": str(uuid4())}, "/entered_by"),
    ],
)
def test_what_cannot_be_is_named_and_leaves_nothing(
    staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome, change: dict[str, Any],
    pointer: str,
) -> None:  # fmt: skip
    answer = staff("POST", of(patient), json=body(**change))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    with transaction(clinic.id) as session:
        assert session.scalar(select(func.count()).select_from(QuestionnaireResponse)) == 0
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 0


def test_a_response_belongs_to_the_date_of_the_patients_zone(
    staff: Caller, patient: PatientAtHome
) -> None:
    sent = body(authored_at="2026-04-08T22:30:00Z")
    assert staff("POST", of(patient), json=sent).json["date"] == "2026-04-09"


def test_the_list_comes_newest_first_and_in_pages(staff: Caller, patient: PatientAtHome) -> None:
    for on in ("2026-02-20", "2026-04-09", "2026-03-20"):
        enter(staff, patient, on, 40)
    first = staff("GET", of(patient) + "?limit=2").json
    second = staff("GET", of(patient) + f"?limit=2&cursor={first['next_cursor']}").json
    dates = [each["date"] for each in (*first["items"], *second["items"])]
    assert dates == ["2026-04-09", "2026-03-20", "2026-02-20"]


def test_another_clinic_finds_nothing(
    staff: Caller, client: FlaskClient, other_clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    known = enter(staff, patient, "2026-04-09", 40)["id"]
    stranger = Caller(client, other_clinic.bearer)
    for path in (of(patient), of(patient, "instruments"), of(patient) + f"/{known}"):
        assert stranger("GET", path).status_code == 404
    assert stranger("POST", of(patient), json=body()).status_code == 404


def test_a_response_is_found_in_its_own_episode_only(
    staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    other = make_patient(clinic, now=MONDAY)
    found = enter(staff, patient, "2026-04-09", 40)
    assert staff("GET", of(patient) + f"/{found['id']}").json == found
    assert staff("GET", of(other) + f"/{found['id']}").status_code == 404


def test_a_change_is_told_against_the_score_from_before(
    staff: Caller, patient: PatientAtHome
) -> None:
    enter(staff, patient, "2026-01-10", 60)
    enter(staff, patient, "2026-02-25", 44)
    enter(staff, patient, "2026-03-05", 70)
    enter(staff, patient, "2026-03-14", 36)
    enter(staff, patient, "2026-04-08", 30)
    enter(staff, patient, "2026-04-10", 26)
    odi = courses(staff, patient)["odi"]
    assert odi["baseline"] == {"score": 44, "date": "2026-02-25", "time_point": "prom_day_0"}
    told = [
        (each["time_point"], each["score"], each["change"]["state"], each["change"]["points"])
        for each in odi["readings"]
    ]
    assert told == [
        (None, 70, "too_early", None),
        ("prom_day_14", 36, "no_detectable_change", 8),
        ("prom_day_42", 26, "improved", 18),
    ]
    text = odi["readings"][1]["change"]["text"]
    assert text.startswith("It differs by 8 points")
    assert "18" in text


def test_what_was_corrected_counts_no_more(staff: Caller, patient: PatientAtHome) -> None:
    enter(staff, patient, "2026-02-25", 44)
    wrong = enter(staff, patient, "2026-04-09", 4)
    right = body(score=40, authored_at="2026-04-01T08:00:00Z", supersedes=wrong["id"])
    assert staff("POST", of(patient), json=right).json["supersedes"] == wrong["id"]
    told = [each["score"] for each in courses(staff, patient)["odi"]["readings"]]
    assert told == [40]


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=1)])
def test_two_that_correct_each_other_do_not_both_vanish(
    staff: Caller, patient: PatientAtHome, clock: ManualClock, later: timedelta
) -> None:
    ids = [str(uuid4()), str(uuid4())]
    for its_id, other in ((ids[0], ids[1]), (ids[1], ids[0])):
        sent = body(id=its_id, supersedes=other)
        assert staff("POST", of(patient), json=sent).status_code == 201
        clock.set(clock() + later)
    told = [each["score"] for each in courses(staff, patient)["odi"]["readings"]]
    assert told == [40]


def test_a_score_that_is_entered_again_for_the_same_moment_is_the_one_that_counts(
    staff: Caller, patient: PatientAtHome, clock: ManualClock
) -> None:
    for score in (60, 20, 50, 30):
        enter(staff, patient, "2026-04-09", score)
        clock.set(clock() + timedelta(minutes=1))
        told = [each["score"] for each in courses(staff, patient)["odi"]["readings"]]
        assert told == [score]


def test_the_reason_is_a_sentence_in_the_language_of_the_reader(
    staff: Caller, patient: PatientAtHome
) -> None:
    enter(staff, patient, "2026-02-25", 44)
    enter(staff, patient, "2026-04-08", 25.5)
    told = {
        language: courses(staff, patient, language)["odi"]["readings"][0]["change"]["text"]
        for language in ("en", "tr")
    }
    assert told["en"].startswith("Better by 18.5 points")
    assert told["tr"].startswith("Ameliyat öncesine göre 18,5 puan daha iyi")


def test_without_a_score_from_before_it_says_so(staff: Caller, patient: PatientAtHome) -> None:
    enter(staff, patient, "2026-04-08", 25)
    odi = courses(staff, patient)["odi"]
    assert odi["baseline"] is None
    assert odi["readings"][0]["change"]["state"] == "no_baseline"


def test_what_the_clinic_wrote_down_before_is_a_baseline(
    staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    with transaction(clinic.id) as session:
        session.execute(update(Episode).values(baseline={"psfs": 3}))
    assert staff("POST", of(patient), json=body(**psfs(6))).status_code == 201
    found = courses(staff, patient)["psfs"]
    assert found["baseline"]["score"] == 3
    assert found["readings"][0]["change"]["state"] == "improved"


def test_activities_that_are_not_the_same_are_not_compared(
    staff: Caller, patient: PatientAtHome
) -> None:
    before = body(**psfs(2), authored_at="2026-02-25T08:00:00Z")
    assert staff("POST", of(patient), json=before).status_code == 201
    assert staff("POST", of(patient), json=body(**psfs(8, activity_2="Work"))).status_code == 201
    change = courses(staff, patient)["psfs"]["readings"][0]["change"]
    assert (change["state"], change["reason"]) == ("no_baseline", "not_comparable")


def report(
    staff: Caller, patient: PatientAtHome, on: str, answers: dict[str, Any], at: str = "08:00"
) -> None:
    sent = {
        "id": str(uuid4()), "date": on, "recorded_at": f"{on}T{at}:00Z",
        "time_zone": "Europe/Istanbul", "answers": answers,
        "form_version": parts().content.check_ins.form_version,
    }  # fmt: skip
    assert staff("POST", of(patient, "check-ins"), json=sent).status_code == 201


def test_pain_is_the_median_of_the_week_around_the_time_point(
    staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome, clock: ManualClock
) -> None:
    with transaction(clinic.id) as session:
        session.execute(update(Episode).values(baseline={"nrs_back": 7, "nrs_leg": 8}))
    # Day 14 is 13 March, day 42 is 10 April; the 14th lies outside of the week.
    for on, back in (("2026-03-10", 6), ("2026-03-13", 4), ("2026-03-16", 5), ("2026-03-17", 0),
                     ("2026-04-07", 3), ("2026-04-10", 4)):  # fmt: skip
        report(staff, patient, on, {"nrs_back": back})
    found = courses(staff, patient)
    assert "nrs_leg" not in found
    back = found["nrs_back"]
    assert back["baseline"]["score"] == 7
    assert [
        (each["time_point"], each["score"], each["change"]["state"]) for each in back["readings"]
    ] == [
        ("prom_day_14", 5, "no_detectable_change"),
        ("prom_day_42", 3.5, "no_detectable_change"),
    ]
    clock.set(DAY_42 - DAY)
    assert len(courses(staff, patient)["nrs_back"]["readings"]) == 1
    clock.set(DAY_42)
    report(staff, patient, "2026-04-10", {"nrs_back": 1}, at="08:30")
    report(staff, patient, "2026-04-09", {"nrs_back": 1})
    latest = courses(staff, patient)["nrs_back"]["readings"][-1]
    assert (latest["score"], latest["change"]["state"]) == (1, "improved")


def test_the_number_of_statements_does_not_grow_with_the_history(
    staff: Caller, patient: PatientAtHome
) -> None:
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    def cost() -> int:
        statements.clear()
        courses(staff, patient)
        return len(statements)

    enter(staff, patient, "2026-02-25", 44)
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        before = cost()
        for day in range(1, 10):
            enter(staff, patient, f"2026-04-0{day}", 30)
        assert cost() == before
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert before > 0


def fhir(staff: Caller, patient: PatientAtHome, response: str, language: str = "en") -> Any:
    path = of(patient) + f"/{response}?format=fhir"
    answer = staff("GET", path, headers={"Accept-Language": language})
    assert (answer.status_code, answer.mimetype) == (200, "application/fhir+json")
    bundle = answer.get_json(force=True)
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    for entry in bundle["entry"]:
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"
    return [entry["resource"] for entry in bundle["entry"]]


def test_a_response_is_a_questionnaire_response_and_an_observation_of_fhir(
    staff: Caller, patient: PatientAtHome
) -> None:
    content = like_the_odi()
    content["item"][0]["item"][0]["_text"] = translated("Soru 1")
    version = staff("POST", "/questionnaires", json={"instrument": "odi", "content": content}).json
    answers = {f"q{n}": "c4" for n in range(1, 10)} | {"q10": None}
    sent = body(answers=answers, questionnaire=version["id"])
    assert staff("POST", of(patient), json=sent).status_code == 201
    response, observation = fhir(staff, patient, sent["id"])
    assert response["questionnaire"] == f"{content['url']}|1"
    assert (response["status"], response["authored"]) == ("in-progress", "2026-04-10T08:00:00Z")
    assert response["subject"] == {"reference": f"Patient/{patient.id}"}
    (group,) = response["item"]
    assert [item["linkId"] for item in group["item"]] == [f"q{n}" for n in range(1, 10)]
    assert group["item"][0] == {
        "linkId": "q1",
        "text": "Question q1",
        "answer": [{"valueCoding": {"system": "urn:made-up", "code": "c4", "display": "Level 4"}}],
    }
    assert observation["code"]["coding"][0] == {"system": "http://loinc.org", "code": "97909-6"}
    assert observation["valueQuantity"]["value"] == 80
    assert observation["derivedFrom"] == [{"reference": f"urn:uuid:{sent['id']}"}]
    (turkish, _) = fhir(staff, patient, sent["id"], "tr")
    assert turkish["item"][0]["item"][0]["text"] == "Soru 1"


def test_a_shipped_form_has_an_address_of_this_service(
    staff: Caller, patient: PatientAtHome
) -> None:
    sent = body(**psfs(3, activity_4=None))
    assert staff("POST", of(patient), json=sent).status_code == 201
    response, observation = fhir(staff, patient, sent["id"])
    assert response["questionnaire"].startswith("urn:recovery-service:instrument:psfs|")
    assert response["status"] == "completed"
    assert response["item"][0]["answer"] == [{"valueString": "Socks"}]
    assert response["item"][1]["answer"] == [{"valueInteger": 3}]
    assert len(response["item"]) == 6
    assert observation["code"]["coding"] == [
        {"system": "urn:recovery-service:instrument", "code": "psfs"}
    ]


def test_a_score_alone_is_an_observation_alone(staff: Caller, patient: PatientAtHome) -> None:
    known = enter(staff, patient, "2026-04-09", 40)["id"]
    (observation,) = fhir(staff, patient, known)
    assert (observation["resourceType"], observation["id"]) == ("Observation", known)
    assert "derivedFrom" not in observation
    wrong = staff("GET", of(patient) + f"/{known}?format=xml")
    assert [error["pointer"] for error in wrong.json["errors"]] == ["?format"]
