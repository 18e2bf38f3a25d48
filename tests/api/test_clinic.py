"""The clinic's own settings."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.calls import Caller
from tests.factories import ClinicWithStaff


@pytest.fixture
def call(app_context: None, client: FlaskClient, clinic: ClinicWithStaff) -> Any:
    return Caller(client, lambda: clinic.bearer("admin"))


def test_an_admin_names_the_clinic_and_its_version_counts_up(call: Caller) -> None:
    before = call("GET", "/clinic").json
    answer = call("PATCH", "/clinic", json={"name": "Spine Clinic", "locale": "tr"})
    assert answer.status_code == 200
    assert (answer.json["name"], answer.json["locale"]) == ("Spine Clinic", "tr")
    assert answer.json["version"] == before["version"] + 1
    assert call("GET", "/clinic").json == answer.json
    assert set(answer.json) == {
        "id", "name", "locale", "kind", "visibility", "version", "created_at", "updated_at",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"visibility": "care_team"}, "/visibility"),
        ({"kind": "demo"}, "/kind"),
        ({"name": " "}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"locale": "de"}, "/locale"),
        ({}, ""),
    ],
)
def test_what_cannot_be_names_its_field(call: Caller, body: Any, pointer: str) -> None:
    answer = call("PATCH", "/clinic", json=body)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]
    assert call("GET", "/clinic").json["version"] == 1


def test_everybody_reads_and_only_admins_change(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff
) -> None:
    with app.app_context():
        for role in ("physiotherapist", "surgeon", "coordinator"):
            call = Caller(client, lambda role=role: clinic.bearer(role))  # type: ignore[misc]
            assert call("GET", "/clinic").status_code == 200
            assert call("PATCH", "/clinic", json={"name": "Mine"}).status_code == 403


def test_each_clinic_sees_itself(
    app: Flask, client: FlaskClient, clinic: ClinicWithStaff, other_clinic: ClinicWithStaff
) -> None:
    with app.app_context():
        Caller(client, lambda: clinic.bearer("admin"))("PATCH", "/clinic", json={"name": "Mine"})
        seen = Caller(client, other_clinic.bearer)("GET", "/clinic").json
    assert (seen["id"], seen["name"]) == (str(other_clinic.id), "Other Clinic")
