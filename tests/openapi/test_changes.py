"""What counts as breaking, and that it is told before it happens."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.openapi import changes
from tests.openapi.changes import UnannouncedError, breaking, refuse_unannounced

PATH = "/api/v1/things/{thing_id}"
Change = Callable[[dict[str, Any]], object]


def document() -> dict[str, Any]:
    """Return a small document: a thing is read and replaced."""
    thing = {"schema": {"$ref": "#/components/schemas/Thing"}}
    wanted = {"schema": {"$ref": "#/components/schemas/ThingRequest"}}
    answer = {"200": {"content": {"application/json": thing}}}
    limit = {"in": "query", "name": "limit", "schema": {"type": "integer"}}
    kind = {"in": "query", "name": "kind", "schema": {"type": "string", "enum": ["a", "b"]}}
    put = {"content": {"application/json": wanted}}
    fields = {
        "name": {"type": "string"},
        "state": {"type": "string", "enum": ["open", "shut"]},
        "size": {"type": ["integer", "null"]},
    }
    return {
        "paths": {
            PATH: {
                "get": {
                    "operationId": "get_thing",
                    "parameters": [limit, kind],
                    "responses": answer,
                },
                "put": {"operationId": "put_thing", "requestBody": put, "responses": answer},
            }
        },
        "components": {
            "schemas": {
                "Thing": {"properties": fields, "required": ["name", "state"]},
                "ThingRequest": {"properties": deepcopy(fields), "required": ["name"]},
            }
        },
    }


def _get(one: dict[str, Any]) -> Any:
    return one["paths"][PATH]["get"]


def _schema(one: dict[str, Any], name: str = "Thing") -> Any:
    return one["components"]["schemas"][name]


BREAKING: dict[str, Change] = {
    f"GET {PATH} removed": lambda one: one["paths"][PATH].pop("get"),
    f"GET {PATH} operationId get_thing renamed": lambda one: _get(one).update(operationId="x"),
    f"GET {PATH} query argument limit removed": lambda one: _get(one)["parameters"].pop(0),
    f"GET {PATH} query argument limit required": lambda one: _get(one)["parameters"][0].update(
        required=True
    ),
    f"GET {PATH} query argument kind value b removed": lambda one: _get(one)["parameters"][1][
        "schema"
    ].update(enum=["a"]),
    f"GET {PATH} header argument Key required": lambda one: _get(one)["parameters"].append(
        {"in": "header", "name": "Key", "required": True}
    ),
    f"GET {PATH} answer 200 removed": lambda one: _get(one).update(responses={"204": {}}),
    f"GET {PATH} needs a body": lambda one: _get(one).update(requestBody={"content": {}}),
    "Thing.name removed": lambda one: _schema(one).update(
        properties={
            "state": {"type": "string", "enum": ["open", "shut"]},
            "size": {"type": ["integer", "null"]},
        },
        required=["state"],
    ),
    "Thing.state value shut removed": lambda one: _schema(one)["properties"]["state"].update(
        enum=["open"]
    ),
    "Thing.size type changed": lambda one: _schema(one)["properties"]["size"].update(type="string"),
    "Thing.state no longer always there": lambda one: _schema(one)["required"].remove("state"),
    "ThingRequest.size required": lambda one: _schema(one, "ThingRequest")["required"].append(
        "size"
    ),
}
HARMLESS: dict[str, Change] = {
    "a new operation": lambda one: one["paths"].update({"/api/v1/more": one["paths"][PATH]}),
    "a new field of an answer": lambda one: _schema(one)["properties"].update(colour={}),
    "a new optional argument": lambda one: _get(one)["parameters"].append(
        {"in": "query", "name": "more"}
    ),
    "a new value": lambda one: _schema(one, "ThingRequest")["properties"]["state"].update(
        enum=["open", "shut", "ajar"]
    ),
    "an answer that is always there now": lambda one: _schema(one)["required"].append("size"),
    "a request that needs less": lambda one: _schema(one, "ThingRequest")["required"].clear(),
    "null is possible, too": lambda one: _schema(one, "ThingRequest")["properties"]["name"].update(
        type=["string", "null"]
    ),
}


@pytest.mark.parametrize("line", BREAKING)
def test_what_breaks_clients_is_found(line: str) -> None:
    """Each is a planted change; nothing else is found beside it."""
    changed = document()
    BREAKING[line](changed)
    assert breaking(document(), changed) == [line]


@pytest.mark.parametrize("what", HARMLESS)
def test_what_clients_pass_over_is_no_breaking_change(what: str) -> None:
    changed = document()
    HARMLESS[what](changed)
    assert breaking(document(), changed) == []


def test_a_breaking_change_needs_its_line_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To plant: a page that is searched for anything but the whole line."""
    page = tmp_path / "api_changes.md"
    monkeypatch.setattr(changes, "ANNOUNCED", page)
    changed = json.loads(json.dumps(document()))
    del changed["paths"][PATH]["put"]
    page.write_text(f"- PUT {PATH} is going to be removed\n")
    with pytest.raises(UnannouncedError, match=r"- `PUT .* removed`"):
        refuse_unannounced(document(), changed)
    page.write_text(f"- `PUT {PATH} removed`: use PATCH.\n")
    refuse_unannounced(document(), changed)
