"""What a phone sends takes effect as it happened, in whatever order it comes."""

from datetime import timedelta
from itertools import permutations
from uuid import UUID, uuid4

import pytest

from recovery_service.domain.check_ins import NewCheckIn, place_report
from recovery_service.domain.sync_order import Sent, as_it_happened
from tests.conftest import MONDAY

HOUR = timedelta(hours=1)


def sent(name: str, hours: int | None, corrects: UUID | None = None) -> Sent[str]:
    at = None if hours is None else MONDAY + hours * HOUR
    return Sent(id=uuid4(), content=name, at=at, corrects=corrects)


def names(ordered: list[Sent[str]]) -> str:
    return "".join(each.content for each in ordered)


def test_the_phones_own_instants_decide_and_what_has_none_comes_last() -> None:
    first, second, last = sent("a", 1), sent("b", 2), sent("c", None)
    for order in permutations([first, second, last]):
        assert names(as_it_happened(order)) == "abc"
    assert names(as_it_happened([sent("x", None), sent("y", None)])) == "xy"


def test_a_correction_follows_what_it_corrects_although_the_clock_was_set_back() -> None:
    """Planted: by instants alone the correction would come first, and correct nothing."""
    wrong = sent("a", 5)
    better = sent("b", 3, corrects=wrong.id)
    best = sent("c", 1, corrects=better.id)
    for order in permutations([wrong, better, best]):
        assert names(as_it_happened(order)) == "abc"


def test_what_corrects_itself_or_something_unknown_is_in_nobodys_way() -> None:
    one = sent("a", 1, corrects=uuid4())
    own = Sent(id=(key := uuid4()), content="b", at=MONDAY + 2 * HOUR, corrects=key)
    circle = sent("c", 3)
    other = sent("d", 4, corrects=circle.id)
    circle = Sent(id=circle.id, content="c", at=circle.at, corrects=other.id)
    ordered = as_it_happened([other, circle, own, one])
    assert sorted(names(ordered)) == ["a", "b", "c", "d"]
    assert names(ordered).startswith("ab")


@pytest.mark.parametrize(
    ("ahead", "recorded", "about", "found"),
    [
        # Three days late by a clock that is thirty days ahead: three days ago by ours.
        (timedelta(days=30), timedelta(days=27), 27, -3),
        (timedelta(days=-30), timedelta(days=-33), -33, -3),
        # The date that it gives is right although its clock is not.
        (timedelta(days=30), timedelta(days=27), -3, -3),
        # It says that it was after it was sent, or years before: when it came is all there is.
        (timedelta(days=30), timedelta(days=40), 40, 0),
        (timedelta(days=30), timedelta(days=-900), -900, 0),
    ],
)
def test_a_clock_whose_error_is_known_still_tells_how_long_ago_it_was(
    ahead: timedelta, recorded: timedelta, about: int, found: int
) -> None:
    new = NewCheckIn(
        id=uuid4(),
        date=MONDAY.date() + timedelta(days=about),
        recorded_at=MONDAY + recorded,
        time_zone="Europe/London",
        form_version="1",
        answers={},
    )
    placed = place_report(new, received_at=MONDAY, home_zone="Europe/London", ahead=ahead)
    assert placed.local_date == MONDAY.date() + timedelta(days=found)
    assert placed.issues[0] == {"code": "clock_suspect"}
