"""What a due schedule owes: downtime, expiry and catch-up, without a database."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from recovery_service.domain.local_time import instant
from recovery_service.reminders.expansion import (
    EXPIRED_DURING_DOWNTIME,
    MOST_AT_ONCE,
    NOT_CAUGHT_UP,
    SUPERSEDED_AFTER_DOWNTIME,
    Claimed,
    advance,
)
from tests.reminders.plans import rule

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def claimed(**changes: Any) -> Claimed:
    plain = Claimed(
        clinic_id="c",
        lineage_id="l",
        patient_id="p",
        kind="physiotherapy",
        remind_via="push",
        revision=1,
        failures=0,
        rule_hash="h",
        anchor_date=date(2026, 3, 1),
        time_zone="Europe/London",
        next_date=date(2026, 3, 2),
        next_minute=540,
        next_due_at=NOW,
    )
    return plain._replace(**changes)


def fallen(schedule: Claimed, now: datetime, **changes: Any) -> list[tuple[str, str | None]]:
    done = advance(schedule, rule(**changes), now=now)
    return [(each.occurrence.occ_key, each.reason) for each in done.fallen]


def test_what_is_due_speaks_and_the_schedule_moves_on() -> None:
    done = advance(claimed(), rule(), now=NOW)
    assert [(each.occurrence.occ_key, each.reason) for each in done.fallen] == [
        ("20260302.morning", None)
    ]
    assert done.following is not None
    assert done.following.occ_key == "20260303.morning"


def test_before_its_time_nothing_falls_due() -> None:
    done = advance(claimed(), rule(), now=NOW - timedelta(seconds=1))
    assert done.fallen == ()
    assert done.following is not None
    assert done.following.occ_key == "20260302.morning"


def test_after_three_days_only_the_latest_speaks() -> None:
    """Planted: give every valid one no reason, and the patient gets them all at once."""
    assert fallen(claimed(), NOW + timedelta(days=3), valid_for_minutes=3 * 24 * 60) == [
        ("20260302.morning", EXPIRED_DURING_DOWNTIME),
        ("20260303.morning", SUPERSEDED_AFTER_DOWNTIME),
        ("20260304.morning", SUPERSEDED_AFTER_DOWNTIME),
        ("20260305.morning", None),
    ]


def test_the_latest_is_missed_too_once_it_no_longer_matters() -> None:
    assert fallen(claimed(), NOW + timedelta(days=1, hours=2)) == [
        ("20260302.morning", EXPIRED_DURING_DOWNTIME),
        ("20260303.morning", EXPIRED_DURING_DOWNTIME),
    ]


@pytest.mark.parametrize(("late", "reason"), [(14, None), (16, NOT_CAUGHT_UP)])
def test_a_rule_without_catch_up_bears_only_a_short_delay(late: int, reason: str | None) -> None:
    now = NOW + timedelta(minutes=late)
    assert fallen(claimed(), now, catch_up="none") == [("20260302.morning", reason)]


def test_a_long_arrears_is_written_in_parts_of_which_only_the_last_speaks() -> None:
    """Planted: take the last of each part for the latest, and every part reminds."""
    slots = {f"s{hour:02}": f"{hour:02}:00" for hour in range(24)}
    schedule, reasons = claimed(next_minute=0), []
    now = NOW + timedelta(days=12)
    its_rule = rule(slots=slots, valid_for_minutes=14 * 24 * 60)
    for _ in range(5):
        done = advance(schedule, its_rule, now=now)
        assert len(done.fallen) <= MOST_AT_ONCE
        reasons += [each.reason for each in done.fallen]
        assert done.following is not None
        schedule = schedule._replace(
            next_date=done.following.local_date,
            next_minute=done.following.minute,
            next_due_at=done.following.due_at,
        )
    assert reasons == [SUPERSEDED_AFTER_DOWNTIME] * (len(reasons) - 1) + [None]
    assert len(reasons) == 12 * 24 + 10


def test_the_last_day_of_a_plan_ends_the_schedule() -> None:
    assert advance(claimed(), rule(to_day=1), now=NOW).following is None


@pytest.mark.parametrize(
    ("zone", "day", "minute", "due"),
    [
        ("Europe/London", date(2026, 3, 29), 90, datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("Europe/London", date(2026, 10, 25), 90, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", date(2026, 10, 4), 135, datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ],
)
def test_promise_5_a_gap_gives_the_first_instant_after_and_a_fold_the_first(
    zone: str, day: date, minute: int, due: datetime
) -> None:
    """Planted: read the slot in the offset after the gap or fold, and it is an hour off."""
    assert instant(zone, day.toordinal(), minute) == due
    slots = {"night": f"{minute // 60:02}:{minute % 60:02}"}
    schedule = claimed(time_zone=zone, next_date=day, next_minute=minute, next_due_at=due)
    early = advance(schedule, rule(slots=slots), now=due - timedelta(seconds=1))
    on_time = advance(schedule, rule(slots=slots), now=due)
    later = advance(schedule, rule(slots=slots), now=due + timedelta(hours=1, minutes=30))
    assert early.fallen == ()
    assert [each.occurrence.due_at for each in on_time.fallen] == [due]
    assert later.fallen == on_time.fallen, "an hour that comes twice reminds once"


def test_what_happens_once_keeps_its_expiry_when_it_waited() -> None:
    its_rule = replace(rule(identity="once", from_day=1, to_day=1))
    schedule = claimed(next_due_at=NOW + timedelta(hours=1))
    done = advance(schedule, its_rule, now=NOW + timedelta(hours=1))
    (only,) = done.fallen
    assert only.occurrence.occ_key == "once"
    assert only.occurrence.expires_at == NOW + timedelta(hours=2)
    assert done.following is None
