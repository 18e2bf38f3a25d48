"""A route on its way out says so in every answer and in the document."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from recovery_service.api import ApiBlueprint, init_api
from recovery_service.api.deprecation import deprecated
from recovery_service.auth import allow_anyone
from recovery_service.errors import NoSuchObject
from recovery_service.http_errors import init_errors
from recovery_service.logs import init_logs

SINCE, SUNSET = date(2026, 3, 1), date(2026, 9, 1)


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    app = Flask(__name__)
    init_logs(app)
    init_errors(app)
    blueprint = ApiBlueprint("things", __name__, url_prefix="/things", description="All things")

    @blueprint.get("/old/<int:number>")
    @allow_anyone("a test")
    @blueprint.response(200)
    @deprecated(since=SINCE, sunset=SUNSET, instead="/api/v1/things/new")
    def old(number: int) -> dict[str, Any]:
        """Show a thing."""
        if number > 1:
            raise NoSuchObject("thing")
        return {}

    @blueprint.get("/new")
    @allow_anyone("a test")
    @blueprint.response(200)
    def new() -> dict[str, Any]:
        """Show a thing."""
        return {}

    init_api(app, base_url="https://recovery.example", blueprints=[blueprint])
    with app.app_context():
        yield app.test_client()


@pytest.mark.parametrize(("number", "status"), [(1, 200), (2, 404)])
def test_every_answer_says_since_when_until_when_and_what_instead(
    client: FlaskClient, number: int, status: int
) -> None:
    """RFC 9745 and RFC 8594. To plant: headers set by the view, which a refusal does not have."""
    answer = client.get(f"/api/v1/things/old/{number}")
    assert answer.status_code == status
    assert answer.headers["Deprecation"] == "@1772323200"
    assert answer.headers["Sunset"] == "Tue, 01 Sep 2026 00:00:00 GMT"
    assert answer.headers["Link"] == '</api/v1/things/new>; rel="successor-version"'


def test_other_routes_say_nothing_of_the_kind(client: FlaskClient) -> None:
    answer = client.get("/api/v1/things/new")
    assert not {"Deprecation", "Sunset", "Link"} & set(answer.headers.keys())


def test_the_document_says_it_too(client: FlaskClient) -> None:
    paths = client.get("/api/v1/openapi.json").get_json()["paths"]
    old = paths["/api/v1/things/old/{number}"]["get"]
    assert old["deprecated"] is True
    assert old["x-sunset"] == "2026-09-01"
    assert old["description"].startswith("**Deprecated** since 2026-03-01; it goes on 2026-09-01.")
    assert "deprecated" not in paths["/api/v1/things/new"]["get"]


def test_a_notice_that_is_too_short_cannot_be_given() -> None:
    """To plant: a bound of 30 days."""
    with pytest.raises(ValueError, match="180 days"):
        deprecated(since=SINCE, sunset=date(2026, 8, 1), instead="/x")
