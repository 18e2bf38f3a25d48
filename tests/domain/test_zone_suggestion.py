"""When a patient is asked about the time zone.

Defect planted: only the offset of the moment compared (a zone without summer time was
not suggested in winter).
"""

from datetime import UTC, datetime

import pytest

from recovery_service.domain.zone_suggestion import suggested_zone

WINTER = datetime(2026, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("own", "device", "suggested"),
    [
        ("Europe/London", None, None),
        ("Europe/London", "Europe/London", None),
        ("Europe/London", "Europe/Istanbul", "Europe/Istanbul"),
        ("Asia/Kolkata", "Asia/Calcutta", None),
        ("Europe/London", "Africa/Abidjan", "Africa/Abidjan"),
        ("America/Phoenix", "America/Denver", "America/Denver"),
    ],
)
def test_a_zone_is_suggested_where_its_clock_differs(
    own: str, device: str | None, suggested: str | None
) -> None:
    assert suggested_zone(own, device, now=WINTER) == suggested
