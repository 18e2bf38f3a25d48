"""Examples of the document: whole ones where they were written, composed ones elsewhere.

`examples.json` lies beside: `operations` holds requests and answers as the service takes and gives
them, by operation id; `fields` holds what one field may look like, by name or, where a name means
different things, by `Schema.name`. A field may say its example itself, in its metadata.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

_FILE = Path(__file__).with_name("examples.json")
_DEEPEST = 12
_BY_FORMAT: Mapping[str, Any] = {
    "uuid": "5f0c6d1e-9a54-4f3b-8a52-0d6f4c1b7e90",
    "date": "2026-03-08",
    "date-time": "2026-03-08T09:00:00+00:00",
    "time": "09:00",
    "url": "https://clinic.example/media/walk.mp4",
    "email": "nora@alderwick.example",
    "uri-reference": "/docs/api#code-invalid",
}


@cache
def written() -> dict[str, dict[str, Any]]:
    """Return what `examples.json` holds; treat it as read-only."""
    found: dict[str, dict[str, Any]] = orjson.loads(_FILE.read_bytes())
    return found


class Examples:
    """Gives examples by the schemas of one document."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._fields = written()["fields"]
        self._operations = written()["operations"]
        self.unnamed: set[str] = set()
        """Fields of text for which there is no example but their name."""

    def of(self, operation: str, part: str, schema: Mapping[str, Any]) -> Any:
        """Return the example of an operation's `request` or `response`."""
        whole = self._operations.get(operation, {})
        return whole[part] if part in whole else self._of(schema, request=part == "request")

    def of_parameter(self, operation: str, parameter: Mapping[str, Any]) -> Any:
        """Return the example of one parameter."""
        name = parameter["name"]
        return self._of(parameter.get("schema", {}), f"{operation}.{name}", name)

    def _of(
        self,
        schema: Mapping[str, Any],
        *names: str,
        request: bool = False,
        depth: int = 0,
    ) -> Any:
        if "example" in schema:
            return schema["example"]
        for name in names:
            if name in self._fields and _fits(self._fields[name], schema):
                return self._fields[name]
        if "anyOf" in schema:
            fitting = next(each for each in schema["anyOf"] if each.get("type") != "null")
            return self._of(fitting, *names, request=request, depth=depth)
        if "$ref" in schema:
            return self._of_component(schema["$ref"], request=request, depth=depth)
        if "items" in schema:
            inner = [schema["items"]] if depth <= _DEEPEST else []
            return [self._of(each, *names, request=request, depth=depth + 1) for each in inner]
        return schema["enum"][0] if "enum" in schema else self._plain(schema, names)

    def _of_component(self, reference: str, *, request: bool, depth: int) -> Any:
        owner = reference.rsplit("/", 1)[1]
        schema = self._schemas[owner]
        properties = schema.get("properties", {})
        told = list(properties)
        if request:  # what has to be said, or, where nothing has to, one thing
            told = [name for name in told if name in schema.get("required", ())] or told[:1]
        return {
            name: self._of(
                properties[name], f"{owner}.{name}", name, request=request, depth=depth + 1
            )
            for name in told
            if not (depth > _DEEPEST and name not in schema.get("required", ()))
        }

    def _plain(self, schema: Mapping[str, Any], names: tuple[str, ...]) -> Any:
        kinds = schema.get("type", "string")
        kind = kinds if isinstance(kinds, str) else next(k for k in kinds if k != "null")
        if kind == "object":
            inner = schema.get("additionalProperties")
            allowed = schema.get("propertyNames", {}).get("enum", ["en"])
            return {allowed[0]: self._of(inner, *names)} if inner else {}
        if kind in {"integer", "number"}:
            return schema.get("minimum", 1)
        if kind == "boolean":
            return True
        if schema.get("format") in _BY_FORMAT:
            return _BY_FORMAT[schema["format"]]
        self.unnamed.update(names[:1])
        return (names[-1] if names else "text").replace("_", " ")


_KINDS: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
    type(None): "null",
}


def _fits(example: Any, schema: Mapping[str, Any]) -> bool:
    """Tell whether what a name may look like is what this field is."""
    if "anyOf" in schema:
        return any(_fits(example, each) for each in schema["anyOf"])
    if "$ref" in schema or schema.get("format") in _BY_FORMAT:
        return False
    kinds = schema.get("type", [])
    allowed = {kinds} if isinstance(kinds, str) else set(kinds)
    allowed = {"number" if kind == "integer" else kind for kind in allowed}
    known = not allowed or _KINDS[type(example)] in allowed
    return known and ("enum" not in schema or example in schema["enum"])
