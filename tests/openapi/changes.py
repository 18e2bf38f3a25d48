"""What would break the clients of the API, between two versions of its document.

The rule is `docs/api_changes.md`; a breaking change is announced there by the line that is
printed here, in backquotes.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recovery_service.api.operations import operations

ANNOUNCED = Path(__file__).parents[2] / "docs" / "api_changes.md"
Document = Mapping[str, Any]


class UnannouncedError(Exception):
    """A change breaks clients, and nobody has told them."""


def refuse_unannounced(old: Document, new: Document) -> None:
    """Raise UnannouncedError for breaking changes that the page of changes does not name."""
    told = ANNOUNCED.read_text(encoding="utf-8")
    silent = [change for change in breaking(old, new) if f"`{change}`" not in told]
    if silent:
        lines = "\n".join(f"- `{change}`" for change in silent)
        raise UnannouncedError(f"Announce in {ANNOUNCED.name} under Unreleased:\n{lines}")


def breaking(old: Document, new: Document) -> list[str]:
    """Return what a client that was written for `old` may stumble over in `new`, sorted."""
    return sorted({*_of_operations(old, new), *_of_schemas(old, new)})


def _of_operations(old: Document, new: Document) -> Iterator[str]:
    here = {(path, method): each for path, method, each in operations(new)}
    for path, method, before in operations(old):
        name = f"{method.upper()} {path}"
        after = here.get((path, method))
        if after is None:
            yield f"{name} removed"
            continue
        if before["operationId"] != after["operationId"]:
            yield f"{name} operationId {before['operationId']} renamed"
        yield from _of_parameters(name, before, after)
        if "requestBody" in after and "requestBody" not in before:
            yield f"{name} needs a body"
        for status in _good(before) - _good(after):
            yield f"{name} answer {status} removed"
        for kind, (was, now) in _bodies(before, after).items():
            if was and was != now:
                yield f"{name} {kind} {was} replaced"


def _of_parameters(name: str, before: Document, after: Document) -> Iterator[str]:
    was = {(each["in"], each["name"]): each for each in before.get("parameters", ())}
    now = {(each["in"], each["name"]): each for each in after.get("parameters", ())}
    for key in was.keys() - now.keys():
        yield f"{name} {key[0]} argument {key[1]} removed"
    for key, each in now.items():
        if each.get("required") and not was.get(key, {}).get("required"):
            yield f"{name} {key[0]} argument {key[1]} required"
        for value in _lost(was.get(key, {}).get("schema", {}), each.get("schema", {})):
            yield f"{name} {key[0]} argument {key[1]} value {value} removed"


def _good(operation: Document) -> set[str]:
    return {status for status in operation["responses"] if status[0] in "23"}


def _bodies(before: Document, after: Document) -> dict[str, tuple[str | None, str | None]]:
    found = {"body": (_schema(before.get("requestBody")), _schema(after.get("requestBody")))}
    for status in _good(before) & _good(after):
        pair = (_schema(before["responses"][status]), _schema(after["responses"][status]))
        found[f"answer {status}"] = pair
    return found


def _schema(part: Document | None) -> str | None:
    content = (part or {}).get("content", {}).get("application/json", {})
    reference: str | None = content.get("schema", {}).get("$ref")
    return reference


def _of_schemas(old: Document, new: Document) -> Iterator[str]:
    before, after = old["components"]["schemas"], new["components"]["schemas"]
    asked = _asked(new)
    for name in before.keys() & after.keys():
        was, now = before[name].get("properties", {}), after[name].get("properties", {})
        for field in was.keys() - now.keys():
            yield f"{name}.{field} removed"
        for field in was.keys() & now.keys():
            for value in _lost(was[field], now[field]):
                yield f"{name}.{field} value {value} removed"
            if _type(was[field]) != _type(now[field]):
                yield f"{name}.{field} type changed"
        needed, was_needed = (
            set(after[name].get("required", ())),
            set(before[name].get("required", ())),
        )
        if name in asked:
            for field in needed - was_needed:
                yield f"{name}.{field} required"
        else:
            for field in (was_needed - needed) & now.keys():
                yield f"{name}.{field} no longer always there"


def _asked(document: Document) -> set[str]:
    """Return the schemas of what clients send."""
    found: set[str] = set()
    ahead = [each.get("requestBody", {}) for _, _, each in operations(document)]
    while ahead:
        node = ahead.pop()
        if isinstance(node, Mapping):
            name = str(node.get("$ref", "")).rsplit("/", 1)[-1]
            if name and name not in found and name in document["components"]["schemas"]:
                found.add(name)
                ahead.append(document["components"]["schemas"][name])
            ahead.extend(node.values())
        elif isinstance(node, list):
            ahead.extend(node)
    return found


def _lost(was: Document, now: Document) -> set[str]:
    kept = now.get("enum")
    return set() if kept is None else {str(e) for e in was.get("enum", ()) if e not in kept}


def _type(schema: Document) -> Any:
    """Return what kind of value a schema means, null and bounds aside."""
    if "anyOf" in schema:
        schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
    kinds = schema.get("type")
    if isinstance(kinds, list):
        kinds = tuple(sorted(set(kinds) - {"null"}))
    elif kinds is not None:
        kinds = (kinds,)
    inner = _type(schema["items"]) if "items" in schema else None
    return schema.get("$ref"), kinds, schema.get("format"), inner
