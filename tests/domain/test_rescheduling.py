"""The rules of identity: what an edit repeats (nothing) and swallows (nothing)."""

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery_service.domain.recurrence import (
    Occurrence,
    Place,
    Rule,
    due_occurrences,
    next_after,
    occurrences,
)
from recovery_service.domain.rescheduling import (
    PASSED_BEFORE_START,
    Replanned,
    begin,
    owed,
    replan,
    snooze_until,
    supersedes,
)
from tests.domain.calendar_oracle import DAY
from tests.domain.rules_in_brief import MORNING_EVENING, brief, rule_of, utc

SUNDAY = date(2026, 11, 22)
GATE = utc("2026-11-22T00:00")
TWICE = rule_of(slots=MORNING_EVENING)
AUCKLAND, HONOLULU = "Pacific/Auckland", "Pacific/Honolulu"


def edit(
    old: Rule,
    new: Rule,
    *,
    at: str,
    sent: Collection[str] = (),
    stood: str | None = None,
    zone: str = "UTC",
    moved_to: str | None = None,
) -> Replanned:
    """Change a rule or a zone at an instant, when the loop had come as far as `stood`."""
    now = utc(at)
    first = next_after(old, SUNDAY, zone, utc(stood) if stood else now)
    past = owed(old, SUNDAY, zone, first.place, now=now) if first else []
    return replan(
        new, SUNDAY, moved_to or zone, gate=GATE, now=now, already=frozenset(sent), owed=past
    )


def told(plan: Replanned) -> str:
    """Say in a word what is kept and what comes next."""
    return " | ".join([*map(brief, plan.keep), brief(plan.next)])


# Planted defects these see, one each: `already` ignored; the clock's `now` taken for the
# gate; owed occurrences dropped; a kept one offered again as the next.
@pytest.mark.parametrize(
    ("slots", "at", "sent", "expected"),
    [
        # moved earlier, unsent, its new time ahead: today's moves
        ({"morning": "08:30", "evening": "18:00"}, "07:00", [], "20261122.morning 11-22T08:30"),
        # moved later, unsent: today's moves
        ({"morning": "10:00", "evening": "18:00"}, "08:59", [], "20261122.morning 11-22T10:00"),
        # moved earlier, unsent, but its new time has passed: today's stays at the old time
        (
            {"morning": "08:30", "evening": "18:00"},
            "08:45",
            [],
            "20261122.morning 11-22T09:00 | 20261122.evening 11-22T18:00",
        ),
        # moved later after it was sent: not a second time today
        (
            {"morning": "10:00", "evening": "18:00"},
            "09:30",
            ["20261122.morning"],
            "20261122.evening 11-22T18:00",
        ),
        # a slot swap keeps each name's identity
        (
            {"morning": "18:00", "evening": "09:00"},
            "12:00",
            ["20261122.morning"],
            "20261122.evening 11-22T18:00 | 20261123.evening 11-23T09:00",
        ),
        # added at noon: the one ahead is today's, the one behind is tomorrow's
        (
            {**MORNING_EVENING, "noon": "12:30"},
            "12:00",
            ["20261122.morning"],
            "20261122.noon 11-22T12:30",
        ),
        (
            {**MORNING_EVENING, "early": "08:00"},
            "19:00",
            ["20261122.morning", "20261122.evening"],
            "20261123.early 11-23T08:00",
        ),
        # removed at noon: what was still ahead is gone
        ({"morning": "09:00"}, "12:00", ["20261122.morning"], "20261123.morning 11-23T09:00"),
        # nothing changed: nothing changes
        (MORNING_EVENING, "12:00", ["20261122.morning"], "20261122.evening 11-22T18:00"),
        # done before its time: the row stands, whatever its new time
        (
            {"morning": "09:00", "evening": "20:00"},
            "12:00",
            ["20261122.morning", "20261122.evening"],
            "20261123.morning 11-23T09:00",
        ),
    ],
)
def test_slots_are_edited(slots: dict[str, str], at: str, sent: list[str], expected: str) -> None:
    plan = edit(TWICE, rule_of(slots=slots), at=f"2026-11-22T{at}", sent=sent)
    assert told(plan) == expected


