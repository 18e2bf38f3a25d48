"""The only reader of JSON bodies, and of arguments beside them.

The standard reader is lenient where two programs may then disagree about what
was said (duplicate keys, NaN, numbers that lose digits), and it fails on what
is merely rude (nesting, numbers of thousands of digits). Here both are refused,
naming the field.
"""

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn

import flask
import marshmallow
from webargs import core
from webargs.flaskparser import FlaskParser

from recovery_service.errors import (
    FieldError,
    Invalid,
    MalformedJson,
    TooLarge,
    UnsupportedMediaType,
)
from recovery_service.http_errors import field_errors

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
# Every integer of up to 15 digits is exact in every JSON reader (RFC 7493, 2.2).
MAX_DIGITS = 15
_MAX_ERRORS = 20


class _Refused:
    """Stands in the parsed document where something cannot be accepted."""

    def __init__(self, message: str, *, malformed: bool = False) -> None:
        self.message = message
        self.malformed = malformed


def read_json(body: bytes) -> Any:
    """Return the document, made of plain Python values.

    Raises `TooLarge`; `MalformedJson` for what is no JSON at all; `Invalid`,
    with pointers, for JSON that readers understand differently or not at all.
    """
    if len(body) > MAX_BYTES:
        raise TooLarge(f"A body may have {MAX_BYTES} bytes.")
    try:
        text = body.decode("utf-8")
        if _looks_ordinary(text):
            with suppress(_Unusual):
                return _ORDINARY.decode(text)
        document = _THOROUGH.decode(text)
    except UnicodeDecodeError as error:
        raise MalformedJson(f"The body is not UTF-8 at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise MalformedJson(
            f"The body is not JSON at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise _too_deep("") from None
    _refuse(document)
    return document


def _looks_ordinary(text: str) -> bool:
    """Tell whether no text in the document spells NUL or half a character, nor is it deep.

    Nearly every body is ordinary, and then needs no second look at each value.
    """
    shallow = text.count("{") + text.count("[") <= MAX_DEPTH
    return shallow and ("\\u" not in text or not _ODD_ESCAPE.search(text))


def _refuse(document: Any) -> None:
    found = [(FieldError(pointer, why.message), why.malformed) for pointer, why in _walk(document)]
    if not found:
        return
    kind = MalformedJson if any(malformed for _, malformed in found) else Invalid
    raise kind(errors=[error for error, _ in found[:_MAX_ERRORS]])


def _too_deep(pointer: str) -> Invalid:
    return Invalid(errors=[FieldError(pointer, f"Nested more than {MAX_DEPTH} levels deep.")])


def _walk(value: Any, pointer: str = "", depth: int = 0) -> Iterator[tuple[str, _Refused]]:
    if isinstance(value, str):
        if refused := _unstorable(value):
            yield pointer, refused
    elif isinstance(value, dict | list):
        if depth >= MAX_DEPTH:
            raise _too_deep(pointer)
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(key, str) and (refused := _unstorable(key)):
                yield pointer, refused
            else:
                yield from _walk(below, f"{pointer}/{_escaped(key)}", depth + 1)
    elif isinstance(value, _Refused):
        yield pointer, value


def _escaped(key: str | int) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _unstorable(text: str) -> _Refused | None:
    if "\x00" in text:
        return _Refused("Contains the character NUL.")
    # Asking whether text is ASCII is a flag test; only other text is encoded.
    if text.isascii():
        return None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _Refused("Contains half of a surrogate pair.")
    return None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                members[key] = _Refused("Appears more than once.")
            seen.add(key)
    return members


def _integer(digits: str) -> int | _Refused:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        return _Refused(f"Has more than {MAX_DIGITS} digits.")
    return int(digits)


def _real(digits: str) -> float | _Refused:
    number = float(digits)
    return number if math.isfinite(number) else _Refused("Is too large a number.")


def _constant(name: str) -> _Refused:
    return _Refused(f"{name} is not JSON.", malformed=True)


_THOROUGH = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_real, parse_constant=_constant
)


class _Unusual(Exception):
    """Ends the quick reading of a document."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _Unusual
    return members


def _exact(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Unusual
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Unusual
    return number


def _give_up(_name: str) -> NoReturn:
    raise _Unusual


_ODD_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_ORDINARY = json.JSONDecoder(
    object_pairs_hook=_distinct, parse_int=_exact, parse_float=_finite, parse_constant=_give_up
)


class StrictParser(FlaskParser):
    """Reads arguments with our JSON reader and answers with our errors."""

    # Undeclared query arguments are refused for the whole route at once (see
    # `ApiBlueprint`): a route may declare its arguments in several schemas.
    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012 - declared by webargs
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "json": None,  # as the schema says, and schemas refuse unless they say otherwise
        "query": marshmallow.EXCLUDE,
        "querystring": marshmallow.EXCLUDE,
        "headers": marshmallow.EXCLUDE,
    }

    def _raw_load_json(self, req: flask.Request) -> Any:
        """Return the document, or `missing` where there is no body at all."""
        body = req.get_data(cache=True)
        if not body and "Content-Type" not in req.headers:
            return core.missing
        require_json(req)
        return read_json(body)

    def handle_error(
        self,
        error: marshmallow.ValidationError,
        req: flask.Request,  # noqa: ARG002 - the signature is webargs'
        schema: marshmallow.Schema,
        **_: object,
    ) -> NoReturn:
        """Turn what the schema found into pointers."""
        raise Invalid(
            errors=[
                found
                for location, messages in error.messages_dict.items()
                for found in field_errors(messages, schema, query=location == "query")
            ]
        )


def require_json(req: flask.Request) -> None:
    """Refuse a body that does not say that it is JSON in UTF-8."""
    is_json = req.mimetype == "application/json" or (
        req.mimetype.startswith("application/") and req.mimetype.endswith("+json")
    )
    if not is_json:
        raise UnsupportedMediaType("Send the header Content-Type: application/json.")
    if req.mimetype_params.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType("Send the body in UTF-8.")
