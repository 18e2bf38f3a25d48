"""Which reminders may interrupt: the decision for one patient at one moment.

Each test names the defect that was planted to see it red.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recovery_service.domain.interruptions import Candidate, Day, Drop, Send, Wait, decide
from recovery_service.domain.reminder_policy import Policy

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
POLICY = Policy()
WEEK_ONE = Day(zone="UTC", day=1)


def due(key: str, **changes: Any) -> Candidate:
    values: dict[str, Any] = {
        "key": key,
        "kind": "physiotherapy",
        "priority": 3,
        "quiet": "shift",
        "cause": "due",
        "once": False,
        "rest": False,
        "due_at": NINE,
        "expires_at": NINE + timedelta(hours=4),
    }
    return Candidate(**values | changes)


def hours(number: float) -> datetime:
    return NINE + timedelta(hours=number)


def test_what_is_due_together_is_one_push_led_by_what_matters_most() -> None:
    """Planted: one push a reminder; the first instead of the best leads."""
    posture = due("posture", kind="posture", priority=7)
    check_in = due("check_in", kind="check_in", priority=2)
    decision = decide(POLICY, WEEK_ONE, [posture, due("sets"), check_in], now=NINE)
    assert set(decision.verdicts.values()) == {Send()}
    assert (decision.leads, decision.carries, decision.pushes) == ("check_in", 3, 1)


def test_a_push_speaks_for_what_falls_due_in_the_next_quarter_of_an_hour() -> None:
    """Planted: the span not counted from the push."""
    day = replace(WEEK_ONE, ahead=[(NINE + timedelta(minutes=m), 3) for m in (10, 15, 16)])
    assert decide(POLICY, day, [due("sets")], now=NINE).carries == 3
    later = replace(WEEK_ONE, pushes=3, carries_until=NINE)
    joined = decide(POLICY, later, [due("late")], now=NINE)
    assert joined.verdicts == {"late": Send(joins=True)}
    assert (joined.leads, joined.pushes) == (None, 0)
    over = decide(POLICY, later, [due("late")], now=NINE + timedelta(seconds=1))
    assert over.verdicts == {"late": Drop("over_budget")}


@pytest.mark.parametrize(("day", "most"), [(0, 3), (6, 3), (7, 2), (41, 2), (42, 1), (400, 1)])
def test_the_budget_shrinks_with_the_recovery(day: int, most: int) -> None:
    """Planted: the first stage for all days."""
    spent = Day(zone="UTC", day=day, pushes=most - 1)
    assert decide(POLICY, spent, [due("a")], now=NINE).verdicts == {"a": Send()}
    full = replace(spent, pushes=most)
    assert decide(POLICY, full, [due("a")], now=NINE).verdicts == {"a": Drop("over_budget")}


def test_what_matters_more_later_today_keeps_its_place() -> None:
    """Planted: first come, first served."""
    day = Day(zone="UTC", day=1, pushes=1, ahead=[(hours(3), 2), (hours(9), 2)])
    low = due("posture", kind="posture", priority=7)
    assert decide(POLICY, day, [low], now=NINE).verdicts == {"posture": Drop("over_budget")}
    equal = due("check_in", kind="check_in", priority=2)
    assert decide(POLICY, day, [equal], now=NINE).verdicts == {"check_in": Send()}
    bundled = replace(day, ahead=[(hours(3), 2), (hours(3.2), 2)])  # one push, not two
    assert decide(POLICY, bundled, [low], now=NINE).verdicts == {"posture": Send()}


def test_over_budget_a_one_off_waits_for_its_time_tomorrow() -> None:
    """Planted: everything dropped alike."""
    full = replace(WEEK_ONE, pushes=3)
    once = due("read", kind="education", once=True, expires_at=hours(48))
    assert decide(POLICY, full, [once], now=hours(1)).verdicts == {
        "read": Wait(hours(24), "over_budget")
    }
    short = once._replace(expires_at=hours(20))
    assert decide(POLICY, full, [short], now=NINE).verdicts == {"read": Drop("over_budget")}


@pytest.mark.parametrize(
    "outside",
    [
        {"kind": "appointment", "priority": 1},
        {"cause": "snooze"},
        {"cause": "failover"},
    ],
)
def test_what_is_outside_the_budget_goes_and_takes_the_others_along(
    outside: dict[str, Any],
) -> None:
    """Planted: appointments counted like habits."""
    full = replace(WEEK_ONE, pushes=3)
    decision = decide(POLICY, full, [due("out", **outside), due("habit")], now=NINE)
    assert decision.verdicts == {"out": Send(), "habit": Send()}
    assert decision.pushes == 0


def test_quiet_hours_shift_drop_or_are_overridden() -> None:
    """Planted: the snooze not excepted; the drop read as a shift."""
    night = NINE + timedelta(hours=13, minutes=1)
    far = night + timedelta(hours=20)
    verdicts = decide(
        POLICY,
        WEEK_ONE,
        [
            due("shift", expires_at=far),
            due("too_short", expires_at=night + timedelta(hours=1)),
            due("drop", quiet="drop", expires_at=far),
            due("ignore", quiet="ignore", expires_at=far),
            due("snooze", cause="snooze", expires_at=far),
            due("nudge", cause="nudge", expires_at=far),
        ],
        now=night,
    ).verdicts
    assert verdicts == {
        "shift": Wait(NINE + timedelta(hours=23), "quiet_hours"),
        "too_short": Drop("quiet_hours"),
        "drop": Drop("quiet_hours"),
        "ignore": Send(),
        "snooze": Send(),
        "nudge": Drop("quiet_hours"),
    }


def test_an_appointment_that_begins_before_quiet_hours_end_is_not_kept_back() -> None:
    night = NINE + timedelta(hours=21)
    soon = due("a", kind="appointment", quiet="earlier", expires_at=night + timedelta(hours=1))
    assert decide(POLICY, WEEK_ONE, [soon], now=night).verdicts == {"a": Send()}
    later = soon._replace(expires_at=night + timedelta(hours=5))
    waits = decide(POLICY, WEEK_ONE, [later], now=night).verdicts
    assert waits == {"a": Wait(NINE + timedelta(hours=23), "quiet_hours")}


def test_a_pause_drops_habits_keeps_one_offs_and_never_an_appointment() -> None:
    """Planted: the pause forgotten; one-offs dropped with the habits."""
    paused = replace(WEEK_ONE, paused_until=hours(15))
    far = hours(72)
    verdicts = decide(
        POLICY,
        paused,
        [due("habit"), due("once", once=True, expires_at=far), due("visit", kind="appointment")],
        now=NINE,
    ).verdicts
    assert verdicts == {
        "habit": Drop("paused"),
        "once": Wait(hours(15), "paused"),
        "visit": Send(),
    }


def test_who_does_the_exercises_hears_of_them_when_they_are_overdue() -> None:
    """Planted: taper below the share; the check-in tapered, too; no nudge left."""
    reliable = replace(WEEK_ONE, adherence=0.8, exercises=5)
    check_in = due("check_in", kind="check_in", priority=2)
    decision = decide(POLICY, reliable, [due("sets"), check_in], now=NINE)
    assert decision.verdicts == {"sets": Drop("tapered", nudge=True), "check_in": Send()}
    nudge = due("sets", cause="nudge")
    assert decide(POLICY, reliable, [nudge], now=NINE).verdicts == {"sets": Send()}
    for less in (replace(reliable, adherence=0.79), replace(reliable, exercises=4)):
        assert decide(POLICY, less, [due("sets")], now=NINE).verdicts == {"sets": Send()}
    short = due("sets", expires_at=hours(2))  # a nudge would come too late
    assert decide(POLICY, reliable, [short], now=NINE).verdicts == {"sets": Send()}


def test_posture_reminders_that_are_ignored_become_fewer() -> None:
    """Planted: exercises backed off alike; the count ignored."""
    posture = due("posture", kind="posture", priority=7)
    some = replace(WEEK_ONE, ignored=6)
    assert decide(POLICY, some, [posture], now=NINE).verdicts == {"posture": Send()}
    again = replace(some, breaks=1)
    assert decide(POLICY, again, [posture], now=NINE).verdicts == {"posture": Drop("backed_off")}
    assert decide(POLICY, again, [due("sets")], now=NINE).verdicts == {"sets": Send()}
    many = replace(WEEK_ONE, ignored=12)
    week = [decide(POLICY, many, [posture], now=NINE + timedelta(days=n)) for n in range(7)]
    assert [d.verdicts["posture"] for d in week].count(Send()) == 1


def test_sitting_breaks_have_a_cap_of_their_own_and_cost_the_budget_nothing() -> None:
    """Planted: breaks counted as pushes."""
    rest = due("rest", kind="posture", priority=9, rest=True)
    full = replace(WEEK_ONE, pushes=3, breaks=5)
    decision = decide(POLICY, full, [rest], now=NINE)
    assert (decision.verdicts, decision.pushes, decision.breaks) == ({"rest": Send()}, 0, 1)
    capped = replace(full, breaks=6)
    assert decide(POLICY, capped, [rest], now=NINE).verdicts == {"rest": Drop("break_cap")}


def test_nothing_due_decides_nothing() -> None:
    decision = decide(POLICY, WEEK_ONE, [], now=NINE)
    assert (decision.verdicts, decision.leads, decision.pushes) == ({}, None, 0)


def test_the_patients_choices_come_over_the_clinics() -> None:
    clinic = Policy.parse({"quiet_hours": {"from": "20:00", "to": "09:30"}, "breaks": 2})
    mine = clinic.for_patient(
        {
            "quiet_hours": {"from": "22:00", "to": "07:00"},
            "sitting_breaks": {"enabled": True, "most": 9},
            "failover": "none",
        }
    )
    assert mine.quiet_hours == (22 * 60, 7 * 60)
    assert (mine.breaks, mine.failover) == (9, ())
    assert clinic.for_patient({}) is clinic
    assert Policy.parse(clinic.as_json()) == clinic


def test_nothing_rides_with_a_second_try_for_nothing() -> None:
    """It is a message of its own. Planted: whatever is free is company."""
    again = due("again", granted=True, due_at=hours(-2))
    spent = replace(WEEK_ONE, pushes=3)
    decision = decide(POLICY, spent, [again, due("sets")], now=NINE)
    assert decision.verdicts == {"again": Send(), "sets": Drop("over_budget")}
    decision = decide(POLICY, WEEK_ONE, [again, due("sets")], now=NINE)
    assert (decision.leads, decision.pushes) == ("sets", 1)
