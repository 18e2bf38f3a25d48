"""The corridor: straight on log(day + 1), exact at its anchors, silent outside them.

Planted, each red: straight on the day itself; log(day); a band from one found anchor; a band
between memory and found; values carried beyond the last anchor; no clip; the band of the earlier
anchor kept until the next.
"""

from itertools import pairwise
from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery_service.domain.corridor import FOUND, INTERPOLATED, MEMORY, Corridor, CorridorAnchor

LAST = 1000


def anchor(day: int, mean: float, deviation: float | None = 1.0, label: str = FOUND) -> Any:
    return CorridorAnchor(day=day, mean=mean, deviation=deviation, label=label)


def corridor(*anchors: CorridorAnchor) -> Corridor:
    return Corridor(anchors=anchors, minimum=0, maximum=10)


@st.composite
def corridors(draw: st.DrawFn) -> Corridor:
    days = sorted(draw(st.sets(st.integers(1, LAST), min_size=1, max_size=6)))
    means = st.floats(-3, 13)
    spreads = st.none() | st.floats(0, 5)
    labels = st.sampled_from([FOUND, MEMORY])
    return corridor(*(anchor(day, draw(means), draw(spreads), draw(labels)) for day in days))


@given(corridors())
def test_it_is_exact_at_its_anchors(course: Corridor) -> None:
    for each in course.anchors:
        found = course.at(each.day)
        assert found is not None
        assert found.value == min(max(each.mean, 0), 10)
        assert found.label == each.label


@given(corridors(), st.integers(-10, LAST + 10))
def test_everything_stays_on_the_scale_and_in_order(course: Corridor, day: int) -> None:
    found = course.at(day)
    if found is None:
        return
    assert 0 <= found.value <= 10
    if found.low is not None and found.high is not None:
        assert 0 <= found.low <= found.value <= found.high <= 10


@given(corridors())
def test_it_never_turns_between_two_anchors(course: Corridor) -> None:
    for before, after in pairwise(course.anchors):
        between = [course.at(day) for day in range(before.day, after.day + 1)]
        values = [each.value for each in between if each is not None]
        assert len(values) == after.day - before.day + 1
        slack = 1e-12
        rises = [later - earlier for earlier, later in pairwise(values)]
        assert all(rise >= -slack for rise in rises) or all(rise <= slack for rise in rises)


@given(corridors(), st.integers(-10, LAST + 10))
def test_it_says_nothing_outside_its_anchors(course: Corridor, day: int) -> None:
    reach = course.anchors[0].day <= day <= course.anchors[-1].day
    assert (course.at(day) is not None) is reach


@given(corridors(), st.integers(1, LAST))
def test_a_band_stands_on_two_found_anchors_with_a_spread(course: Corridor, day: int) -> None:
    found = course.at(day)
    if found is None or found.high is None:
        return
    measured = [
        each for each in course.anchors if each.label == FOUND and each.deviation is not None
    ]
    assert len(measured) >= 2
    ends = [each for each in course.anchors if each.day <= day][-1:]
    ends += [each for each in course.anchors if each.day >= day][:1]
    assert all(each in measured for each in ends)


def test_half_way_is_half_way_on_the_logarithm() -> None:
    """Day 8 lies half way between day 0.. of 2 and 26: 3, 9 and 27 are equal steps."""
    course = corridor(anchor(2, 6, 2), anchor(26, 2, 1))
    half = course.at(8)
    assert half is not None
    assert log(9) - log(3) == pytest.approx(log(27) - log(9))
    assert (half.value, half.low, half.high) == pytest.approx((4, 2.5, 5.5))
    assert half.label == INTERPOLATED


@pytest.mark.parametrize(
    ("anchors", "days"),
    [
        ((anchor(2, 5), anchor(26, 3)), [2, 8, 26]),
        ((anchor(2, 5),), []),
        ((anchor(2, 5), anchor(26, 3, None)), []),
        ((anchor(2, 5), anchor(26, 3, 1, MEMORY)), []),
        ((anchor(2, 5, 1, MEMORY), anchor(26, 3, 1, MEMORY)), []),
        ((anchor(2, 5), anchor(5, 4, 1, MEMORY), anchor(26, 3)), [2, 26]),
        ((anchor(2, 5, 1, MEMORY), anchor(5, 4), anchor(26, 3)), [5, 8, 26]),
    ],
    ids=["two found", "one", "one spread", "one found", "none", "memory between", "memory first"],
)
def test_where_there_is_a_band(anchors: tuple[CorridorAnchor, ...], days: list[int]) -> None:
    course = corridor(*anchors)
    shown = [each.day for each in course.course([8]) if each.low is not None]
    assert shown == days
    assert course.banded is bool(days)


def test_a_band_is_cut_at_the_ends_of_the_scale() -> None:
    course = corridor(anchor(2, 1, 4), anchor(26, 9, 4))
    first, last = course.at(2), course.at(26)
    assert first is not None
    assert last is not None
    assert (first.low, first.high) == (0, 5)
    assert (last.low, last.high) == (5, 10)
