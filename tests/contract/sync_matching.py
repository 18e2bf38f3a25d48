"""How an answer is compared with what a vector says of it."""

from collections.abc import Iterator
from typing import Any

#: Requests take their time: a `$near` number of seconds may differ by so much.
NEAR = 60


def differences(expected: Any, found: Any, where: str = "") -> Iterator[str]:
    """Yield where an answer is not as expected; it may hold members that nobody speaks of.

    Lists are as long as expected and in any order of their `id`; other values are equal.
    """
    if isinstance(expected, dict) and "$near" in expected:
        if abs(found - expected["$near"]) > NEAR:
            yield f"{where} is {found!r} and not near {expected['$near']!r}"
    elif isinstance(expected, dict) and isinstance(found, dict):
        yield from _members(expected, found, where)
    elif isinstance(expected, list) and isinstance(found, list):
        yield from _elements(expected, found, where)
    elif expected != found:
        yield f"{where} is {found!r} and not {expected!r}"


def _members(expected: dict[str, Any], found: dict[str, Any], where: str) -> Iterator[str]:
    for name, value in expected.items():
        if value == "$absent":
            if name in found:
                yield f"{where}/{name} is there"
        elif name not in found:
            yield f"{where}/{name} is missing"
        else:
            yield from differences(value, found[name], f"{where}/{name}")


def _elements(expected: list[Any], found: list[Any], where: str) -> Iterator[str]:
    if len(expected) != len(found):
        yield f"{where} has {len(found)} and not {len(expected)}"
        return
    pairs = zip(_by_id(expected), _by_id(found), strict=True)
    for place, (one, other) in enumerate(pairs):
        yield from differences(one, other, f"{where}/{place}")


def _by_id(each: list[Any]) -> list[Any]:
    return sorted(each, key=lambda one: str(one.get("id", "")) if isinstance(one, dict) else "")
