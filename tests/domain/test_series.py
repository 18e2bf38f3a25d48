"""Series and their medians, by hand."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from recovery_service.domain.series import Told, points, values_of

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "medians"),
    [
        ({}, []),
        ({0: 5}, [5]),
        ({0: 5, 1: 8}, [5, 6.5]),
        ({0: 5, 1: 8, 2: 2}, [5, 6.5, 5]),
        ({0: 5, 1: 8, 2: 2, 3: 9}, [5, 6.5, 5, 8]),
        # Day 6 is still within seven days of day 0, day 7 no longer.
        ({0: 4, 6: 8}, [4, 6]),
        ({0: 4, 7: 8}, [4, 8]),
        ({0: 1, 5: 3, 8: 9}, [1, 2, 6]),
    ],
)
def test_the_median_is_of_three_entries_within_seven_days(
    given: dict[int, float], medians: list[float]
) -> None:
    values = {DAY + timedelta(days=day): value for day, value in reversed(given.items())}
    found = points(values)
    assert [point.median for point in found] == medians
    assert [point.date for point in found] == sorted(values)


def test_only_numbers_make_points() -> None:
    answers = [3, 2.5, None, True, "dry", 0]
    reports = {
        DAY + timedelta(days=n): Told(
            id=uuid4(), local_date=DAY + timedelta(days=n), recorded_at=NOW, received_at=NOW,
            supersedes=None, issues=(), answers={"x": answer},
        )
        for n, answer in enumerate(answers)
    }  # fmt: skip
    assert list(values_of("x", reports).values()) == [3, 2.5, 0]
    assert values_of("y", reports) == {}
