"""Lists in pages: nothing twice, nothing lost, no cursor of one's own making."""

import base64
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields

from recovery_service.api import ApiBlueprint, init_api
from recovery_service.api.pagination import (
    Keyset,
    Page,
    PageArguments,
    PageRequest,
    page_schema,
)
from recovery_service.api.schemas.base import ResponseSchema
from recovery_service.errors import InvalidCursor
from recovery_service.http_errors import init_errors
from recovery_service.logs import init_logs

EVERY = Keyset("every", int, float, str, bool, UUID, date, datetime, int | None)
NUMBERS = Keyset("numbers", int)
NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)


class Number(ResponseSchema):
    value = fields.Integer()


@dataclass(frozen=True)
class Row:
    value: int


ROWS = [Row(value) for value in range(120, 0, -1)]


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    app = Flask(__name__)
    init_logs(app)
    init_errors(app)
    blueprint = ApiBlueprint("numbers", __name__, url_prefix="/numbers")

    @blueprint.get("")
    @blueprint.query(PageArguments)
    @blueprint.response(200, page_schema(Number))
    def listing(wanted: PageRequest) -> Page[Row]:
        after = NUMBERS.decode(wanted.cursor)
        rows = [row for row in ROWS if after is None or row.value < after[0]]
        return NUMBERS.page(rows[: wanted.limit + 1], wanted.limit, lambda row: (row.value,))

    init_api(app, base_url="https://recovery.example", blueprints=[blueprint])
    return app.test_client()


@pytest.mark.parametrize("limit", [1, 7, 40, 60, 119, 120, 121, 200])
def test_the_pages_are_the_list_whatever_their_size(client: FlaskClient, limit: int) -> None:
    seen: list[int] = []
    pages = 0
    cursor: str | None = ""
    while cursor is not None:
        query = f"?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        page = client.get(f"/api/v1/numbers{query}").get_json()
        seen += [each["value"] for each in page["items"]]
        pages += 1
        cursor = page["next_cursor"]
    assert seen == [row.value for row in ROWS]
    assert pages == -(-len(ROWS) // limit)


def test_fifty_unless_asked_otherwise(client: FlaskClient) -> None:
    assert len(client.get("/api/v1/numbers").get_json()["items"]) == 50


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "", "9" * 5000])
def test_a_limit_outside_1_to_200_is_refused(client: FlaskClient, limit: str) -> None:
    answer = client.get(f"/api/v1/numbers?limit={limit}")
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.get_json(force=True)["errors"]] == ["?limit"]


def forged(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        "ç",
        "a" * 1001,
        "",
        forged(),
        forged("numbers"),
        forged("numbers", "1"),
        forged("numbers", True),
        forged("numbers", 1.0),
        forged("numbers", None),
        forged("numbers", 2**63),
        forged("numbers", -(2**63) - 1),
        forged("numbers", 1, 2),
        forged("others", 1),
        base64.urlsafe_b64encode(b'{"numbers": 1}').decode(),
        base64.urlsafe_b64encode(b"5").decode(),
        NUMBERS.encode(1) + "!",
    ],
)
def test_a_cursor_of_ones_own_making_is_a_422_that_names_it(
    client: FlaskClient, cursor: str
) -> None:
    answer = client.get("/api/v1/numbers", query_string={"cursor": cursor})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.get_json(force=True)["errors"]] == ["?cursor"]


def test_values_of_every_kind_come_back_as_they_were() -> None:
    values = (1, 2.5, "ş/+", True, uuid4(), date(2026, 3, 2), NOW, None)
    assert EVERY.decode(EVERY.encode(*values)) == values
    assert EVERY.decode(EVERY.encode(*values[:-1], 7)) == (*values[:-1], 7)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (datetime, "2026-03-02T09:00:00"),
        (datetime, "yesterday"),
        (datetime, 5),
        (date, "2026-13-01"),
        (UUID, "not-one"),
        (str, "a\x00b"),
        (str, 1),
        (int, None),
    ],
)
def test_a_value_of_the_wrong_kind_never_reaches_the_database(kind: type, raw: Any) -> None:
    with pytest.raises(InvalidCursor):
        Keyset("one", kind).decode(forged("one", raw))


def test_a_ranking_keeps_the_moment_that_it_was_made_for() -> None:
    ranking = Keyset("caseload", datetime, int, UUID)
    as_of, _, _ = ranking.decode(ranking.encode(NOW, 3, uuid4())) or (None, None, None)
    assert as_of == NOW


def test_a_cursor_with_the_wrong_number_of_values_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="numbers has 1 values"):
        NUMBERS.encode(1, 2)


@given(st.text(max_size=80))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with suppress(InvalidCursor):
        assert len(EVERY.decode(text) or ()) == 8
