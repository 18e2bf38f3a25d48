"""What apispec leaves out of a schema, or says of it that other tools misread."""

from typing import Any

from marshmallow import fields, validate

_BOUNDS = {"minLength": "minProperties", "maxLength": "maxProperties"}


def attribute_functions() -> list[Any]:
    """Return the functions that complete what apispec says of a field, in their order."""
    return [names_of_keys, _bounds_of_keys, _scalar, _pattern, _default]


def names_of_keys(_converter: object, field: Any, **_: object) -> dict[str, Any]:
    """Say which keys a dictionary field allows; apispec leaves them out."""
    if not isinstance(field, fields.Dict) or field.key_field is None:
        return {}
    names: dict[str, Any] = {}
    for rule in field.key_field.validators:
        if isinstance(rule, validate.OneOf):
            names["enum"] = list(rule.choices)
        elif isinstance(rule, validate.Length) and rule.max is not None:
            names["maxLength"] = rule.max
    return {"propertyNames": names} if names else {}


def _bounds_of_keys(
    _converter: object, field: Any, *, ret: dict[str, Any], **_: object
) -> dict[str, Any]:
    """Bound an object by its number of members: apispec gives it the length of a text."""
    if not isinstance(field, fields.Dict):
        return {}
    return {right: ret.pop(wrong) for wrong, right in _BOUNDS.items() if wrong in ret}


def _scalar(_converter: object, field: Any, **_: object) -> dict[str, Any]:
    kinds = getattr(field, "json_type", None)
    return {"type": list(kinds)} if kinds else {}


def _pattern(
    _converter: object, _field: Any, *, ret: dict[str, Any], **_: object
) -> dict[str, Any]:
    r"""Write Python's `\Z` as every other language knows it, and anchor what `match` anchors."""
    if "pattern" not in ret:
        return {}
    pattern = ret["pattern"].replace(r"\Z", "$")
    return {"pattern": pattern if pattern.startswith("^") else f"^{pattern}"}


def _default(
    _converter: object, _field: Any, *, ret: dict[str, Any], **_: object
) -> dict[str, Any]:
    """Leave out a default of null: it means "none given", and generators stumble over it."""
    if "default" in ret and ret["default"] is None:
        del ret["default"]
    return {}
