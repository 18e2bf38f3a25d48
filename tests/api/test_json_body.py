"""The door of the API: what is let in, and what is told to those that are not."""

import json
from typing import Any

import marshmallow
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask.views import MethodView
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields, validate
from werkzeug.test import TestResponse

from recovery_service.api import ApiBlueprint, init_api
from recovery_service.api.json_body import MAX_BYTES, MAX_DEPTH, read_json
from recovery_service.api.schemas.base import (
    Instant,
    LocalDate,
    LocalTime,
    RealNumber,
    RequestSchema,
    ResponseSchema,
    Text,
    TrueOrFalse,
    WholeNumber,
)
from recovery_service.errors import ClientIdReused, MalformedJson, RecoveryError
from recovery_service.http_errors import init_errors
from recovery_service.logs import init_logs


class Session(RequestSchema):
    reps = WholeNumber()


class Report(RequestSchema):
    id = fields.String()
    pain = WholeNumber(validate=validate.Range(0, 10))
    weight = RealNumber()
    walked = TrueOrFalse()
    on = LocalDate()
    at = Instant()
    clock = LocalTime()
    note = Text(10)
    sessions = fields.List(fields.Nested(Session))
    answers = fields.Dict(keys=fields.String(validate=validate.OneOf(["a", "b"])))


class Stored(ResponseSchema):
    id = fields.String()
    pain = fields.Integer()


class Filter(RequestSchema):
    status = fields.String()
    since = fields.Date(data_key="from")


class Kinds(RequestSchema):
    kind = fields.List(fields.String())


class Both(MethodView):
    @ApiBlueprint("both", __name__).query(Filter)
    def get(self, _: dict[str, Any]) -> dict[str, Any]:
        return {}

    def post(self) -> dict[str, Any]:
        return {}


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    app = Flask(__name__)
    init_logs(app)
    init_errors(app)
    blueprint = ApiBlueprint("reports", __name__, url_prefix="/reports")

    @blueprint.post("", keyless="nothing is stored")
    @blueprint.idempotent(Stored)
    @blueprint.arguments(Report)
    @blueprint.response(201, Stored)
    def create(report: dict[str, Any]) -> dict[str, Any]:
        if report.get("id") == "used":
            raise ClientIdReused("report", "used", {"id": "used", "pain": 3, "secret": True})
        return report

    @blueprint.get("")
    @blueprint.query(Filter)
    @blueprint.query(Kinds)
    @blueprint.response(200)
    def listing(wanted: dict[str, Any], kinds: dict[str, Any]) -> dict[str, Any]:
        return {"wanted": sorted(wanted), "kinds": kinds.get("kind", [])}

    blueprint.route("/both")(Both)
    init_api(app, base_url="https://recovery.example", blueprints=[blueprint])
    return app.test_client()


def post(client: FlaskClient, body: bytes | str, content_type: str | None = None) -> TestResponse:
    return client.post(
        "/api/v1/reports", data=body, content_type=content_type or "application/json"
    )


