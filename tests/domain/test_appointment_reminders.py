from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from recovery_service.domain.appointment_reminders import appointment_reminders
from tests.domain.rules_in_brief import utc

VISIT = UUID("0190f4c2-5d3e-7a10-8000-000000000001")
NINE = utc("2026-11-22T09:00")
A_DAY_AND_TWO_HOURS = [120, 1440]


def test_reminders_come_in_order_and_expire_when_it_starts() -> None:
    found = appointment_reminders(VISIT, NINE, A_DAY_AND_TWO_HOURS, utc("2026-11-01"))
    assert [(r.occ_key, r.due_at) for r in found] == [
        ("20261122T0900Z-1440", utc("2026-11-21T09:00")),
        ("20261122T0900Z-120", utc("2026-11-22T07:00")),
    ]
    assert {r.expires_at for r in found} == {NINE}
    assert {r.appointment_id for r in found} == {VISIT}


def test_one_that_is_booked_late_keeps_only_what_is_ahead() -> None:
    found = appointment_reminders(VISIT, NINE, A_DAY_AND_TWO_HOURS, utc("2026-11-21T09:00"))
    assert [r.offset for r in found] == [120]
    assert appointment_reminders(VISIT, NINE, A_DAY_AND_TWO_HOURS, NINE) == []


def test_a_moved_appointment_has_new_reminders_and_moved_back_its_old_ones() -> None:
    early = utc("2026-11-01")

    def keys(start: datetime) -> set[str]:
        found = appointment_reminders(VISIT, start, A_DAY_AND_TWO_HOURS, early)
        return {r.occ_key for r in found}

    assert not keys(NINE) & keys(NINE + timedelta(minutes=30))
    assert keys(NINE) == keys(NINE.astimezone(timezone(timedelta(hours=3))))


def test_the_same_offset_twice_is_one_reminder() -> None:
    assert len(appointment_reminders(VISIT, NINE, [120, 120], utc("2026-11-01"))) == 1


@pytest.mark.parametrize(
    ("start", "offsets"),
    [
        (datetime(2026, 11, 22, 9), [60]),  # noqa: DTZ001 - the refusal is the point
        (datetime(2026, 11, 22, 9, 0, 30, tzinfo=UTC), [60]),
        (NINE, [0]),
        (NINE, [-60]),
    ],
)
def test_a_time_that_cannot_be_is_refused(start: datetime, offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="appointment"):
        appointment_reminders(VISIT, start, offsets, utc("2026-11-01"))
