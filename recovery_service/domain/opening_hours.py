"""When a site is open: local times of each weekday, in order and apart."""

import re
from collections.abc import Mapping, Sequence

WEEKDAYS = tuple("1234567")
MOST_A_DAY = 6
#: What the last closing time of a day may be; nobody opens then.
MIDNIGHT = "24:00"

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")


class ImpossibleHoursError(ValueError):
    """Opening hours that cannot be; `pointer` is the JSON pointer inside them."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer}: {message}")
        self.pointer = pointer
        self.message = message


def check_opening_hours(hours: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Raise ImpossibleHoursError unless these are the hours of a week.

    ISO weekday ("1" is Monday) to spans of ["HH:MM", "HH:MM"]; a day without spans is
    closed. A span ends after it begins, and begins after the one before has ended:
    spans that touch are one. Times of one form compare as texts.
    """
    for day, spans in hours.items():
        if day not in WEEKDAYS:
            raise ImpossibleHoursError(f"/{day}", "Weekdays are 1 (Monday) to 7 (Sunday).")
        if len(spans) > MOST_A_DAY:
            raise ImpossibleHoursError(f"/{day}", f"At most {MOST_A_DAY} spans a day.")
        closed = ""
        for place, span in enumerate(spans):
            closed = _check_span(f"/{day}/{place}", span, closed)


def _check_span(pointer: str, span: Sequence[str], closed: str) -> str:
    """Return when the span ends."""
    if len(span) != len(("from", "to")):
        raise ImpossibleHoursError(pointer, "A span is a beginning and an end.")
    for place, time in enumerate(span):
        if not _TIME.fullmatch(time) or (place == 0 and time == MIDNIGHT):
            raise ImpossibleHoursError(f"{pointer}/{place}", "Not a time in the form HH:MM.")
    begins, ends = span
    if ends <= begins:
        raise ImpossibleHoursError(f"{pointer}/1", "Must end after it begins.")
    if begins <= closed:
        raise ImpossibleHoursError(f"{pointer}/0", "Must begin after the one before has ended.")
    return ends