def pointers(answer: TestResponse) -> list[str]:
    return [each["pointer"] for each in answer.get_json(force=True)["errors"]]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ('{"pain": 1, "pain": 1}', 422, "/pain"),
        ('{"sessions": [{"reps": 1}, {"reps": 1, "reps": 2, "reps": 3}]}', 422, "/sessions/1/reps"),
        ('{"pain": ' + "9" * 5000 + "}", 422, "/pain"),
        ('{"pain": -1234567890123456}', 422, "/pain"),
        ('{"weight": 1e400}', 422, "/weight"),
        ('{"weight": -1e400}', 422, "/weight"),
        ('{"weight": NaN}', 400, "/weight"),
        ('{"weight": [Infinity, -Infinity]}', 400, "/weight/0"),
        (r'{"note": "a\u0000b"}', 422, "/note"),
        (r'{"note": "\ud800"}', 422, "/note"),
        (r'{"note": "\udc00\ud800"}', 422, "/note"),
        (r'{"a\u0000b": 1}', 422, ""),
        (r'{"sessions": {"\udfff": 1}}', 422, "/sessions"),
        ('{"a/b~c": NaN}', 400, "/a~1b~0c"),
        ('{"a":' * 33 + "1" + "}" * 33, 422, "/a" * 32),
        ("[" * 33 + "]" * 33, 422, "/0" * 32),
    ],
)
def test_json_that_readers_understand_differently_is_refused_naming_the_field(
    client: FlaskClient, body: str, status: int, pointer: str
) -> None:
    answer = post(client, body)
    assert answer.status_code == status
    assert pointers(answer)[0] == pointer
    assert len(pointers(answer)) == len(set(pointers(answer)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 01}',
        b'{"note": "a\nb"}',
        b'{"note": "a\x00b"}',
        b'{"note": "\xff"}',
        b'{"note": "\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b"{} {}",
    ],
)
def test_what_is_no_json_in_utf_8_is_malformed(client: FlaskClient, body: bytes) -> None:
    answer = post(client, body)
    assert answer.status_code == 400
    assert answer.get_json(force=True)["code"] == "malformed_json"


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_that_would_exhaust_the_stack_is_refused(
    client: FlaskClient, opening: bytes
) -> None:
    answer = post(client, opening * (MAX_BYTES // len(opening)))
    assert answer.status_code in {400, 422}
    closed = b"[" * 100_000 + b"]" * 100_000
    assert post(client, closed).status_code == 422


def test_what_is_just_within_the_limits_is_read() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(read_json(deep.encode())) == deep
    assert read_json(b"-123456789012345") == -123456789012345
    assert read_json(b"1.5e300") == 1.5e300
    assert read_json(rb'"\ud83d\ude00 \u00e7"') == "😀 ç"
    assert read_json('{"ş": "ğ"}'.encode()) == {"ş": "ğ"}


def test_a_body_of_256_kib_is_read_and_one_more_byte_is_not(client: FlaskClient) -> None:
    full = b'{"note": "' + b"x" * (MAX_BYTES - 12) + b'"}'
    assert len(full) == MAX_BYTES
    assert pointers(post(client, full)) == ["/note"]
    answer = post(client, full + b" ")
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=UTF-8", 201),
        ("application/merge-patch+json", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=latin-1", 415),
        ("application/jsonp", 415),
        ("image/svg+json", 415),
    ],
)
def test_a_body_says_that_it_is_json(client: FlaskClient, content_type: str, status: int) -> None:
    assert post(client, b'{"pain": 1}', content_type).status_code == status


def test_a_missing_content_type_is_named(client: FlaskClient) -> None:
    answer = client.post("/api/v1/reports", data=b'{"pain": 1}')
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.get_json(force=True)["detail"]


def test_no_body_at_all_is_an_empty_document(client: FlaskClient) -> None:
    assert client.post("/api/v1/reports").status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"unknown": 1}, "/unknown"),
        ({"sessions": [{"unknown": 1}]}, "/sessions/0/unknown"),
        ({"pain": "7"}, "/pain"),
        ({"pain": 7.0}, "/pain"),
        ({"pain": True}, "/pain"),
        ({"pain": 11}, "/pain"),
        ({"pain": None}, "/pain"),
        ({"weight": "70.5"}, "/weight"),
        ({"weight": False}, "/weight"),
        ({"walked": "yes"}, "/walked"),
        ({"walked": 1}, "/walked"),
        ({"on": "2026-02-30"}, "/on"),
        ({"on": "20260228"}, "/on"),
        ({"on": "2026-W01-1"}, "/on"),
        ({"on": "0001-01-01"}, "/on"),
        ({"on": 20260228}, "/on"),
        ({"at": "2026-02-28T10:00:00"}, "/at"),
        ({"at": "2026-02-28T25:00:00Z"}, "/at"),
        ({"at": "2026-02-28 10:00:00Z"}, "/at"),
        ({"at": "9999-12-31T23:59:59-12:00"}, "/at"),
        ({"clock": "24:00"}, "/clock"),
        ({"clock": "9:00"}, "/clock"),
        ({"clock": "09:00:00"}, "/clock"),
        ({"note": "x" * 11}, "/note"),
        ({"note": ""}, "/note"),
        ({"note": " \t "}, "/note"),
        ({"note": "a\x1bb"}, "/note"),
        ({"sessions": {}}, "/sessions"),
        ({"answers": {"c": 1}}, "/answers/c"),
        ([], ""),
        (None, ""),
        ("text", ""),
    ],
    ids=str,
)
def test_a_wrong_field_is_a_422_that_names_it(client: FlaskClient, body: Any, pointer: str) -> None:
    answer = post(client, json.dumps(body))
    assert answer.status_code == 422
    assert pointers(answer) == [pointer]