def test_thirty_minutes_become_sixty_at_noon() -> None:
    window = {"from": "09:00", "to": "17:00"}
    half_hourly, hourly = (rule_of(every_minutes=m, **window) for m in (30, 60))
    sent = [
        o.occ_key for o in occurrences(half_hourly, SUNDAY, "UTC", GATE, utc("2026-11-22T12:00"))
    ]
    plan = edit(half_hourly, hourly, at="2026-11-22T12:00", sent=sent)
    assert told(plan) == "20261122.s1300 11-22T13:00"
    back = edit(hourly, half_hourly, at="2026-11-22T12:10", sent=sent)
    assert told(back) == "20261122.s1230 11-22T12:30"


def test_what_fell_due_before_the_edit_is_kept_though_the_loop_was_late() -> None:
    plan = edit(
        TWICE, rule_of(slots={"evening": "18:00"}), at="2026-11-22T09:01", stood="2026-11-22T08:00"
    )
    assert told(plan) == "20261122.morning 11-22T09:00 | 20261122.evening 11-22T18:00"


def test_what_fell_due_but_was_never_sent_moves_with_its_slot() -> None:
    later = rule_of(slots={"morning": "10:00", "evening": "18:00"})
    plan = edit(TWICE, later, at="2026-11-22T09:01", stood="2026-11-22T08:00")
    assert told(plan) == "20261122.morning 11-22T10:00"


def test_a_second_edit_moves_what_the_first_one_kept() -> None:
    first = edit(
        TWICE, rule_of(slots={**MORNING_EVENING, "morning": "08:30"}), at="2026-11-22T08:45"
    )
    assert told(first).startswith("20261122.morning 11-22T09:00 |")
    later = rule_of(slots={**MORNING_EVENING, "morning": "11:00"})
    now = utc("2026-11-22T08:50")
    second = replan(later, SUNDAY, "UTC", gate=GATE, now=now, owed=first.keep)
    assert told(second) == "20261122.morning 11-22T11:00"
    undone = replan(
        rule_of(slots={**MORNING_EVENING, "morning": "08:00"}),
        SUNDAY,
        "UTC",
        gate=GATE,
        now=now,
        owed=first.keep,
    )
    assert told(undone).startswith("20261122.morning 11-22T09:00 |")


def test_an_anchor_moved_back_and_forth_repeats_and_swallows_nothing() -> None:
    rule = rule_of(slots=MORNING_EVENING, every_days=2)
    now = utc("2026-11-24T12:00")
    sent = {"20261122.morning", "20261122.evening", "20261124.morning"}
    planned = [
        replan(rule, SUNDAY + days * DAY, "UTC", gate=GATE, now=now, already=sent)
        for days in (0, 1, 0, -1, -2, 7, 0)
    ]
    assert [told(plan) for plan in planned] == [
        "20261124.evening 11-24T18:00",
        "20261125.morning 11-25T09:00",
        "20261124.evening 11-24T18:00",
        "20261125.morning 11-25T09:00",
        "20261124.evening 11-24T18:00",
        "20261129.morning 11-29T09:00",
        "20261124.evening 11-24T18:00",
    ]


def test_nothing_is_due_before_the_gate_and_what_falls_on_it_is() -> None:
    now = utc("2026-11-20T12:00")
    for gate, expected in [
        ("2026-11-24T09:00", "20261124.morning 11-24T09:00"),
        ("2026-11-24T09:01", "20261124.evening 11-24T18:00"),
    ]:
        assert told(replan(TWICE, SUNDAY, "UTC", gate=utc(gate), now=now)) == expected


def test_a_discharge_put_off_silences_what_had_just_fallen_due() -> None:
    now, tomorrow = utc("2026-11-22T09:00"), utc("2026-11-23T00:00")
    past = owed(TWICE, SUNDAY, "UTC", next_after(TWICE, SUNDAY, "UTC", GATE).place, now=now)  # type: ignore[union-attr]
    plan = replan(TWICE, SUNDAY + DAY, "UTC", gate=tomorrow, now=now, owed=past)
    assert told(plan) == "20261123.morning 11-23T09:00"


