"""Promise 1: one delivery per occurrence, destination and round, however many workers race."""

from collections.abc import Callable

from tests.chaos.books import arrivals, assert_balanced, wait_until_settled
from tests.chaos.conftest import ROWS, Ward
from tests.chaos.crowd import Crowd


def test_workers_that_race_send_each_reminder_once(
    ward: Ward, crowd_of: Callable[..., Crowd]
) -> None:
    """Let four workers race for the same rows.

    Planted: claim what is leased as well. The row lock alone is not what keeps this promise:
    without it the later claim owns the row, and the earlier one's fence finds nothing.
    """
    crowd = crowd_of(ROWS)
    for _ in range(4):
        ward.start(RECOVERY_LEASE_SECONDS="30")
    wait_until_settled(ward)
    assert_balanced(ward, crowd)
    assert max(arrivals(ward).values()) == 1
