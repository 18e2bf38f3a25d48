"""When an appointment speaks.

Planted: days counted back as 24 hours (red over both changes of the clocks); quiet hours
moving later instead of earlier; a reminder left at the very begin of the quiet hours; the
notice's key made of the start (red for the second move to one time); late nudges repeated.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery_service.domain.appointment_reminders import (
    booking_nudges,
    notice,
    still_to_say,
    visit_reminders,
)
from recovery_service.domain.appointment_rules import AppointmentRule, Reminder
from recovery_service.domain.local_time import ZONE_NAMES
from recovery_service.domain.local_time import zone as zone_of
from recovery_service.domain.quiet_hours import QuietHours
from recovery_service.domain.recurrence import (
    InvalidRule,
    Place,
    Rule,
    due_occurrences,
    occurrences_from,
    parse_rule,
)
from tests.domain.rules_in_brief import utc

LONDON, ISTANBUL, NEW_YORK = "Europe/London", "Europe/Istanbul", "America/New_York"
NIGHT = QuietHours(21 * 60, 8 * 60)
NONE = QuietHours(0, 0)
SIESTA, NEARLY_ALL_DAY = QuietHours(13 * 60, 15 * 60), QuietHours(8 * 60 + 5, 8 * 60)
WEEK, DAY, TWO_HOURS = 7 * 1440, 1440, 120
NINE = utc("2026-11-22T09:00")


def dues(
    start: datetime,
    *offsets: int,
    site: str = LONDON,
    zone: str = LONDON,
    quiet: QuietHours = NONE,
) -> list[datetime]:
    offsets = offsets or (WEEK, DAY, TWO_HOURS)
    found = visit_reminders(start, offsets, site_zone=site, zone=zone, quiet=quiet)
    return [each.due_at for each in found]


def test_reminders_come_in_order_and_expire_when_it_starts() -> None:
    found = visit_reminders(NINE, site_zone=LONDON, zone=LONDON, quiet=NONE)
    assert found == [
        Reminder("20261122T0900Z-10080", utc("2026-11-15T09:00"), NINE),
        Reminder("20261122T0900Z-1440", utc("2026-11-21T09:00"), NINE),
        Reminder("20261122T0900Z-120", utc("2026-11-22T07:00"), NINE),
    ]


@pytest.mark.parametrize(
    ("start", "expected"),
    [  # London's clocks went forward on 29 March and back on 25 October 2026
        ("2026-03-30T09:00", ["2026-03-23T10:00", "2026-03-29T09:00", "2026-03-30T07:00"]),
        ("2026-03-29T09:00", ["2026-03-22T10:00", "2026-03-28T10:00", "2026-03-29T07:00"]),
        ("2026-10-26T10:00", ["2026-10-19T09:00", "2026-10-25T10:00", "2026-10-26T08:00"]),
        ("2026-10-25T10:00", ["2026-10-18T09:00", "2026-10-24T09:00", "2026-10-25T08:00"]),
    ],
)
def test_days_are_the_site_s_days_and_hours_are_hours(start: str, expected: list[str]) -> None:
    assert dues(utc(start)) == [utc(each) for each in expected]


def test_the_patient_s_own_clock_change_moves_nothing() -> None:
    start = utc("2026-03-30T07:00")  # 10:00 in Istanbul, which keeps its clocks
    assert dues(start, DAY, site=ISTANBUL, zone=LONDON) == [utc("2026-03-29T07:00")]


@pytest.mark.parametrize(
    ("start", "quiet", "expected"),
    [
        # Two hours before 09:00 is 07:00: the evening before, with room for a second try.
        ("2026-11-22T09:00", NIGHT, ["2026-11-21T09:00", "2026-11-21T20:45"]),
        # At the end of the quiet hours nothing is quiet.
        ("2026-11-22T10:00", NIGHT, ["2026-11-21T10:00", "2026-11-22T08:00"]),
        # Their beginning is.
        ("2026-11-22T23:00", NIGHT, ["2026-11-21T20:45", "2026-11-22T20:45"]),
        # A start inside them, before and after midnight.
        ("2026-11-22T22:00", NIGHT, ["2026-11-21T20:45", "2026-11-22T20:00"]),
        ("2026-11-22T05:00", NIGHT, ["2026-11-20T20:45", "2026-11-21T20:45"]),
        # A window that does not cross midnight.
        ("2026-11-22T15:00", SIESTA, ["2026-11-21T15:00", "2026-11-22T12:45"]),
        # All the day but five minutes.
        ("2026-11-22T15:00", NEARLY_ALL_DAY, ["2026-11-21T08:00", "2026-11-22T08:00"]),
    ],
)
def test_quiet_hours_move_a_reminder_before_them(
    start: str, quiet: QuietHours, expected: list[str]
) -> None:
    assert dues(utc(start), DAY, TWO_HOURS, quiet=quiet) == [utc(each) for each in expected]


def test_the_quiet_hours_are_those_of_where_the_patient_is() -> None:
    start = utc("2026-11-22T12:00")
    assert dues(start, TWO_HOURS, quiet=NIGHT) == [utc("2026-11-22T10:00")]
    # In New York it is five in the morning.
    assert dues(start, TWO_HOURS, zone=NEW_YORK, quiet=NIGHT) == [utc("2026-11-22T01:45")]


@given(
    minute=st.integers(0, 600_000),
    offset=st.integers(1, 28 * 1440),
    site=st.sampled_from(sorted(ZONE_NAMES)),
    zone=st.sampled_from(sorted(ZONE_NAMES)),
    begins=st.integers(0, 1439),
    ends=st.integers(0, 1439),
)
def test_none_is_ever_due_in_quiet_hours_or_after_the_start(
    minute: int, offset: int, site: str, zone: str, begins: int, ends: int
) -> None:
    start, quiet = utc("2026-01-01") + timedelta(minutes=minute), QuietHours(begins, ends)
    (due,) = dues(start, offset, site=site, zone=zone, quiet=quiet)
    shown = due.astimezone(zone_of(zone))
    assert due < start
    assert not quiet.holds(shown.hour * 60 + shown.minute)


def test_a_moved_appointment_has_new_reminders_and_moved_back_its_old_ones() -> None:
    def keys(start: datetime) -> set[str]:
        found = visit_reminders(start, site_zone=LONDON, zone=LONDON, quiet=NONE)
        return {each.occ_key for each in found}

    assert not keys(NINE) & keys(NINE + timedelta(minutes=30))
    assert keys(NINE) == keys(NINE.astimezone(timezone(timedelta(hours=3))))


def test_the_same_offset_twice_is_one_reminder() -> None:
    assert len(dues(NINE, 120, 120)) == 1


@pytest.mark.parametrize(
    ("start", "offset"),
    [
        (datetime(2026, 11, 22, 9), 60),  # noqa: DTZ001 - the refusal is the point
        (datetime(2026, 11, 22, 9, 0, 30, tzinfo=UTC), 60),
        (NINE, 0),
        (NINE, -60),
    ],
)
def test_a_time_that_cannot_be_is_refused(start: datetime, offset: int) -> None:
    with pytest.raises(ValueError, match="appointment"):
        dues(start, offset)


# -- what is still to be said --------------------------------------------------------------


def said(now: str, *, already: set[str] = frozenset(), owed: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
    found = still_to_say(
        visit_reminders(NINE, site_zone=LONDON, zone=LONDON, quiet=NIGHT),
        now=utc(now), zone=LONDON, quiet=NIGHT, already=already, owed=owed,
    )  # fmt: skip
    return [f"{each.due_at:%dT%H%M} {each.occ_key[15:]}" for each in found]


def test_booked_late_only_what_is_ahead_is_said() -> None:
    assert said("2026-11-01T12:00") == ["15T0900 10080", "21T0900 1440", "21T2045 120"]
    assert said("2026-11-20T12:00") == ["21T0900 1440", "21T2045 120"]
    assert said("2026-11-21T21:00") == []


@pytest.mark.parametrize(
    ("starts", "booked", "expected"),
    [
        ("09:00", "20:50", ["08:00"]),  # two hours before is 07:00; 20:45 is over
        ("09:00", "22:00", ["08:00"]),
        ("09:00", "20:30", ["20:45"]),
        ("08:00", "22:00", []),  # nothing is left between the night and the visit
        ("10:00", "22:00", ["08:00"]),
    ],
)
def test_booked_in_the_evening_the_morning_s_reminder_comes_after_the_night(
    starts: str, booked: str, expected: list[str]
) -> None:
    """Planted: earlier only; who books in the evening for the morning hears nothing."""
    start, now = utc(f"2026-11-22T{starts}"), utc(f"2026-11-21T{booked}")
    reminders = visit_reminders(
        start, (DAY, TWO_HOURS), site_zone=LONDON, zone=LONDON, quiet=NIGHT, now=now
    )
    coming = still_to_say(reminders, now=now, zone=LONDON, quiet=NIGHT, already=(), owed=())
    assert [f"{each.due_at:%H:%M}" for each in coming] == expected


def test_what_was_owed_before_an_edit_is_said_at_once_and_what_was_said_is_not() -> None:
    seven, two = "20261122T0900Z-10080", "20261122T0900Z-120"
    assert said("2026-11-20T12:00", owed={seven})[0] == "20T1200 10080"
    assert said("2026-11-20T12:00", owed={seven}, already={seven})[0] == "21T0900 1440"
    # In the night it waits for the morning, and for nothing that is over by then.
    assert said("2026-11-21T23:00", owed={two}) == ["22T0800 120"]
    assert said("2026-11-22T09:00", owed={two}) == []


def told(now: str, *, taken: set[str] = frozenset(), until: str = "2026-11-22T09:00") -> str | None:  # type: ignore[assignment]
    found = notice(utc(until), now=utc(now), zone=LONDON, quiet=NIGHT, taken=taken)
    return found and f"{found.occ_key} {found.due_at:%dT%H%M}"


def test_a_move_is_told_at_once_or_in_the_morning_and_never_too_late() -> None:
    assert told("2026-11-20T12:00") == "20261120T1200Z-0 20T1200"
    assert told("2026-11-20T12:00", taken={"20261120T1200Z-0"}) == "20261120T1201Z-0 20T1200"
    assert told("2026-11-20T23:00") == "20261120T2300Z-0 21T0800"
    assert told("2026-11-21T23:00", until="2026-11-22T08:00") is None
    assert told("2026-11-22T09:00") is None


# -- what is to be booked ------------------------------------------------------------------


def nudges(first: str, last: str, not_before: str = "2026-01-01") -> list[str]:
    found = booking_nudges(
        date.fromisoformat(first), date.fromisoformat(last),
        not_before=date.fromisoformat(not_before), zone=LONDON,
    )  # fmt: skip
    return [f"{each.due_at:%m-%dT%H%M} {each.occ_key[15:]}" for each in found]


def test_a_window_nudges_when_it_opens_at_half_and_before_it_ends() -> None:
    assert nudges("2026-03-10", "2026-03-30") == [
        "03-10T1000 1",
        "03-20T1000 2",
        "03-27T1000 3",
    ]
    # Summer time begins on 29 March: ten o'clock stays ten o'clock.
    assert nudges("2026-03-25", "2026-04-04")[1:] == ["03-30T0900 2", "04-01T0900 3"]


def test_a_short_window_nudges_once_a_day_at_most() -> None:
    assert nudges("2026-03-10", "2026-03-14") == ["03-10T1000 1", "03-12T1000 2"]
    assert nudges("2026-03-10", "2026-03-10") == ["03-10T1000 1"]


def test_nobody_is_nudged_before_discharge() -> None:
    assert nudges("2026-03-10", "2026-03-30", "2026-03-22") == [
        "03-22T1000 1", "03-27T1000 3",
    ]  # fmt: skip
    assert nudges("2026-03-10", "2026-03-12", "2026-03-13") == []


# -- the rule ------------------------------------------------------------------------------

RULE = AppointmentRule(
    reminders=tuple(visit_reminders(NINE, site_zone=LONDON, zone=LONDON, quiet=NONE)),
    quiet="earlier",
    priority=1,
)


def test_a_rule_reads_back_and_is_told_from_a_plan_item_s() -> None:
    assert parse_rule(RULE.as_json()) == RULE
    assert parse_rule(RULE.as_json()).hash() == RULE.hash()
    plain = {"anchor": "surgery", "from_day": 0, "slots": {"a": "09:00"}, "valid_for_minutes": 9}
    assert isinstance(parse_rule(plain), Rule)


@pytest.mark.parametrize(
    "broken",
    [
        {"reminders": []},
        {"reminders": [{"key": "x"}]},
        {"reminders": [RULE.as_json()["reminders"][0] | {"due_at": "2026-11-15T09:00:00"}]},
        {"reminders": [RULE.as_json()["reminders"][0] | {"expires_at": "2026-11-15T09:00:00Z"}]},
        {"reminders": RULE.as_json()["reminders"][::-1]},
    ],
)
def test_a_rule_that_cannot_be_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(InvalidRule):
        parse_rule(RULE.as_json() | broken)


def test_a_schedule_walks_through_it_as_through_any_other() -> None:
    first = Place(date(2026, 11, 15), 9 * 60)
    due, following = due_occurrences(
        RULE, date(2026, 11, 22), LONDON, first, now=utc("2026-11-15T09:00")
    )
    assert [each.occ_key for each in due] == ["20261122T0900Z-10080"]
    assert following is not None
    assert following.place[:2] == (date(2026, 11, 21), 9 * 60)
    due, following = due_occurrences(RULE, date(2026, 11, 22), LONDON, following.place, now=NINE)
    assert [each.occ_key for each in due] == ["20261122T0900Z-1440", "20261122T0900Z-120"]
    assert following is None


def test_in_the_hour_that_comes_twice_none_is_lost() -> None:
    start = utc("2026-10-25T02:00")  # clocks go back from 02:00 to 01:00 at 01:00 UTC
    reminders = visit_reminders(start, (70, 50), site_zone=LONDON, zone=LONDON, quiet=NONE)
    rule = replace(RULE, reminders=tuple(reminders))  # 01:50, then 01:10 once more
    everything = list(occurrences_from(rule, start.date(), LONDON, Place(date(2026, 10, 1), 0)))
    for number, each in enumerate(everything):
        left = occurrences_from(rule, start.date(), LONDON, each.place)
        assert everything[number:] == list(left)[-len(everything[number:]) :]
