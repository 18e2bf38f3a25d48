"""A clinic's own template, what it was based on, and what has changed there since.

Defects planted, each of which turned a test here red: the present upstream taken for the
base; a later version that loses its base; an own edit not told from what stood upstream;
restrictions of one code not told apart by their day.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from recovery_service.domain.content import Content
from recovery_service.domain.plan_templates import parse_template
from tests.calls import Caller
from tests.factories import ClinicWithStaff

SHIPPED = "lumbar_decompression"


@pytest.fixture
def staff(client: FlaskClient, clinic: ClinicWithStaff, app_context: None) -> Caller:
    return Caller(client, clinic.bearer)


@pytest.fixture
def shipped(app: Flask) -> Iterator[Any]:
    """Return what lets a later release ship other content; the test's own release stands again."""
    before = app.extensions["recovery_service"]

    def ship(change: Any) -> dict[str, Any]:
        content: Content = before.content
        raw = deepcopy(content.templates[SHIPPED].as_json())
        change(raw)
        raw["version"] += 1
        template = parse_template(raw, file="x", sources=content.sources)
        later = replace(content, templates={**content.templates, SHIPPED: template})
        app.extensions["recovery_service"] = replace(before, content=later)
        return raw

    yield ship
    app.extensions["recovery_service"] = before


def own(staff: Caller, code: str = "ours") -> dict[str, Any]:
    found = staff("GET", f"/plan-templates/{SHIPPED}/versions/{_version(staff)}").json["content"]
    return {**found, "code": code}


def _version(staff: Caller) -> int:
    listed = staff("GET", "/plan-templates").json["items"]
    return int(next(each["version"] for each in listed if each["code"] == SHIPPED))


def save(staff: Caller, content: dict[str, Any], **more: Any) -> Any:
    return staff("POST", "/plan-templates", json={"content": content} | more)


def item(raw: dict[str, Any], place: int) -> dict[str, Any]:
    return dict(raw["items"][place])


def upstream(staff: Caller) -> Any:
    return staff("GET", "/plan-templates/ours/upstream-changes").json


def test_a_version_remembers_what_it_was_based_on_until_upstream_was_looked_at(
    staff: Caller, shipped: Any
) -> None:
    content = own(staff)
    saved = save(staff, content, based_on=SHIPPED)
    assert saved.status_code == 201, saved.json
    first = _version(staff)
    assert (saved.json["based_on"], saved.json["based_on_version"]) == (SHIPPED, first)
    assert saved.json["upstream_changed"] is False
    assert upstream(staff)["changes"] == []

    shipped(lambda raw: raw["items"][0].update(title={"en": "New name", "tr": "Yeni ad"}))
    kept = save(staff, content).json
    assert (kept["version"], kept["based_on_version"], kept["upstream_changed"]) == (2, first, True)
    listed = staff("GET", "/plan-templates").json["items"]
    assert [e["upstream_changed"] for e in listed if e["code"] == "ours"] == [True]
    told = upstream(staff)
    assert (told["based_on_version"], told["upstream_version"]) == (first, first + 1)
    assert told["based_on_hash"] != told["upstream_hash"]
    (change,) = told["changes"]
    assert (change["part"], change["change"], change["fields"]) == ("items", "changed", ["title"])
    assert change["yours"] == "unchanged"

    looked = save(staff, content, based_on_version=first + 1).json
    assert (looked["based_on_version"], looked["upstream_changed"]) == (first + 1, False)
    assert upstream(staff)["changes"] == []