def test_a_release_after_a_hold_starts_at_its_moment() -> None:
    released = utc("2026-11-25T10:00")
    plan = replan(TWICE, SUNDAY, "UTC", gate=released, now=released, already={"20261122.morning"})
    assert told(plan) == "20261125.evening 11-25T18:00"


# An item of day 14 (6 December, 09:00), valid for ten hours.
STEP = rule_of(from_day=14, identity="once", valid_for_minutes=600)


@pytest.mark.parametrize(
    ("anchor", "gate", "now", "already", "expected"),
    [
        (SUNDAY, "2026-11-23", "2026-11-24T00:00", [], "once 12-06T09:00"),
        # moved later, moved earlier: the date is an attribute
        (SUNDAY + 3 * DAY, "2026-11-23", "2026-11-24T00:00", [], "once 12-09T09:00"),
        (SUNDAY - 7 * DAY, "2026-11-23", "2026-11-24T00:00", [], "once 11-29T09:00"),
        # its new day has passed but it is still valid: due now
        (SUNDAY - 14 * DAY, "2026-11-01", "2026-11-22T18:59", [], "once 11-22T18:59"),
        # ... or at the gate, before which nothing is due
        (SUNDAY - 14 * DAY, "2026-11-22T12:00", "2026-11-20T00:00", [], "once 11-22T12:00"),
        # sent: never again, wherever the anchor goes
        (SUNDAY, "2026-11-23", "2026-11-24T00:00", ["once"], "nothing"),
        (SUNDAY + 30 * DAY, "2026-11-23", "2026-11-24T00:00", ["once"], "nothing"),
    ],
)
def test_what_happens_once_follows_its_anchor(
    anchor: date, gate: str, now: str, already: list[str], expected: str
) -> None:
    plan = replan(STEP, anchor, "UTC", gate=utc(gate), now=utc(now), already=already)
    assert told(plan) == expected
    assert plan.missed is None


@pytest.mark.parametrize(
    ("gate", "now"),
    [
        ("2026-11-01", "2026-11-22T19:00"),
        ("2026-11-23", "2026-11-20"),
        ("2026-11-01", "2027-01-01"),
    ],
)
def test_what_happens_once_and_came_too_late_is_missed_with_its_reason(gate: str, now: str) -> None:
    plan = replan(STEP, SUNDAY - 14 * DAY, "UTC", gate=utc(gate), now=utc(now))
    assert (plan.next, plan.keep, plan.reason) == (None, (), PASSED_BEFORE_START)
    assert brief(plan.missed) == "once 11-22T09:00"


def test_a_late_one_expires_when_it_would_have() -> None:
    plan = replan(STEP, SUNDAY - 14 * DAY, "UTC", gate=GATE, now=utc("2026-11-22T18:00"))
    assert plan.next is not None
    assert plan.next.expires_at == utc("2026-11-22T19:00")
    assert plan.next.place.due_at == utc("2026-11-22T18:00")


def lived(legs: list[tuple[str, str, str]], rule: Rule = TWICE) -> Iterator[Occurrence]:
    """Yield what a traveller is reminded of: (zone, from, until) for each leg."""
    met: set[str] = set()
    past: list[Occurrence] = []
    for zone, start, end in legs:
        now, until = utc(start), utc(end)
        plan = replan(rule, SUNDAY, zone, gate=GATE - 2 * DAY, now=now, already=met, owed=past)
        coming = (
            occurrences(rule, SUNDAY, zone, plan.next.due_at - timedelta(seconds=1), until)
            if plan.next
            else ()
        )
        fresh = [o for o in (*plan.keep, *coming) if o.due_at <= until and o.occ_key not in met]
        yield from fresh
        met.update(o.occ_key for o in fresh)
        following = next_after(rule, SUNDAY, zone, until)
        past = owed(rule, SUNDAY, zone, following.place, now=until) if following else []