def test_a_right_document_is_understood(client: FlaskClient) -> None:
    body = {
        "pain": 7,
        "weight": 70,
        "walked": True,
        "on": "2026-02-28",
        "at": "2026-02-28T10:00:00.5+03:00",
        "clock": "09:30",
        "note": "  fine ",
        "sessions": [{"reps": 10}],
        "answers": {"a": None},
    }
    loaded = Report().load(body)
    assert loaded["note"] == "fine"
    assert loaded["at"].utcoffset().total_seconds() == 3 * 3600
    assert Report().dump(loaded)["clock"] == "09:30"
    assert post(client, json.dumps(body)).get_json() == {"pain": 7}


def test_a_reused_id_shows_what_is_stored_through_its_schema(client: FlaskClient) -> None:
    answer = post(client, '{"id": "used"}')
    assert answer.status_code == 409
    assert answer.get_json(force=True)["stored"] == {"id": "used", "pain": 3}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("reports?state=open", ["?state"]),
        ("reports?status=a&status=b", ["?status"]),
        ("reports?since=2026-01-01", ["?since"]),
        ("reports?from=yesterday", ["?from"]),
        ("reports/both?page=2", ["?page"]),
    ],
)
def test_an_argument_that_no_schema_declares_is_refused(
    client: FlaskClient, path: str, found: list[str]
) -> None:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 422
    assert pointers(answer) == found
    assert client.head(f"/api/v1/{path}").status_code == 422


def test_a_post_refuses_arguments_of_the_get(client: FlaskClient) -> None:
    answer = client.post("/api/v1/reports?status=a", json={})
    assert pointers(answer) == ["?status"]
    assert client.get("/api/v1/reports/both?status=a").status_code == 200
    assert pointers(client.post("/api/v1/reports/both?status=a")) == ["?status"]


def test_arguments_of_several_schemas_are_understood_together(client: FlaskClient) -> None:
    answer = client.get("/api/v1/reports?status=a&from=2026-01-01&kind=x&kind=y")
    assert answer.get_json() == {"wanted": ["since", "status"], "kinds": ["x", "y"]}


@given(
    st.binary(max_size=60)
    | st.text(alphabet='[]{}",:0123456789eE.-\\u d8NaN', max_size=60).map(str.encode)
)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    refused: RecoveryError | None = None
    try:
        read_json(body)
    except RecoveryError as error:
        refused = error
    assert refused is None or isinstance(refused, MalformedJson) or refused.errors


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.text("abcç/~", max_size=4), below, max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
def test_every_plain_document_survives(document: Any) -> None:
    assert read_json(json.dumps(document).encode()) == document
    assert read_json(json.dumps(document, ensure_ascii=False).encode()) == document


def test_a_schema_given_as_a_class_is_built_once() -> None:
    built: list[int] = []

    class Counted(marshmallow.Schema):
        def __init__(self, **options: Any) -> None:
            built.append(1)
            super().__init__(**options)

    app = Flask(__name__)
    init_errors(app)
    blueprint = ApiBlueprint("counted", __name__)

    @blueprint.post("/counted", keyless="nothing is stored")
    @blueprint.arguments(Counted)
    @blueprint.response(204)
    def counted(_: dict[str, Any]) -> None:
        """Count."""

    init_api(app, base_url="https://recovery.example", blueprints=[blueprint])
    before = len(built)
    for _ in range(3):
        assert app.test_client().post("/api/v1/counted", json={}).status_code == 204
    assert len(built) == before
