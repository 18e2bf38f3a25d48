"""Whether to ask a patient who seems to be elsewhere about the time zone."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from recovery_service.domain.local_time import zone

_WEEKS = 53
_WEEK = timedelta(weeks=1)


def suggested_zone(own: str, device: str | None, *, now: datetime) -> str | None:
    """Return the device's zone where its clock differs from the patient's, else None.

    Names that mean one clock (`Asia/Calcutta`, `Asia/Kolkata`) are no reason to ask,
    and phones do report old names.
    """
    if device is None or device == own or _one_clock(own, device, now.year):
        return None
    return device


@lru_cache(maxsize=1024)
def _one_clock(one: str, other: str, year: int) -> bool:
    first = datetime(year, 1, 1, tzinfo=UTC)
    instants = (first + week * _WEEK for week in range(2 * _WEEKS))
    return all(
        at.astimezone(zone(one)).utcoffset() == at.astimezone(zone(other)).utcoffset()
        for at in instants
    )
