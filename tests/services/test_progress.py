"""The days of a hold, as far as the episode still knows them.

Planted, each red: a release of an earlier hold taken for that of the present one; a hold that
begins when it was entered, not when it began.
"""

from datetime import UTC, date, datetime

import pytest

from recovery_service.domain.adherence import Pause
from recovery_service.models import Episode, Patient
from recovery_service.services.progress import hold_of

TODAY = date(2026, 3, 31)
# Eleven at night in London is the next day in Istanbul.
LATE = datetime(2026, 3, 10, 22, 30, tzinfo=UTC)
EARLIER, LATER = datetime(2026, 3, 5, 9, tzinfo=UTC), datetime(2026, 3, 20, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "held_at", "held_from", "released_at", "days"),
    [
        ("open", None, None, None, None),
        ("on_hold", LATE, None, None, (date(2026, 3, 11), TODAY)),
        ("on_hold", LATE, date(2026, 3, 8), None, (date(2026, 3, 8), TODAY)),
        ("open", LATE, None, LATER, (date(2026, 3, 11), date(2026, 3, 21))),
        ("on_hold", LATE, None, EARLIER, (date(2026, 3, 11), TODAY)),
        ("ended", LATE, None, EARLIER, (date(2026, 3, 11), TODAY)),
        ("ended", LATE, None, None, (date(2026, 3, 11), TODAY)),
    ],
    ids=["never", "now", "dated back", "released", "a second one", "ended in it", "ended"],
)
def test_a_hold_lasts_until_it_is_released(
    state: str,
    held_at: datetime | None,
    held_from: date | None,
    released_at: datetime | None,
    days: tuple[date, date] | None,
) -> None:
    episode = Episode(state=state, held_at=held_at, held_from=held_from, released_at=released_at)
    patient = Patient(time_zone="Europe/Istanbul")
    expected = None if days is None else Pause(first=days[0], last=days[1])
    assert hold_of(episode, patient, until=TODAY) == expected
