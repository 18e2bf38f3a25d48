"""Promises 2 and 3: `kill -9` at any moment loses nothing, and repeats are bounded."""

import random
import time
from collections.abc import Callable
from functools import partial

from tests.chaos.books import (
    arrivals,
    assert_balanced,
    is_settled,
    repeats,
    wait_until_settled,
)
from tests.chaos.conftest import ROWS, Ward, Worker, eventually
from tests.chaos.crowd import Crowd

SEED = 20260302
KILLS = 5
CHUNK = 10
KILL_EVERY = 1.0
AT_LEAST = 3
AMPLE = 5_000


def test_after_random_kills_the_books_balance(ward: Ward, crowd_of: Callable[..., Crowd]) -> None:
    """Planted: settle before sending, and what the dead had in hand never arrives.

    Planted for the bound: settle once a claim instead of once a chunk, and a kill repeats
    more than the chunk that was in hand.
    """
    crowd = crowd_of(ROWS)
    ward.provider.behave(delay=0.1)  # so that a kill finds reminders on their way
    kills = _kill_at_random(ward, crowd)
    ward.start()
    wait_until_settled(ward)
    assert_balanced(ward, crowd)

    extra = sum(arrivals(ward).values()) - crowd.size
    assert kills == KILLS, "the run was long enough to mean something"
    assert extra <= CHUNK * kills, f"{extra} repeats after {kills} kills, seed {SEED}"
    for pushes in repeats(ward):
        assert len({push["topic"] for push in pushes}) == 1, "a repeat replaces the first"


def test_workers_that_race_while_one_is_killed_each_second(
    ward: Ward, crowd_of: Callable[..., Crowd]
) -> None:
    """Six workers; every second the oldest is killed, and another comes when few are left.

    Planted: claim what is leased as well; what two have in hand at once rings twice.
    (`make nightly` has 20,000 phones, the suite enough for several kills.)
    """
    crowd = crowd_of(ROWS)
    ward.provider.behave(delay=0.4 if ROWS < AMPLE else 0)  # so that a kill finds work
    kills, workers = 0, [_small(ward) for _ in range(6)]
    eventually(partial(_rang, ward, 1), "the first phone rings")
    while not is_settled(ward):
        time.sleep(KILL_EVERY)
        workers.pop(0).kill()
        kills += 1
        if len(workers) < AT_LEAST:  # to start one costs more than a second of a small machine
            workers.append(_small(ward))
    assert kills >= 2, "the run was long enough to mean something"
    assert_balanced(ward, crowd)
    extra = sum(arrivals(ward).values()) - crowd.size
    assert extra <= CHUNK * kills, f"{extra} repeats after {kills} kills"
    for pushes in repeats(ward):
        assert len({push["topic"] for push in pushes}) == 1, "a repeat replaces the first"


def _small(ward: Ward) -> Worker:
    return ward.start(CHAOS_CHUNK=str(CHUNK))


def _kill_at_random(ward: Ward, crowd: Crowd) -> int:
    """Kill the oldest of three workers again and again while reminders go out."""
    chance = random.Random(SEED)  # noqa: S311 - a repeatable run
    workers = [ward.start(CHAOS_CHUNK=str(CHUNK), CHAOS_BATCH="30") for _ in range(KILLS + 1)]
    for kill in range(KILLS):
        goal = (kill + 1) * crowd.size // (KILLS * 4)
        eventually(partial(_rang, ward, goal), f"{goal} phones ring")
        time.sleep(chance.random() / 5)  # anywhere inside a chunk, not only at its start
        workers[kill].kill()
        if len(arrivals(ward)) == crowd.size:
            return kill
    return KILLS


def _rang(ward: Ward, goal: int) -> bool:
    return len(arrivals(ward)) >= goal
