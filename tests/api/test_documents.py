"""What the API says about itself: true, complete, and readable without internet."""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import fields, validate

from recovery_service import api as package
from recovery_service.api import ApiBlueprint, init_api, resources
from recovery_service.api.documents import error_codes
from recovery_service.api.pagination import Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.base import RequestSchema, ResponseSchema, Text
from recovery_service.errors import every_error
from recovery_service.http_errors import PROBLEM, init_errors, status_of
from recovery_service.logs import init_logs

STATIC = Path(package.__file__).parent / "static"


class NewThing(RequestSchema):
    name = Text(40, required=True)
    answers = fields.Dict(
        keys=fields.String(validate=[validate.OneOf(["pain", "walked"]), validate.Length(max=64)]),
        values=fields.Integer(),
    )


class ThingSchema(ResponseSchema):
    id = fields.UUID()
    made_at = fields.AwareDateTime()


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    app = Flask(__name__)
    init_logs(app)
    init_errors(app)
    blueprint = ApiBlueprint("things", __name__, url_prefix="/things", description="All things")

    @blueprint.post("", keyless="nothing is stored")
    @blueprint.idempotent(ThingSchema)
    @blueprint.arguments(NewThing)
    @blueprint.response(201, ThingSchema)
    def create(new: dict[str, Any]) -> dict[str, Any]:
        """Make a thing.

        It stays.
        """
        return new

    @blueprint.get("")
    @blueprint.query(PageArguments)
    @blueprint.response(200, page_schema(ThingSchema))
    def listing(_: PageRequest) -> Page[Any]:
        return Page([], None)

    @blueprint.get("/<uuid:thing_id>/plan-items.csv")
    @blueprint.response(200)
    def one(thing_id: object) -> dict[str, Any]:
        return {}

    init_api(app, base_url="https://recovery.example", blueprints=[blueprint])
    return app.test_client()


@pytest.fixture(scope="module")
def document(client: FlaskClient) -> dict[str, Any]:
    return dict(client.get("/api/v1/openapi.json").get_json())


def every(node: Any, key: str) -> Iterator[Any]:
    if isinstance(node, dict):
        for name, below in node.items():
            if name == key:
                yield below
            yield from every(below, key)
    elif isinstance(node, list):
        for below in node:
            yield from every(below, key)


def test_it_is_openapi_3_1_and_says_who_serves_it(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "/"}, {"url": "https://recovery.example"}]
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["tags"] == [{"name": "things", "description": "All things"}]
    assert set(document["info"]) == {"title", "version", "description", "license", "contact"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = list(every(document, "$ref"))
    assert len(references) > 5
    for reference in references:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_error_is_declared_as_what_is_sent(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/v1/things"]["post"]
    declared = {name for name in operation["responses"] if name != "201"}
    assert declared == {"400", "409", "413", "415", "422", "503", "default"}
    assert set(operation["responses"]["409"]["content"]) == {PROBLEM}
    for response in document["components"]["responses"].values():
        assert set(response["content"]) == {PROBLEM}
    assert "ErrorSchema" not in str(document)
    assert "Error" not in document["components"]["schemas"]


def test_a_problem_is_declared_with_every_member(document: dict[str, Any]) -> None:
    problem = document["components"]["schemas"]["Problem"]
    assert set(problem["required"]) == {"type", "title", "status", "detail", "code", "request_id"}
    assert {"errors", "stored"} < set(problem["properties"])


def test_the_keys_of_a_dictionary_field_are_declared(document: dict[str, Any]) -> None:
    answers = document["components"]["schemas"]["NewThing"]["properties"]["answers"]
    assert answers["propertyNames"] == {"enum": ["pain", "walked"], "maxLength": 64}
    assert answers["additionalProperties"] == {"type": "integer"}


def test_every_operation_has_an_id_of_its_own(document: dict[str, Any]) -> None:
    ids = list(every(document["paths"], "operationId"))
    assert ids == ["post_things", "get_things", "get_thing_plan_items_csv"]


def test_a_docstring_is_the_documentation(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/v1/things"]["post"]
    told = ("Make a thing", "It stays.\n\nNeeds no token.")
    assert (operation["summary"], operation["description"]) == told


def test_every_code_is_in_the_document_and_on_the_page(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    page = client.get("/docs/api").text
    listed = {each["code"]: each["status"] for each in document["x-error-codes"]}
    assert listed == {each.code: status_of(each) for each in every_error()}
    for each in error_codes():
        row = rf'<tr id="code-{each.code}">.*?<td>{each.status}</td>'
        assert re.search(row, page), each.code
    assert len(re.findall("<tr id=", page)) == len(listed)


def test_a_document_that_the_client_has_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get("/api/v1/openapi.json")
    again = client.get("/api/v1/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_page_loads_from_this_origin_only_and_runs_nothing_inline(client: FlaskClient) -> None:
    answer = client.get("/docs/api")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "<style" not in answer.text
    assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)
    assert not re.search(r"\son\w+=|\sstyle=", answer.text)
    assets = re.findall(r'(?:src|href)="([^"#]+)"', answer.text)
    assert len(assets) >= 5
    for asset in assets:
        if asset != "data:,":
            assert asset.startswith("/")
            with client.get(asset) as loaded:
                assert loaded.status_code == 200, asset


def test_vendored_files_are_the_ones_that_are_named() -> None:
    table = (STATIC / "VENDORED.md").read_text()
    rows = re.findall(r"^\| `(\S+)` .*`([0-9a-f]{64})` \|$", table, re.MULTILINE)
    vendored = (STATIC / "swagger-ui").iterdir()
    assert {name for name, _ in rows} == {
        f"swagger-ui/{each.name}" for each in vendored if each.suffix in {".css", ".js"}
    }
    for name, digest in rows:
        assert sha256((STATIC / name).read_bytes()).hexdigest() == digest
    assert (STATIC / "swagger-ui" / "LICENSE").exists()


@pytest.mark.parametrize("path", ["/api/v1/things", "/api/v1/no", "/docs/api", "/no"])
def test_every_answer_carries_the_security_headers_errors_included(
    client: FlaskClient, path: str
) -> None:
    headers = client.get(path).headers
    assert headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Request-Id"]


def test_an_answer_of_the_api_is_not_kept_by_caches(client: FlaskClient) -> None:
    assert client.get("/api/v1/things").headers["Cache-Control"] == "no-store"


def test_a_loopback_without_https_asks_for_no_https() -> None:
    app = Flask(__name__)
    init_errors(app)
    init_api(app, base_url="http://127.0.0.1:8000", blueprints=[])
    assert "Strict-Transport-Security" not in app.test_client().get("/docs/api").headers


def test_every_resource_module_of_the_package_is_served_once() -> None:
    names = [blueprint.name for blueprint in resources()]
    assert len(names) == len(set(names))
    modules = [each for each in STATIC.parent.glob("*.py") if "\nblueprint = " in each.read_text()]
    assert len(names) == len(modules)
