"""Promise 12 with real processes: a wall clock that is set repeats nothing and stops nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.books import arrivals, wait_until_settled
from tests.chaos.conftest import Ward, eventually
from tests.chaos.crowd import Crowd
from tests.chaos.wall_clock import step

HOUR = 3600


@pytest.fixture
def wall(ward: Ward, tmp_path: Path) -> Path:
    """Return the clock that workers of this test follow."""
    path = tmp_path / "wall"
    step(path, 0)
    return path


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_worker_whose_clock_is_set_goes_on_and_repeats_nothing(
    ward: Ward, crowd_of: Callable[..., Crowd], wall: Path, by: int
) -> None:
    """Planted: the metronome is not wound; set back, it waits for an hour."""
    first = crowd_of(20)
    ward.start(CHAOS_WALL=str(wall))
    wait_until_settled(ward)
    step(wall, by)
    second = crowd_of(20)
    eventually(lambda: len(arrivals(ward)) == 40, "those due since are reminded", within=30)
    step(wall, 0)
    third = crowd_of(20)
    eventually(lambda: len(arrivals(ward)) == 60, "and those after that", within=30)
    wait_until_settled(ward)
    assert arrivals(ward).keys() == first.endpoints | second.endpoints | third.endpoints
    assert set(arrivals(ward).values()) == {1}


def test_a_worker_whose_clock_is_ahead_takes_nothing_that_another_is_sending(
    ward: Ward, crowd_of: Callable[..., Crowd], wall: Path
) -> None:
    """A lease is as long for everybody as for who took it.

    Planted: the loop's time is the wall clock's, corrected when a connection began; the
    worker that is an hour ahead sees every lease as run out, and phones ring twice.
    """
    crowd = crowd_of(20)
    ward.start(CHAOS_WALL=str(wall), RECOVERY_LEASE_SECONDS="30")
    wait_until_settled(ward)
    ward.provider.behave(delay=3)
    second = crowd_of(40)
    ward.start(RECOVERY_LEASE_SECONDS="30")
    eventually(lambda: ward.count(LEASED) > 20, "both are sending")
    step(wall, HOUR)
    wait_until_settled(ward)
    assert arrivals(ward).keys() == crowd.endpoints | second.endpoints
    assert set(arrivals(ward).values()) == {1}


LEASED = "SELECT count(*) FROM delivery WHERE state = 'leased'"
