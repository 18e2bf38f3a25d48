"""What every error of the service has."""

from collections.abc import Iterable
from typing import ClassVar, NamedTuple


class FieldError(NamedTuple):
    """What is wrong with one field.

    ``pointer`` is a JSON pointer into the body (``/episode/discharge_date``;
    the empty string is the whole body); for an argument in the query, its name
    after a question mark (``?limit``); for a header, its name.
    """

    pointer: str
    message: str


class RecoveryError(Exception):
    """Something went wrong inside the service; it has been logged."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, detail: str = "", *, errors: Iterable[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)

    @classmethod
    def meaning(cls) -> str:
        """Return the first line of the docstring: what the code means."""
        return (cls.__doc__ or cls.code).strip().splitlines()[0]
