"""What all schemas share: strictness, and fields that mean what they say.

marshmallow reads "yes" as true and "7" as a number. In a body that hides
mistakes of the client, so the fields here refuse it; arguments in a query are
always text, and use the lenient fields of marshmallow.
"""

# ruff: noqa: ARG002 - the signatures are marshmallow's

import re
from datetime import date, datetime, time
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")
_YEARS = range(1900, 2200)


class RequestSchema(Schema):
    """A body or the arguments of a query; unknown fields are refused."""

    class Meta:
        """Refuse what nobody declared."""

        unknown = RAISE


class ResponseSchema(Schema):
    """What an answer shows; it only ever writes, and only what it declares.

    Its document is open: later versions may say more, and clients pass over what they do not
    know (`docs/api_changes.md`).
    """

    class Meta:
        """Promise nothing of what is not declared."""

        unknown = EXCLUDE


class WholeNumber(fields.Integer):
    """An integer of a JSON body: no text, no fraction, no boolean."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strict=True, **kwargs)

    def _validated(self, value: Any) -> Any:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class RealNumber(fields.Float):
    """A number of a JSON body: no text, no boolean."""

    def _validated(self, value: Any) -> Any:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class TrueOrFalse(fields.Boolean):
    """A boolean of a JSON body: `true` or `false`, no 1, no "yes"."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class LocalDate(fields.Date):
    """A date on somebody's calendar, `YYYY-MM-DD`, of the years 1900 to 2199."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise ValidationError("Not a date in the form YYYY-MM-DD.")
        try:
            found = date.fromisoformat(value)
        except ValueError:
            raise ValidationError("This date does not exist.") from None
        if found.year not in _YEARS:
            raise ValidationError("The year is out of range.")
        return found


class LocalTime(fields.Time):
    """A time on somebody's clock, `HH:MM`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> time:
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            raise ValidationError("Not a time in the form HH:MM.")
        return time.fromisoformat(value)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value:%H:%M}"


class Instant(fields.AwareDateTime):
    """An instant of RFC 3339; without an offset it is refused."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not _INSTANT.fullmatch(value):
            raise ValidationError("Not an instant of RFC 3339 with an offset.")
        try:
            found = datetime.fromisoformat(value.upper())
        except ValueError:
            raise ValidationError("This instant does not exist.") from None
        if found.year not in _YEARS:
            raise ValidationError("The year is out of range.")
        return found


class Text(fields.String):
    """Text of at most `longest` characters, without control characters.

    Spaces around it are dropped; empty text is refused unless `empty` is true.
    """

    def __init__(self, longest: int, *, empty: bool = False, **kwargs: Any) -> None:
        shortest = 0 if empty else 1
        super().__init__(validate=validate.Length(min=shortest, max=longest), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if text and _CONTROL.search(text):
            raise ValidationError("Contains control characters.")
        return (text or "").strip()


class Scalar(fields.Raw):
    """A number, a code, true or false: whatever the question asks for; or null."""

    json_type = ("boolean", "number", "string", "null")


class Translations(fields.Dict):
    """A text by language, as far as it is translated."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(keys=fields.String(), values=fields.String(), **kwargs)


class FieldErrorSchema(ResponseSchema):
    """What is wrong with one field."""

    pointer = fields.String(
        required=True,
        metadata={
            "description": "A JSON pointer into the body (the empty string is the whole body), "
            "the name of a query argument after a question mark, or that of a header",
            "example": "/episode/discharge_date",
        },
    )
    message = fields.String(required=True, metadata={"example": "This date does not exist."})


class ProblemSchema(ResponseSchema):
    """An error, after RFC 9457."""

    type = fields.String(
        required=True,
        metadata={"format": "uri-reference", "description": "Where the code is explained"},
    )
    title = fields.String(
        required=True, metadata={"description": "What the code means, in the reader's language"}
    )
    status = fields.Integer(required=True, metadata={"example": 422})
    detail = fields.String(required=True)
    code = fields.String(
        required=True, metadata={"description": "Stable; decide by it", "example": "invalid"}
    )
    request_id = fields.String(
        required=True, metadata={"description": "Also in the header X-Request-Id"}
    )
    errors = fields.List(fields.Nested(FieldErrorSchema), metadata={"description": "Which fields"})
    stored = fields.Dict(metadata={"description": "With client_id_reused: the object that stands"})
    etag = fields.String(
        metadata={"description": "With revision_stale: the entity tag that stands, also in ETag"}
    )