def test_each_change_says_what_your_own_has_of_it(staff: Caller, shipped: Any) -> None:
    content = own(staff)
    names = [each["code"] for each in content["items"] if not each.get("appointment")][:5]
    places = {each["code"]: place for place, each in enumerate(content["items"])}
    new_name = {"en": "Theirs", "tr": "Onlarinki"}
    mine = deepcopy(content)
    mine["items"][places[names[0]]]["title"] = {"en": "Ours", "tr": "Bizim"}
    mine["items"][places[names[1]]]["title"] = new_name
    mine["items"] = [each for each in mine["items"] if each["code"] != names[2]]
    assert save(staff, mine, based_on=SHIPPED).status_code == 201

    def later(raw: dict[str, Any]) -> None:
        for name in names[:4]:
            raw["items"][places[name]]["title"] = new_name
        raw["items"] = [each for each in raw["items"] if each["code"] != names[4]]
        raw["items"].append({**item(content, places[names[0]]), "code": "brand_new"})
        raw["title"] = {"en": "Other", "tr": "Başka"}
        lifts = [each for each in raw["restrictions"] if each["code"] == "lift"]
        lifts[-1]["limit"] = 9

    shipped(later)
    told = upstream(staff)["changes"]
    found = {each["code"]: (each["change"], each["yours"]) for each in told}
    lifts = [each for each in content["restrictions"] if each["code"] == "lift"]
    assert found == {
        "template": ("changed", "unchanged"),
        names[0]: ("changed", "edited"),
        names[1]: ("changed", "same"),
        names[2]: ("changed", "absent"),
        names[3]: ("changed", "unchanged"),
        names[4]: ("removed", "unchanged"),
        "brand_new": ("added", "absent"),
        "lift": ("changed", "unchanged"),
    }
    changed = next(each for each in told if each["code"] == "lift")
    assert (changed["from_day"], changed["fields"]) == (lifts[-1]["from_day"], ["limit"])


def test_what_was_based_on_nothing_has_nothing_upstream(staff: Caller) -> None:
    save(staff, own(staff))
    told = upstream(staff)
    assert (told["based_on"], told["upstream_version"], told["changes"]) == (None, None, None)
    later = save(staff, own(staff), based_on=SHIPPED)
    assert (later.json["version"], later.json["based_on_version"]) == (2, _version(staff))


def test_a_shipped_one_is_based_on_nothing_and_an_unknown_one_does_not_exist(
    staff: Caller,
) -> None:
    assert staff("GET", f"/plan-templates/{SHIPPED}/upstream-changes").json["based_on"] is None
    assert staff("GET", "/plan-templates/nothing/upstream-changes").status_code == 404


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"based_on": "nothing"}, "/based_on"),
        ({"based_on_version": 1}, "/based_on_version"),
        ({"based_on": SHIPPED, "based_on_version": 99}, "/based_on_version"),
        ({"based_on": SHIPPED, "based_on_version": 0}, "/based_on_version"),
        ({"based_on": SHIPPED, "based_on_version": "1"}, "/based_on_version"),
        ({"based_on": "ours"}, "/based_on"),
    ],
)
def test_a_base_that_cannot_be_names_its_field(
    staff: Caller, more: dict[str, Any], pointer: str
) -> None:
    refused = save(staff, own(staff), **more)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, pointer)
    assert staff("GET", "/plan-templates/ours/versions/1").status_code == 404


def test_the_base_of_a_template_stands(staff: Caller) -> None:
    save(staff, own(staff), based_on=SHIPPED)
    refused = save(staff, own(staff), based_on="lumbar_fusion_mis")
    assert refused.json["errors"][0]["pointer"] == "/based_on"


def test_a_criterion_that_no_form_asks_is_refused_in_an_own_template_too(staff: Caller) -> None:
    content = own(staff)
    sourced = {"source": ["D"], "grade": "D", "clinician_must_confirm": True}
    content["phases"][1] |= sourced | {
        "advance": "clinician",
        "decide_from_day": content["phases"][1]["from_day"],
        "criteria": [
            sourced
            | {
                "code": "jumps",
                "title": {"en": "Jumps", "tr": "Hoplar"},
                "item": "jumps",
                "at_least": 1,
                "within_days": 7,
            }
        ],
    }
    refused = save(staff, content)
    assert refused.status_code == 422
    assert "there is no question 'jumps'" in refused.json["errors"][0]["message"]
