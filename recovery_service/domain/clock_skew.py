"""How far a phone's clock is from ours, and what its instants are worth then."""

from datetime import datetime, timedelta

from recovery_service.domain.check_ins import MOST_AHEAD

#: A clock that is off by more than this when it sends dates nothing by itself.
MOST_SKEW = MOST_AHEAD


def skew_of(sent_at: datetime, *, now: datetime) -> timedelta:
    """Return by how much a phone's clock is ahead of ours; what it sent took no time."""
    return sent_at - now


def is_suspect(skew: timedelta) -> bool:
    """Say whether a clock is so far off that its instants are not believed."""
    return abs(skew) > MOST_SKEW
