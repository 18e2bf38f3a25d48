"""Promise 11 with a real process: after three days stopped, the latest of each and no more."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from tests.chaos.books import arrivals, wait_until_settled
from tests.chaos.conftest import Ward
from tests.chaos.crowd import Crowd

STATES = "SELECT state, reason FROM occurrence"


def test_a_worker_that_starts_after_three_days_reminds_of_the_latest_only(
    ward: Ward, crowd_of: Callable[..., Crowd]
) -> None:
    """Planted: let every one that is still valid speak; each phone rings four times."""
    crowd = crowd_of(50, valid_for=timedelta(days=5), days_due=3)
    ward.start()
    wait_until_settled(ward)
    assert arrivals(ward) == Counter(crowd.endpoints)
    assert Counter(ward.read(STATES)) == {
        ("due", None): 50,
        ("missed", "superseded_after_downtime"): 150,
    }
