"""When to try a delivery again: exponential with jitter, never after it no longer matters."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

FIRST = timedelta(seconds=30)
LONGEST = timedelta(minutes=30)
_DOUBLINGS = 10


def next_try(
    attempts: int,
    asked: timedelta | None,
    *,
    now: datetime,
    expires_at: datetime,
    jitter: Callable[[], float] = random.random,
) -> datetime | None:
    """Return when to try again after so many attempts, or None when that is too late.

    `asked` is the provider's Retry-After: a floor, never shortened. `jitter` gives a number
    in [0, 1); the wait is between half and all of 30 s, 60 s, 2 min … 30 min, so that those
    who failed together do not come back together.
    """
    longest = min(FIRST * 2 ** min(max(attempts - 1, 0), _DOUBLINGS), LONGEST)
    wait = longest * (0.5 + jitter() / 2)
    if asked is not None:
        wait = max(wait, asked + FIRST * jitter() / 2)
    again = now + wait
    return again if again < expires_at else None
