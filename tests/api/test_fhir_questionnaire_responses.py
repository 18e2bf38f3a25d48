"""QuestionnaireResponses of FHIR R4 over HTTP: taken in once, or refused with nothing stored.

Planted, each seen red: the version of the canonical not looked at; the subject not compared;
an identifier that is not looked at (red: the same response twice).
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import QuestionnaireResponse
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.domain.made_up_questionnaires import like_the_odi
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient

pytestmark = pytest.mark.usefixtures("app_context")

DAY_42 = MONDAY + timedelta(days=39)
FHIR = "application/fhir+json"
MINE = "/me/questionnaire-responses/fhir"
ADDRESS = "https://clinic.example/fhir/Questionnaire/made-up"


@pytest.fixture
def patient(clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    made = make_patient(clinic, now=MONDAY)
    clock.set(DAY_42)
    return made


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


@pytest.fixture
def phone(client: FlaskClient, patient: PatientAtHome) -> Caller:
    return Caller(client, patient.bearer)


@pytest.fixture
def form(staff: Caller, app_context: None) -> str:
    answer = staff("POST", "/questionnaires", json={"instrument": "odi", "content": like_the_odi()})
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def of(patient: PatientAtHome) -> str:
    return f"/episodes/{patient.episode_id}/questionnaire-responses"


def odi(level: int = 3, **changes: Any) -> dict[str, Any]:
    answer = {"valueCoding": {"system": "urn:made-up", "code": f"c{level}"}}
    items = [{"linkId": f"q{n}", "answer": [answer]} for n in range(1, 11)]
    return {
        "resourceType": "QuestionnaireResponse",
        "identifier": {"system": "urn:other-system", "value": "7"},
        "questionnaire": f"{ADDRESS}|1",
        "status": "completed",
        "authored": "2026-04-10T08:00:00Z",
        "item": [{"linkId": "all", "item": items}],
    } | changes


def post(call: Caller, path: str, resource: Any) -> Any:
    return call("POST", path, json=resource, headers={"Content-Type": FHIR})


def stored(patient: PatientAtHome) -> int:
    with transaction(patient.clinic_id) as session:
        return session.scalar(select(func.count()).select_from(QuestionnaireResponse)) or 0


def test_another_system_sends_what_was_answered_there(
    staff: Caller, patient: PatientAtHome, form: str
) -> None:
    subject = {"reference": f"Patient/{patient.id}"}
    answer = post(staff, of(patient) + "/fhir", odi(subject=subject))
    assert answer.status_code == 201, answer.json
    found = answer.json
    assert (found["instrument"], found["questionnaire"], found["score"]) == ("odi", form, 60)
    assert (found["source"], found["complete"], found["time_point"]) == (
        "staff", True, "prom_day_42",
    )  # fmt: skip
    again = post(staff, of(patient) + "/fhir", odi(subject=subject))
    assert (again.status_code, again.json) == (200, found)
    other = post(staff, of(patient) + "/fhir", odi(4))
    assert (other.status_code, other.json["code"]) == (409, "client_id_reused")
    assert stored(patient) == 1


@pytest.mark.usefixtures("form")
def test_what_is_amended_corrects_what_came_before(staff: Caller, patient: PatientAtHome) -> None:
    first = post(staff, of(patient) + "/fhir", odi()).json
    later = odi(4, status="amended", authored="2026-04-10T08:30:00Z")
    amended = post(staff, of(patient) + "/fhir", later)
    assert (amended.status_code, amended.json["supersedes"]) == (201, first["id"])
    again = post(staff, of(patient) + "/fhir", later)
    assert (again.status_code, again.json) == (200, amended.json)


@pytest.mark.usefixtures("form")
def test_what_goes_out_comes_in_as_it_was(
    phone: Caller, staff: Caller, patient: PatientAtHome
) -> None:
    own = str(uuid4())
    resource = odi(2, id=own)
    del resource["identifier"]
    first = post(phone, MINE, resource)
    assert first.status_code == 201, first.json
    bundle = staff("GET", f"{of(patient)}/{own}?format=fhir").json
    again = post(phone, MINE, bundle["entry"][0]["resource"])
    assert (again.status_code, again.json) == (200, first.json)


def test_a_shipped_form_is_known_by_its_own_address(phone: Caller) -> None:
    ratings = [{"linkId": f"ability_{n}", "answer": [{"valueInteger": n}]} for n in (1, 2, 3)]
    names = [{"linkId": f"activity_{n}", "answer": [{"valueString": "x"}]} for n in (1, 2, 3)]
    resource = odi(questionnaire="urn:recovery-service:instrument:psfs", item=names + ratings)
    found = post(phone, MINE, resource)
    assert (found.status_code, found.json["instrument"], found.json["score"]) == (201, "psfs", 2)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"questionnaire": f"{ADDRESS}|2"}, "/questionnaire"),
        ({"questionnaire": "https://elsewhere.example/q|1"}, "/questionnaire"),
        ({"questionnaire": "urn:recovery-service:instrument:promis_physical_function"},
         "/questionnaire"),
        ({"subject": {"reference": f"Patient/{uuid4()}"}}, "/subject/reference"),
        ({"authored": "2026-04-11T08:00:00Z"}, "/authored"),
        ({"status": "entered-in-error"}, "/status"),
        ({"item": [{"linkId": "q1"}]}, "/item/0/linkId"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("form")
def test_what_does_not_fit_is_refused_with_its_path_and_leaves_nothing(
    staff: Caller, patient: PatientAtHome, change: dict[str, Any], pointer: str
) -> None:
    answer = post(staff, of(patient) + "/fhir", odi(**change))
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]
    assert stored(patient) == 0


@pytest.mark.usefixtures("form")
def test_without_a_version_the_active_one_is_meant(staff: Caller, patient: PatientAtHome) -> None:
    found = post(staff, of(patient) + "/fhir", odi(questionnaire=ADDRESS))
    assert (found.status_code, found.json["instrument"]) == (201, "odi")


@pytest.mark.usefixtures("form")
def test_a_form_of_another_clinic_is_none(
    client: FlaskClient, other_clinic: ClinicWithStaff
) -> None:
    theirs = make_patient(other_clinic, now=MONDAY)
    answer = post(Caller(client, theirs.bearer), MINE, odi())
    assert [each["pointer"] for each in answer.json["errors"]] == ["/questionnaire"]


def test_what_reminds_of_a_form_leads_to_it(
    phone: Caller, client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    admin = Caller(client, lambda: clinic.bearer("admin"))
    refused = admin("PATCH", "/clinic", json={"scheduled_instruments": ["psfs", "nrs_back", "x"]})
    assert [each["pointer"] for each in refused.json["errors"]] == [
        "/scheduled_instruments/1", "/scheduled_instruments/2",
    ]  # fmt: skip
    assert admin("PATCH", "/clinic", json={"scheduled_instruments": ["psfs"]}).status_code == 200
    found = {each["instrument"]: each for each in phone("GET", "/me/questionnaires").json["items"]}
    assert found["psfs"]["occurrence_id"] is None  # no plan of this patient is published
