"""When a questionnaire is due: the windows of the template, in local dates.

Planted: the baseline asked for after the operation; the ODI due on day 7; a window that was
answered due again.
"""

from datetime import date, timedelta

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.questionnaire_times import (
    TimePoint,
    due_on,
    next_after,
    time_point_on,
    time_points,
)

CONTENT = Content.parse(read_content())
TIMES = CONTENT.template("lumbar_decompression").questionnaires
SURGERY = date(2026, 2, 27)


def points(earliest_day: int = 14) -> tuple[TimePoint, ...]:
    return time_points(TIMES, surgery=SURGERY, earliest_day=earliest_day)


def day(number: int) -> date:
    return SURGERY + timedelta(days=number)


@pytest.mark.parametrize(
    ("on", "due", "following"),
    [
        (-8, None, "prom_day_0"),
        (-7, "prom_day_0", "prom_day_14"),
        (0, "prom_day_0", "prom_day_14"),
        (1, None, "prom_day_14"),
        (13, None, "prom_day_14"),
        (14, "prom_day_14", "prom_day_42"),
        (21, "prom_day_14", "prom_day_42"),
        (22, None, "prom_day_42"),
        (28, "prom_day_42", "prom_day_90"),
        (56, "prom_day_42", "prom_day_90"),
        (104, "prom_day_90", "prom_day_180"),
        (150, "prom_day_180", "prom_day_365"),
        (395, "prom_day_365", "prom_day_730"),
        (760, "prom_day_730", None),
        (761, None, None),
    ],
)
def test_a_window_is_open_on_its_days_and_no_others(
    on: int, due: str | None, following: str | None
) -> None:
    found, ahead = due_on(points(), day(on), ()), next_after(points(), day(on))
    assert (found and found.code, ahead and ahead.code) == (due, following)


def test_an_instrument_that_may_be_asked_earlier_opens_earlier() -> None:
    assert points(0)[1].opens == day(7)
    assert points(14)[1].opens == day(14)
    assert [one.code for one in points(22)][:2] == ["prom_day_0", "prom_day_42"]


def test_what_was_answered_is_not_due_again() -> None:
    assert due_on(points(), day(42), ["prom_day_42"]) is None
    assert due_on(points(), day(42), ["prom_day_14"]) is not None


def test_without_a_surgery_date_nothing_is_due() -> None:
    assert time_points(TIMES, surgery=None, earliest_day=14) == ()


def test_of_two_open_windows_the_nearest_counts() -> None:
    both = [
        TimePoint(code=code, day=0, target=day(target), opens=day(0), closes=day(50))
        for code, target in (("early", 10), ("late", 40))
    ]
    assert [time_point_on(both, day(n)) for n in (9, 41, 51)] == [both[0], both[1], None]
