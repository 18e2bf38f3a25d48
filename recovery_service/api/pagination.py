"""Lists in pages: `?limit=` and `?cursor=`, and `{"items", "next_cursor"}`.

A cursor is where the last page ended: the values by which the list is sorted.
It is not signed: a forged one only names another place in a list that the
query has already narrowed to what its reader may see. It is checked, though,
so that a value of the wrong type is a 422 and never reaches the database.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from marshmallow import Schema, fields, post_load, validate

from recovery_service.api.schemas.base import RequestSchema, ResponseSchema
from recovery_service.errors import InvalidCursor

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_LONGEST_CURSOR = 1000
_INT8 = range(-(2**63), 2**63)

Row = TypeVar("Row")
Value = bool | int | float | str | UUID | date | datetime | None


@dataclass(frozen=True)
class PageRequest:
    """Which page the client asks for."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list; `next_cursor` is None on the last."""

    items: Sequence[Row]
    next_cursor: str | None


class PageArguments(RequestSchema):
    """The query arguments of every list."""

    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(1, MAX_LIMIT),
        metadata={"description": "How many at most"},
    )
    cursor = fields.String(
        load_default=None,
        allow_none=False,
        validate=validate.Length(1, _LONGEST_CURSOR),
        metadata={"description": "`next_cursor` of the page before"},
    )

    @post_load
    def to_request(self, loaded: dict[str, Any], **_: object) -> PageRequest:
        """Return the page asked for."""
        return PageRequest(**loaded)


class Keyset:
    """The cursors of one list.

    `kinds` are the types of the values by which the list is sorted, the last
    of them unique: `int, float, str, bool, UUID, date, datetime`, or one of
    these `| None`. A ranking puts the instant that it is computed for first, so
    that every page ranks by the same moment.
    """

    def __init__(self, name: str, *kinds: Any) -> None:
        self.name = name
        self._kinds = kinds

    def encode(self, *values: Value) -> str:
        """Return the cursor behind a row with these values."""
        if len(values) != len(self._kinds):
            raise ValueError(f"a cursor of {self.name} has {len(self._kinds)} values")
        return base64.urlsafe_b64encode(orjson.dumps([self.name, *values])).decode().rstrip("=")

    def decode(self, cursor: str | None) -> tuple[Any, ...] | None:
        """Return the values behind which the page begins, or None for the first.

        Raises `InvalidCursor` for anything that `encode` of this list does not give.
        """
        if cursor is None:
            return None
        try:
            name, *raw = orjson.loads(_unpacked(cursor))
            if name != self.name or len(raw) != len(self._kinds):
                raise InvalidCursor
            return tuple(_value(kind, each) for kind, each in zip(self._kinds, raw, strict=True))
        except (ValueError, TypeError, binascii.Error):
            raise InvalidCursor from None

    def page(
        self, rows: Sequence[Row], limit: int, key: Callable[[Row], tuple[Value, ...]]
    ) -> Page[Row]:
        """Cut a page from `rows`, of which the query fetched `limit + 1`."""
        if len(rows) <= limit:
            return Page(rows, None)
        kept = rows[:limit]
        return Page(kept, self.encode(*key(kept[-1])))


def _unpacked(cursor: str) -> bytes:
    padded = cursor + "=" * (-len(cursor) % 4)
    return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)


def _value(kind: Any, raw: Any) -> Any:
    allowed: tuple[Any, ...] = getattr(kind, "__args__", (kind,))
    if raw is None and type(None) in allowed:
        return None
    wanted = next(each for each in allowed if each is not type(None))
    if wanted in (bool, int, float, str):
        return _plain(wanted, raw)
    if not isinstance(raw, str):
        raise InvalidCursor
    if wanted is UUID:
        return UUID(raw)
    found = wanted.fromisoformat(raw)
    if isinstance(found, datetime) and found.tzinfo is None:
        raise InvalidCursor
    return found


def _plain(wanted: type, raw: Any) -> Any:
    exact = type(raw) is wanted  # a bool is an int, but not here
    if not exact or (wanted is int and raw not in _INT8) or (wanted is str and "\x00" in raw):
        raise InvalidCursor
    return raw


def page_schema(item: type[Schema]) -> type[Schema]:
    """Return the schema of a page of `item`, named after it."""
    name = f"{item.__name__.removesuffix('Schema')}Page"
    members = {
        "items": fields.List(fields.Nested(item), required=True),
        "next_cursor": fields.String(
            required=True,
            allow_none=True,
            metadata={"description": "Null on the last page"},
        ),
        "__doc__": "One page of a list.",
    }
    return type(name, (ResponseSchema,), members)
