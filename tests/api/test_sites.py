"""Sites: zone, country, hours, phones, holidays."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from recovery_service.clock import ManualClock
from tests.calls import Caller
from tests.factories import ClinicWithStaff

SECOND_SPAN = "/opening_hours/1/1/0"
SEVEN_SPANS = [[f"0{hour}:00", f"0{hour}:30"] for hour in range(7)]
NEW = {"name": "Second site", "time_zone": "Europe/Istanbul", "country": "TR"}


@pytest.fixture
def call(app_context: None, client: FlaskClient, clinic: ClinicWithStaff) -> Any:
    return Caller(client, lambda: clinic.bearer("admin"))


def site_of(call: Caller, **changes: Any) -> dict[str, Any]:
    answer = call("POST", "/sites", json=NEW | changes)
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def test_a_site_keeps_what_was_said(call: Caller) -> None:
    hours = {"1": [["08:00", "12:00"], ["13:00", "24:00"]], "7": []}
    phones = {"clinic": "+902121234567", "emergency": "112", "crisis": "988"}
    site = site_of(call, opening_hours=hours, phones=phones)
    assert (site["opening_hours"], site["phones"]) == (hours, phones)
    assert (site["is_default"], site["version"]) == (False, 1)
    assert call("GET", f"/sites/{site['id']}").json == site


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"time_zone": "Europe/Nowhere"}, "/time_zone"),
        ({"time_zone": "europe/london"}, "/time_zone"),
        ({"country": "XX"}, "/country"),
        ({"country": "gb"}, "/country"),
        ({"opening_hours": {"8": [["08:00", "17:00"]]}}, "/opening_hours/8"),
        ({"opening_hours": {"1": [["17:00", "08:00"]]}}, "/opening_hours/1/0/1"),
        ({"opening_hours": {"1": [["08:00", "08:00"]]}}, "/opening_hours/1/0/1"),
        ({"opening_hours": {"1": [["8:00", "17:00"]]}}, "/opening_hours/1/0/0"),
        ({"opening_hours": {"1": [["24:00", "24:00"]]}}, "/opening_hours/1/0/0"),
        ({"opening_hours": {"1": [["08:00"]]}}, "/opening_hours/1/0"),
        ({"opening_hours": {"1": [["08:00", "12:00"], ["11:00", "15:00"]]}}, SECOND_SPAN),
        ({"opening_hours": {"1": [["08:00", "12:00"], ["12:00", "15:00"]]}}, SECOND_SPAN),
        ({"opening_hours": {"1": [["13:00", "15:00"], ["08:00", "12:00"]]}}, SECOND_SPAN),
        ({"opening_hours": {"1": SEVEN_SPANS}}, "/opening_hours/1"),
        ({"opening_hours": {"1": "always"}}, "/opening_hours/1"),
        ({"opening_hours": []}, "/opening_hours"),
        ({"phones": {"clinic": "020 7946 0000"}}, "/phones/clinic"),
        ({"phones": {"emergency": "12"}}, "/phones/emergency"),
        ({"phones": {"emergency": "1234567"}}, "/phones/emergency"),
        ({"phones": {"fax": "+442079460000"}}, "/phones/fax"),
        ({"is_default": "yes"}, "/is_default"),
        ({"colour": "blue"}, "/colour"),
        ({"name": ""}, "/name"),
    ],
)  # fmt: skip
def test_what_cannot_be_names_its_field(call: Caller, body: Any, pointer: str) -> None:
    refused = call("POST", "/sites", json=NEW | body)
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json["errors"]] == [pointer]
    known = call("GET", "/sites").json["items"]
    assert len(known) == 1
    again = call("PATCH", f"/sites/{known[0]['id']}", json=body)
    assert [each["pointer"] for each in again.json["errors"]] == [pointer]


def test_the_default_moves_and_never_vanishes(call: Caller, clinic: ClinicWithStaff) -> None:
    second = site_of(call, is_default=True)
    assert second["is_default"] is True
    assert call("GET", f"/sites/{clinic.site_id}").json["is_default"] is False
    refused = call("PATCH", f"/sites/{second['id']}", json={"is_default": False})
    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "/is_default"
    back = call("PATCH", f"/sites/{clinic.site_id}", json={"is_default": True})
    assert back.json["is_default"] is True
    listed = {each["id"]: each["is_default"] for each in call("GET", "/sites").json["items"]}
    assert listed == {second["id"]: False, str(clinic.site_id): True}


def test_pages_show_every_site_once(call: Caller, clock: ManualClock) -> None:
    made = []
    for number in range(3):
        clock.advance(timedelta(minutes=number % 2))  # two of them at one moment
        made.append(site_of(call, name=f"Site {number}")["id"])
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = call("GET", f"/sites?limit=1{cursor and '&cursor=' + cursor}").json
        seen += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 4
    assert set(made) < set(seen)


def test_holidays_are_replaced_added_and_taken_away(call: Caller, clinic: ClinicWithStaff) -> None:
    path = f"/sites/{clinic.site_id}/holidays"
    wanted = [{"day": "2026-12-25", "name": "Christmas"}, {"day": "2026-04-03", "name": ""}]
    put = call("PUT", path, json={"holidays": wanted})
    assert put.status_code == 200
    assert [each["day"] for each in put.json["items"]] == ["2026-04-03", "2026-12-25"]
    assert call("POST", path, json={"day": "2026-12-28"}).status_code == 201
    renamed = call("POST", path, json={"day": "2026-04-03", "name": "Good Friday"})
    assert renamed.json == {"day": "2026-04-03", "name": "Good Friday"}
    assert call("DELETE", f"{path}/2026-12-25").status_code == 204
    assert call("DELETE", f"{path}/2026-12-25").status_code == 404
    assert call("DELETE", f"{path}/2026-02-30").status_code == 404
    first = call("GET", f"{path}?limit=1").json
    second = call("GET", f"{path}?limit=1&cursor={first['next_cursor']}").json
    assert first["items"] == [renamed.json]
    assert [each["day"] for each in second["items"]] == ["2026-12-28"]
    assert second["next_cursor"] is None
    assert call("PUT", path, json={"holidays": []}).json["items"] == []


@pytest.mark.parametrize(
    ("days", "pointer"),
    [
        (["2026-02-30"], "/holidays/0/day"),
        (["2026-12-25", "2026-12-25"], "/holidays/1/day"),
    ],
)
def test_an_impossible_holiday_changes_none(
    call: Caller, clinic: ClinicWithStaff, days: list[str], pointer: str
) -> None:
    path = f"/sites/{clinic.site_id}/holidays"
    call("PUT", path, json={"holidays": [{"day": "2026-01-01"}]})
    answer = call("PUT", path, json={"holidays": [{"day": day} for day in days]})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]
    assert [each["day"] for each in call("GET", path).json["items"]] == ["2026-01-01"]


def test_a_site_of_nobody_or_of_another_does_not_exist(
    call: Caller, other_clinic: ClinicWithStaff
) -> None:
    for site in (uuid4(), other_clinic.site_id):
        for method, path, body in (
            ("GET", f"/sites/{site}", None),
            ("PATCH", f"/sites/{site}", {"name": "Mine"}),
            ("GET", f"/sites/{site}/holidays", None),
            ("PUT", f"/sites/{site}/holidays", {"holidays": []}),
            ("POST", f"/sites/{site}/holidays", {"day": "2026-01-01"}),
            ("DELETE", f"/sites/{site}/holidays/2026-01-01", None),
        ):
            assert call(method, path, json=body).status_code == 404, (method, path)
