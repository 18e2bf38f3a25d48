"""Entity tags of RFC 9110: which state of an object somebody has read."""

import hashlib
import re
from collections.abc import Iterable

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
# Each space has one place where it can belong, so that no list takes long to be refused.
_LIST = re.compile(rf"(?:\s*,)*\s*{_TAG}(?:\s*,(?:\s*{_TAG})?)*\s*")
_EACH = re.compile(_TAG)


class BadEntityTag(ValueError):
    """What was sent is no list of entity tags."""


def version_tag(version: int) -> str:
    """Return the tag of an object that counts its changes, without quotes."""
    return f"v{version}"


def content_tag(facts: Iterable[str]) -> str:
    """Return the tag of what counts nothing: of all that it says, without quotes."""
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(f"{len(fact)}:{fact}".encode())
    return digest.hexdigest()[:32]


def matches(condition: str, current: str) -> bool:
    """Tell whether `If-Match` names the tag that stands (13.1.1).

    The comparison is the strong one: a weak tag never matches. Raises BadEntityTag.
    """
    if condition.strip() == "*":
        return True
    if not _LIST.fullmatch(condition):
        raise BadEntityTag
    return f'"{current}"' in _EACH.findall(condition)
