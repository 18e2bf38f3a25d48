"""Two people who edit the same: nobody's work is lost. `test_guards` tries each route.

Planted, each seen red: what is compared not locked until the commit; the care team not counted
as a change of the patient.
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from tests.calls import Caller
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient


@pytest.fixture
def staff(app_context: None, client: FlaskClient, clinic: ClinicWithStaff) -> Caller:
    return Caller(client, clinic.bearer)


@pytest.fixture
def patient(app_context: None, clinic: ClinicWithStaff, clock: ManualClock) -> PatientAtHome:
    return make_patient(clinic, now=clock())


@pytest.mark.parametrize(
    ("role", "path", "change"),
    [
        ("coordinator", "/patients/{patient}", {"name": "{n}"}),
        ("coordinator", "/episodes/{episode}", {"diagnosis": "{n}"}),
        ("admin", "/sites/{site}", {"name": "{n}"}),
        ("admin", "/clinic", {"name": "{n}"}),
        ("admin", "/staff/{member}", {"name": "{n}"}),
    ],
)
def test_of_ten_who_read_the_same_one_changes_it(
    app: Flask, clinic: ClinicWithStaff, patient: PatientAtHome, role: str, path: str,
    change: dict[str, str],
) -> None:  # fmt: skip
    ids = {
        "patient": patient.id,
        "episode": patient.episode_id,
        "site": clinic.site_id,
        "member": clinic.staff["surgeon"],
    }
    url, bearer, start = f"/api/v1{path.format(**ids)}", clinic.bearer(role), Barrier(10)
    read = app.test_client().get(url, headers=bearer).headers["ETag"]

    def edit(number: int) -> Any:
        client = app.test_client()
        body = {name: value.format(n=f"No. {number}") for name, value in change.items()}
        start.wait()
        return client.patch(url, json=body, headers=bearer | {"If-Match": read})

    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(edit, range(10)))
    told = [each.status_code for each in answers]
    assert (told.count(200), told.count(412)) == (1, 9), told
    (done,) = [each for each in answers if each.status_code == 200]
    (field,) = change
    now: Any = app.test_client().get(url, headers=bearer)
    assert (now.json[field], now.headers["ETag"]) == (done.json[field], done.headers["ETag"])
    stale = [each for each in answers if each.status_code == 412]
    assert {each.headers["ETag"] for each in stale} == {done.headers["ETag"]}
    assert {each.json["code"] for each in stale} == {"revision_stale"}


def test_what_is_a_part_of_the_patient_is_edited_with_the_patient(
    staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    path = f"/patients/{patient.id}"
    read = {"If-Match": staff("GET", path).headers["ETag"]}
    team = {"staff": [str(clinic.staff["surgeon"])]}
    done = staff("PUT", f"{path}/care-team", json=team, headers=read)
    assert done.status_code == 200
    for method, below, body in (
        ("PATCH", "", {"name": "B"}),
        ("PUT", "/care-team", {"staff": []}),
        ("PUT", "/addresses", {"addresses": []}),
    ):
        assert staff(method, path + below, json=body, headers=read).status_code == 412
    told = {"If-Match": done.headers["ETag"]}
    assert staff("PATCH", path, json={"name": "B"}, headers=told).status_code == 200


def test_the_patients_own_change_is_one_that_staff_have_to_read(
    client: FlaskClient, staff: Caller, patient: PatientAtHome
) -> None:
    path = f"/patients/{patient.id}"
    read = {"If-Match": staff("GET", path).headers["ETag"]}
    own = Caller(client, patient.bearer)
    # Unconditional: a phone that was offline is not sent back, and names what it changes.
    answer = own("PATCH", "/me", json={"locale": "tr"}, headers={"If-Match": None})
    assert answer.status_code == 200
    assert staff("PATCH", path, json={"locale": "en"}, headers=read).status_code == 412


def test_a_tag_says_the_version_that_lists_tell(staff: Caller, patient: PatientAtHome) -> None:
    read = staff("GET", f"/patients/{patient.id}")
    assert read.headers["ETag"] == f'"v{read.json["version"]}"'


def test_a_holiday_that_somebody_added_meanwhile_is_not_swept_away(
    client: FlaskClient, clinic: ClinicWithStaff, app_context: None
) -> None:
    admin = Caller(client, lambda: clinic.bearer("admin"))
    path = f"/sites/{clinic.site_id}/holidays"
    read = {"If-Match": admin("GET", path).headers["ETag"]}
    added = admin("POST", path, json={"day": "2026-12-25"})
    assert (added.status_code, added.headers["ETag"]) == (201, admin("GET", path).headers["ETag"])
    assert admin("PUT", path, json={"holidays": []}, headers=read).status_code == 412
    assert [each["day"] for each in admin("GET", path).json["items"]] == ["2026-12-25"]


def test_what_is_there_no_more_is_not_found_whatever_was_read(staff: Caller) -> None:
    path = "/patients/018f0000-0000-7000-8000-000000000000"
    for condition in (None, "*", '"v1"', "nonsense"):
        answer = staff("PATCH", path, json={"name": "B"}, headers={"If-Match": condition})
        assert answer.status_code == 404


def test_an_edit_that_is_refused_for_its_body_keeps_the_tag(
    staff: Caller, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    path = f"/patients/{patient.id}"
    read = staff("GET", path).headers["ETag"]
    with transaction(clinic.id) as session:
        stands = session.scalar(text("SELECT version FROM patient"))
    answer = staff("PATCH", path, json={"locale": 7}, headers={"If-Match": read})
    assert (answer.status_code, staff("GET", path).headers["ETag"]) == (422, read)
    with transaction(clinic.id) as session:
        assert session.scalar(text("SELECT version FROM patient")) == stands