def test_across_the_date_line_and_back_each_local_date_and_slot_comes_at_most_once() -> None:
    found = list(
        lived(
            [
                (AUCKLAND, "2026-11-21T12:00", "2026-11-23T06:00"),  # to 19:00 on the 23rd
                (HONOLULU, "2026-11-23T06:00", "2026-11-25T05:00"),  # from 20:00 on the 22nd
                (AUCKLAND, "2026-11-25T05:00", "2026-11-27T12:00"),  # from 18:00 on the 25th
            ]
        )
    )
    assert [brief(o) for o in found] == [
        "20261122.morning 11-21T20:00",
        "20261122.evening 11-22T05:00",
        "20261123.morning 11-22T20:00",
        "20261123.evening 11-23T05:00",
        # Honolulu's evening of the 22nd and all of its 23rd had been lived in Auckland
        "20261124.morning 11-24T19:00",
        "20261124.evening 11-25T04:00",
        # back at 18:00 on the 25th: its morning never was, its evening is now
        "20261125.evening 11-25T05:00",
        "20261126.morning 11-25T20:00",
        "20261126.evening 11-26T05:00",
        "20261127.morning 11-26T20:00",
        "20261127.evening 11-27T05:00",
    ]


def test_a_short_hop_east_keeps_the_morning_that_the_clocks_jumped_over() -> None:
    # 09:15 in Berlin: nine o'clock was sent there
    plan = edit(
        TWICE,
        TWICE,
        at="2026-11-22T08:15",
        sent=["20261122.morning"],
        zone="Europe/Berlin",
        moved_to="Europe/Istanbul",
    )
    assert told(plan) == "20261122.evening 11-22T15:00"
    early = edit(
        TWICE, TWICE, at="2026-11-22T07:15", zone="Europe/Berlin", moved_to="Europe/Istanbul"
    )
    # 08:15 in Berlin is 10:15 in Istanbul: nine has passed there, so it stays at Berlin's
    assert told(early) == "20261122.morning 11-22T08:00 | 20261122.evening 11-22T15:00"


def test_a_long_haul_does_not_carry_yesterdays_evening_into_the_night() -> None:
    plan = edit(TWICE, TWICE, at="2026-11-22T10:00", zone="Europe/London", moved_to="Asia/Tokyo")
    assert told(plan) == "20261123.morning 11-23T00:00"


def test_a_snooze_across_midnight_stays_yesterdays_until_it_expires() -> None:
    late = rule_of(slots={"morning": "08:00", "night": "23:30"}, valid_for_minutes=90)
    night, morning = occurrences(
        late, SUNDAY, "UTC", utc("2026-11-22T09:00"), utc("2026-11-23T09:00")
    )
    again = snooze_until(night, minutes=30, now=utc("2026-11-22T23:40"))
    assert again == utc("2026-11-23T00:10")
    assert night.occ_key == "20261122.night"
    assert snooze_until(night, minutes=30, now=utc("2026-11-23T00:29")) == utc("2026-11-23T00:59")
    assert snooze_until(night, minutes=30, now=utc("2026-11-23T00:30")) is None
    assert supersedes(morning, night)
    assert not supersedes(night, morning)
    assert not supersedes(night, night)


def test_a_plan_that_starts_late_shows_only_the_latest_that_still_matters() -> None:
    gate = utc("2026-11-12T00:00")
    at_ten = begin(TWICE, SUNDAY - 10 * DAY, "UTC", gate=gate, now=utc("2026-11-22T10:00"))
    assert told(at_ten) == "20261122.morning 11-22T09:00 | 20261122.evening 11-22T18:00"
    at_noon = begin(TWICE, SUNDAY - 10 * DAY, "UTC", gate=gate, now=utc("2026-11-22T12:00"))
    assert told(at_noon) == "20261122.evening 11-22T18:00"
    quiet = rule_of(slots=MORNING_EVENING, catch_up="none")
    silent = begin(quiet, SUNDAY - 10 * DAY, "UTC", gate=gate, now=utc("2026-11-22T10:00"))
    assert told(silent) == "20261122.evening 11-22T18:00"


