"""How staff are told of alerts: what they choose, and the browsers that are theirs.

Defects that these are there to see: take a colleague's device over; count retired devices; take an
endpoint inside the clinic's network; let a choice of mail change the push.
"""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import StaffDevice
from recovery_service.services.alert_preferences import MAX_DEVICES
from tests.calls import Caller
from tests.conventions.test_access_matrix import BROWSER
from tests.factories import ClinicWithStaff, make_patient
from tests.reports import report

pytestmark = pytest.mark.usefixtures("app_context")
CHOICES = "/staff/me/alert-preferences"


@pytest.fixture
def call(client: FlaskClient, clinic: ClinicWithStaff, clock: ManualClock) -> Any:
    """Return what sends a request as somebody of a role."""

    def sent(method: str, path: str, *, role: str = "physiotherapist", **options: Any) -> Any:
        return Caller(client, lambda: clinic.bearer(role))(method, path, **options)

    return sent


def put(call: Any, device_id: Any = None, **options: Any) -> Any:
    body = {"name": "Office", "subscription": BROWSER}
    return call("PUT", f"/staff/me/devices/{device_id or uuid4()}", json=body, **options)


def test_each_chooses_of_what_they_get_a_mail_and_a_push(call: Any) -> None:
    assert call("GET", CHOICES).json == {"mail": "next_business_day", "push": "none"}
    assert call("PATCH", CHOICES, json={"push": "emergency"}).json == {
        "mail": "next_business_day",
        "push": "emergency",
    }
    assert call("PATCH", CHOICES, json={"mail": "none"}).json == {
        "mail": "none",
        "push": "emergency",
    }
    assert call("GET", CHOICES, role="surgeon").json["push"] == "none"
    refused = call("PATCH", CHOICES, json={"push": "always"})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/push")
    assert call("PATCH", CHOICES, json={}).status_code == 422


def test_a_browser_is_added_changed_listed_without_its_keys_and_taken_away(call: Any) -> None:
    device_id = uuid4()
    assert put(call, device_id).status_code == 201
    assert put(call, device_id).status_code == 200
    (shown,) = call("GET", "/staff/me/devices").json["items"]
    assert shown.keys() == {"id", "name", "created_at"}
    assert call("GET", "/staff/me/devices", role="surgeon").json["items"] == []
    assert call("DELETE", f"/staff/me/devices/{device_id}", role="surgeon").status_code == 404
    assert call("DELETE", f"/staff/me/devices/{device_id}").status_code == 204
    assert call("DELETE", f"/staff/me/devices/{device_id}").status_code == 204
    assert call("GET", "/staff/me/devices").json["items"] == []
    assert put(call, device_id).status_code == 200  # and it is back


def test_a_colleagues_browser_is_not_taken_over(call: Any) -> None:
    device_id = uuid4()
    put(call, device_id)
    taken = put(call, device_id, role="surgeon")
    assert (taken.status_code, taken.json["code"]) == (409, "device_id_taken")


def test_there_are_so_many_and_one_that_was_taken_away_makes_room(call: Any) -> None:
    ids = [uuid4() for _ in range(MAX_DEVICES)]
    assert {put(call, each).status_code for each in ids} == {201}
    assert put(call).json["code"] == "too_many_devices"
    call("DELETE", f"/staff/me/devices/{ids[0]}")
    assert put(call).status_code == 201


@pytest.mark.parametrize("endpoint", ["http://203.0.113.7/x", "https://127.0.0.1/x", "x"])
def test_an_endpoint_that_leads_inside_is_refused(
    app: Flask, call: Any, clinic: ClinicWithStaff, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    strict = replace(app.extensions["recovery_service"], private_endpoints=False)
    monkeypatch.setitem(app.extensions, "recovery_service", strict)
    body = {"subscription": BROWSER | {"endpoint": endpoint}}
    refused = call("PUT", f"/staff/me/devices/{uuid4()}", json=body)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "/subscription/endpoint"
    with transaction(clinic.id) as session:
        assert session.scalars(select(StaffDevice)).all() == []


def test_the_budget_of_a_clinic_that_nobody_counted_is_said_so(
    call: Any, clinic: ClinicWithStaff, clock: ManualClock
) -> None:
    report(make_patient(clinic, now=clock()), now=clock(), calf="left")
    shown = call("GET", "/clinic/alert-budget", role="admin").json
    assert (shown["aim"], shown["counted_at"]) == (0.1, None)
    assert [(each["days"], each["share"]) for each in shown["windows"]] == [(7, None), (28, None)]
