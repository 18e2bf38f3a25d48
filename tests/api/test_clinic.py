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
        "id", "name", "locale", "kind", "visibility", "reminder_defaults", "reminder_policy",
        "scheduled_instruments", "version", "created_at", "updated_at",
    }  # fmt: skip


def test_a_clinic_sets_what_its_patients_are_reminded_of_differently(call: Caller) -> None:
    """Planted: the patch stored whole instead of merged; the shipped budget left in force."""
    shipped = call("GET", "/clinic").json["reminder_policy"]
    assert shipped["quiet_hours"] == {"from": "21:00", "to": "08:00"}
    assert shipped["budget"] == [
        {"until_day": 7, "pushes": 3}, {"until_day": 42, "pushes": 2}, {"pushes": 1},
    ]  # fmt: skip
    call("PATCH", "/clinic", json={"reminder_defaults": {"bundle": 20}})
    two = {"budget": [{"pushes": 2}], "appointment_offsets": [60, 2880]}
    answer = call("PATCH", "/clinic", json={"reminder_defaults": two}).json
    assert answer["reminder_defaults"] == {"bundle": 20, **two}
    assert answer["reminder_policy"] == shipped | {
        "bundle": 20, "budget": [{"pushes": 2}], "appointment_offsets": [2880, 60],
    }  # fmt: skip
    back = call("PATCH", "/clinic", json={"reminder_defaults": {"bundle": None}}).json
    assert (back["reminder_defaults"], back["reminder_policy"]["bundle"]) == (two, 15)


@pytest.mark.parametrize(
    ("setting", "pointer"),
    [
        ({"volume": 11}, "/volume"),
        ({"bundle": 61}, "/bundle"),
        ({"bundle": True}, "/bundle"),
        ({"quiet_hours": {"from": "21:00"}}, "/quiet_hours"),
        ({"quiet_hours": {"from": "21:00", "to": "21:00"}}, "/quiet_hours"),
        ({"quiet_hours": {"from": "25:00", "to": "08:00"}}, "/quiet_hours"),
        ({"quiet_hours": 7}, "/quiet_hours"),
        ({"budget": []}, "/budget"),
        ({"budget": [{"until_day": 7, "pushes": 3}]}, "/budget"),
        ({"budget": [{"until_day": 9, "pushes": 3}, {"until_day": 9, "pushes": 2}]}, "/budget"),
        ({"budget": [{"pushes": -1}]}, "/budget"),
        ({"taper_from": 0}, "/taper_from"),
        ({"failover": ["pigeon"]}, "/failover"),
        ({"failover": ["sms", "sms"]}, "/failover"),
        ({"appointment_offsets": [1]}, "/appointment_offsets"),
        ({"appointment_offsets": [60, 60]}, "/appointment_offsets"),
        ({"appointment_offsets": "60"}, "/appointment_offsets"),
    ],
)
def test_a_setting_that_cannot_be_is_named(call: Caller, setting: Any, pointer: str) -> None:
    answer = call("PATCH", "/clinic", json={"reminder_defaults": setting})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [f"/reminder_defaults{pointer}"]
    assert call("GET", "/clinic").json["version"] == 1


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