def test_a_plan_that_starts_in_time_keeps_nothing_from_before_its_gate() -> None:
    gate = utc("2026-11-22T09:30")
    plan = begin(TWICE, SUNDAY, "UTC", gate=gate, now=utc("2026-11-22T10:00"))
    assert told(plan) == "20261122.evening 11-22T18:00"
    ahead = begin(TWICE, SUNDAY, "UTC", gate=utc("2026-11-24"), now=utc("2026-11-22T10:00"))
    assert told(ahead) == "20261124.morning 11-24T09:00"
    exactly = begin(TWICE, SUNDAY, "UTC", gate=utc("2026-11-22T09:00"), now=utc("2026-11-22T09:00"))
    assert told(exactly) == "20261122.morning 11-22T09:00"


def test_a_rule_that_has_ended_leaves_nothing() -> None:
    short = rule_of(to_day=0)
    assert owed(short, SUNDAY, "UTC", Place(SUNDAY, 541), now=utc("2026-11-22T12:00")) == []
    assert replan(short, SUNDAY, "UTC", gate=GATE, now=utc("2026-12-01")) == Replanned(None)


times = st.sampled_from(["06:00", "08:30", "09:00", "12:00", "15:30", "18:00", "21:45"])
days_of_slots = st.dictionaries(
    st.sampled_from(["morning", "noon", "evening"]), times, min_size=1
).filter(lambda slots: len(set(slots.values())) == len(slots))


@settings(max_examples=200, deadline=None, database=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 2500), days_of_slots, st.integers(-3, 3), st.integers(1, 3)),
        max_size=6,
    ),
    st.sampled_from(["UTC", "Europe/London", "America/Nuuk"]),
)
def test_no_sequence_of_edits_repeats_one_or_swallows_what_is_owed(
    edits: list[tuple[int, dict[str, str], int, int]], zone: str
) -> None:
    """Live through random edits of slots, anchor and rhythm as the loop would."""
    now, anchor, rule = GATE, SUNDAY, TWICE
    plan = begin(rule, anchor, zone, gate=GATE, now=now)
    rows = dict.fromkeys(o.occ_key for o in plan.keep)
    for minutes, slots, shift, every in edits:
        later = now + timedelta(minutes=minutes)
        walked = fell_due(rule, anchor, zone, plan, later)
        assert all(now <= o.due_at <= later for o in walked)
        rows |= dict.fromkeys(o.occ_key for o in walked)
        assert {o.occ_key for o in occurrences(rule, anchor, zone, now, later)} <= rows.keys()

        following = next_after(rule, anchor, zone, later)
        past = owed(rule, anchor, zone, following.place, now=later) if following else []
        now, anchor, rule = later, anchor + shift * DAY, rule_of(slots=slots, every_days=every)
        plan = replan(rule, anchor, zone, gate=GATE, now=now, already={*rows}, owed=past)
        met = [*rows, *(o.occ_key for o in plan.keep), *([plan.next.occ_key] if plan.next else [])]
        assert len(met) == len(set(met))
        passed = {o.occ_key for o in occurrences(rule, anchor, zone, now - 3 * DAY, now)}
        unmet_today = {o.occ_key for o in past} - rows.keys()
        assert {o.occ_key for o in plan.keep} == unmet_today & (
            passed - {at_now(rule, anchor, zone, now)}
        )
        rows |= dict.fromkeys(o.occ_key for o in plan.keep)


def fell_due(
    rule: Rule, anchor: date, zone: str, plan: Replanned, until: datetime
) -> list[Occurrence]:
    """Walk from where the schedule stands, as the loop does."""
    if plan.next is None:
        return []
    return due_occurrences(rule, anchor, zone, plan.next.place, now=until)[0]


def at_now(rule: Rule, anchor: date, zone: str, now: datetime) -> str | None:
    """Say what the rule has at this very moment: that is still ahead."""
    found = next_after(rule, anchor, zone, now - timedelta(microseconds=1))
    return found.occ_key if found and found.due_at == now else None
