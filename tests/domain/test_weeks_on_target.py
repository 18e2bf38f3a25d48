"""Weeks on target, by hand.

Planted, each red: the running week counted; holds that break a row, or that
add to it; the target itself missed; posture counted; a week without anything due missed.
"""

from datetime import date, timedelta

import pytest

from recovery_service.domain.adherence import Outcome, Pause
from recovery_service.domain.weeks_on_target import WeeksOnTarget, weeks_on_target

HOME = date(2026, 3, 1)


def week(place: int, done: int, missed: int, kind: str = "physiotherapy") -> list[Outcome]:
    """Return what a week (the first is 1) holds, on its third day."""
    day = HOME + timedelta(days=7 * (place - 1) + 2)
    return [
        Outcome(kind=kind, local_date=day, state="done", reason=None, count=done),
        Outcome(kind=kind, local_date=day, state="missed", reason="not_answered", count=missed),
    ]


def days(first: int, last: int) -> Pause:
    return Pause(first=HOME + timedelta(days=first), last=HOME + timedelta(days=last))


def figure(outcomes: list[Outcome], *stops: Pause, day: int) -> WeeksOnTarget:
    return weeks_on_target(
        outcomes, stops, discharge=HOME, until=HOME + timedelta(days=day), share=0.8
    )


def brief(found: WeeksOnTarget) -> tuple[int, int, int, int]:
    return found.met, found.counted, found.frozen, found.in_a_row


@pytest.mark.parametrize(
    ("done", "missed", "met"), [(4, 1, 1), (8, 2, 1), (12, 3, 1), (79, 21, 0), (80, 20, 1),
                                (3, 1, 0), (5, 0, 1), (0, 5, 0)],
)  # fmt: skip
def test_the_target_itself_is_on_target(done: int, missed: int, met: int) -> None:
    assert brief(figure(week(1, done, missed), day=7)) == (met, 1, 0, met)


def test_the_running_week_is_told_and_not_yet_counted() -> None:
    found = figure(week(1, 3, 0), day=6)
    assert brief(found) == (0, 0, 0, 0)
    assert (found.done, found.due) == (3, 3)
    after = figure(week(1, 3, 0), day=7)
    assert (brief(after), after.done, after.due) == ((1, 1, 0, 1), 0, 0)


def test_a_row_ends_with_a_week_that_was_missed() -> None:
    told = week(1, 5, 0) + week(2, 0, 5) + week(3, 5, 0) + week(4, 4, 1)
    assert brief(figure(told, day=28)) == (3, 4, 0, 2)


def test_a_hold_freezes_the_row() -> None:
    """A week on hold neither adds to a row nor breaks it, whatever of it was missed."""
    told = week(1, 5, 0) + week(2, 0, 5) + week(3, 5, 0)
    assert brief(figure(told, day=21)) == (2, 3, 0, 1)
    assert brief(figure(told, days(7, 13), day=21)) == (2, 2, 1, 2)
    assert brief(figure(told, days(13, 13), day=21)) == (2, 2, 1, 2)
    assert brief(figure(told, days(14, 14), day=21)) == (2, 3, 0, 1)


def test_what_was_done_during_a_pause_counts() -> None:
    assert brief(figure(week(1, 5, 1), days(0, 6), day=7)) == (1, 1, 0, 1)
    assert brief(figure(week(1, 1, 5), days(4, 6), day=7)) == (0, 0, 1, 0)


def test_what_was_missed_during_a_hold_is_not_held_against_the_days_before_it() -> None:
    """Planted: days of a hold that count as missed."""
    held = Outcome(
        kind="physiotherapy", local_date=HOME + timedelta(days=5), state="missed",
        reason="not_answered", count=5,
    )  # fmt: skip
    assert brief(figure([*week(1, 4, 1), held], days(5, 6), day=7)) == (1, 1, 0, 1)


def test_a_week_with_nothing_due_counts_for_nothing() -> None:
    told = week(1, 5, 0) + week(3, 5, 0)
    assert brief(figure(told, day=21)) == (2, 2, 1, 2)


def test_what_an_earlier_hold_took_away_is_remembered() -> None:
    """Only the latest hold is kept with the episode; the cancelled rows tell of the others."""
    held = Outcome(
        kind="physiotherapy", local_date=HOME + timedelta(days=3), state="cancelled",
        reason="on_hold",
    )  # fmt: skip
    assert brief(figure([*week(1, 1, 4), held], day=7)) == (0, 0, 1, 0)
    other = Outcome(
        kind="physiotherapy", local_date=HOME + timedelta(days=3), state="cancelled",
        reason="item_removed",
    )  # fmt: skip
    assert brief(figure([*week(1, 1, 4), other], day=7)) == (0, 1, 0, 0)


def test_only_exercise_counts() -> None:
    told = week(1, 4, 1) + week(1, 0, 9, "posture") + week(1, 0, 9, "check_in")
    assert brief(figure(told + week(1, 1, 0, "walking"), day=7)) == (1, 1, 0, 1)


def test_what_never_reached_the_patient_is_no_miss() -> None:
    day = HOME + timedelta(days=1)
    lost = Outcome(kind="walking", local_date=day, state="missed", reason="no_destination", count=9)
    assert brief(figure([*week(1, 4, 1), lost], day=7)) == (1, 1, 0, 1)


def test_before_discharge_there_are_no_weeks() -> None:
    early = Outcome(kind="walking", local_date=HOME - timedelta(days=1), state="done", reason=None)
    assert brief(figure([early], day=-3)) == (0, 0, 0, 0)
    assert figure([early], day=7).counted == 0
