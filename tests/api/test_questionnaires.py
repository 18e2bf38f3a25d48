"""Importing licensed questionnaires: refused with the path, stored once, one active a language.

Planted, each seen red: pointers without `/content`; the version that was active left so; an
import without a trace in the audit; instruments that are not scored by sums taken.
"""

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from recovery_service.database import transaction
from recovery_service.models import AuditEvent, Questionnaire
from tests.calls import Caller
from tests.domain.made_up_questionnaires import choice, like_the_odi, like_the_rmdq, of_items
from tests.factories import ClinicWithStaff

pytestmark = pytest.mark.usefixtures("app_context")

PATH = "/questionnaires"


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


def stored(clinic: ClinicWithStaff) -> int:
    with transaction(clinic.id) as session:
        return session.scalar(select(func.count()).select_from(Questionnaire)) or 0


def actions(clinic: ClinicWithStaff) -> list[str]:
    with transaction(clinic.id) as session:
        return sorted(session.scalars(select(AuditEvent.action)))


def send(call: Caller, content: Any, instrument: str = "odi", **changes: Any) -> Any:
    return call("POST", PATH, json={"instrument": instrument, "content": content} | changes)


def test_a_licensed_questionnaire_is_stored_as_it_was_given(
    staff: Caller, clinic: ClinicWithStaff
) -> None:
    content = like_the_odi()
    answer = send(staff, content)
    assert answer.status_code == 201
    found = answer.json
    assert (found["content"], found["active"], found["language"]) == (content, True, "en")
    assert (found["url"], found["version"]) == (content["url"], "1")
    assert found["created_by"] == str(clinic.staff["physiotherapist"])
    assert staff("GET", f"{PATH}/{found['id']}").json == found
    (listed,) = staff("GET", PATH).json["items"]
    assert listed == {key: value for key, value in found.items() if key != "content"}
    assert actions(clinic) == ["questionnaire_activated", "questionnaire_imported"]


def test_the_same_content_again_is_what_stands(staff: Caller, clinic: ClinicWithStaff) -> None:
    first = send(staff, like_the_odi())
    again = send(staff, like_the_odi())
    assert (again.status_code, again.json) == (200, first.json)
    assert send(staff, like_the_odi(), "ndi").status_code == 201
    assert stored(clinic) == 2


def test_of_one_language_one_version_is_active(staff: Caller) -> None:
    first = send(staff, like_the_odi()).json["id"]
    second = send(staff, like_the_odi(version="2")).json["id"]
    turkish = send(staff, like_the_odi(language="tr")).json["id"]
    third = send(staff, like_the_odi(version="3"), activate=False).json["id"]

    def active() -> set[str]:
        return {each["id"] for each in staff("GET", PATH).json["items"] if each["active"]}

    assert active() == {second, turkish}
    assert staff("POST", f"{PATH}/{first}/activate").json["active"] is True
    assert active() == {first, turkish}
    assert staff("POST", f"{PATH}/{third}/activate").json["active"] is True
    assert staff("POST", f"{PATH}/{third}/retire").json["active"] is False
    assert staff("POST", f"{PATH}/{third}/retire").status_code == 200
    assert active() == {turkish}


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (of_items({"linkId": "1", "type": "string", "text": "Which"}), "/content/item"),
        (like_the_odi(resourceType="Patient"), "/content/resourceType"),
        (like_the_odi(modifierExtension=[]), "/content/modifierExtension"),
        (
            of_items(*(choice(f"q{n}") for n in range(8)),
                     choice("q8", enableWhen=[{"question": "q8", "operator": "exists",
                                               "answerBoolean": True}])),
            "/content/item/8/enableWhen",
        ),
        ({}, "/content/resourceType"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_its_path(
    staff: Caller, clinic: ClinicWithStaff, content: dict[str, Any], pointer: str
) -> None:
    answer = send(staff, content)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert pointer in [error["pointer"] for error in answer.json["errors"]]
    assert (stored(clinic), actions(clinic)) == (0, [])


@pytest.mark.parametrize("instrument", ["psfs", "nrs_back", "promis_physical_function", "sf36"])
def test_only_what_is_scored_by_sums_can_be_imported(staff: Caller, instrument: str) -> None:
    answer = send(staff, like_the_odi(), instrument)
    assert [error["pointer"] for error in answer.json["errors"]] == ["/instrument"]


def test_a_body_that_is_too_large_or_too_deep_is_refused(staff: Caller) -> None:
    assert send(staff, like_the_odi(description="x" * 300_000)).status_code == 413
    deep: Any = {"linkId": "x"}
    for _ in range(40):
        deep = {"item": [deep]}
    assert send(staff, like_the_odi(item=[deep])).status_code == 422


def test_another_clinic_neither_sees_nor_offers_it(
    staff: Caller, client: FlaskClient, other_clinic: ClinicWithStaff
) -> None:
    stranger = Caller(client, other_clinic.bearer)
    known = send(staff, like_the_rmdq(), "rmdq").json["id"]
    assert stranger("GET", PATH).json["items"] == []
    for path in (f"{PATH}/{known}", f"{PATH}/{uuid4()}"):
        assert stranger("GET", path).status_code == 404
        assert stranger("POST", f"{path}/activate").status_code == 404
        assert stranger("POST", f"{path}/retire").status_code == 404
    assert send(stranger, like_the_rmdq(), "rmdq").status_code == 201


def test_the_list_comes_in_pages(staff: Caller) -> None:
    sent = [send(staff, like_the_odi(version=str(n))).json["id"] for n in range(3)]
    first = staff("GET", f"{PATH}?limit=2").json
    second = staff("GET", f"{PATH}?limit=2&cursor={first['next_cursor']}").json
    listed = [each["id"] for each in (*first["items"], *second["items"])]
    assert sorted(listed) == sorted(sent)
    assert second["next_cursor"] is None


def test_the_registry_says_where_each_threshold_is_from(staff: Caller) -> None:
    found = staff("GET", "/instruments").json
    assert found["status"] == "draft_pending_clinician_signoff"
    odi = next(each for each in found["items"] if each["code"] == "odi")
    assert (odi["judged_by"]["points"], odi["detectable"]["points"]) == (10, 18)
    assert odi["judged_by"]["source"] == ["F:wern"]
    assert "Fairbank" in odi["licence"]["en"]
    assert (odi["importable"], odi["scoring"], odi["loinc"]) == (True, "percent", "97909-6")
