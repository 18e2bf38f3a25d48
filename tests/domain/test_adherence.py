"""Adherence: done of due, and who is not blamed for what."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery_service.domain.adherence import (
    GROUPS,
    REACHED,
    Outcome,
    Pause,
    adherence,
    verdict,
)

DAY = date(2026, 3, 2)
PAUSE = Pause(first=DAY, last=DAY + timedelta(days=1))


def outcome(state: str, reason: str | None = None, **more: Any) -> Outcome:
    values: dict[str, Any] = {
        "kind": "physiotherapy",
        "local_date": DAY,
        "state": state,
        "reason": reason,
    }
    return Outcome(**values | more)


CASES = [
    ("done", None, "done"),
    ("done", "check_in", "done"),
    ("done", "retired", "out"),
    ("skipped", "by_patient", "missed"),
    ("missed", "not_answered", "missed"),
    ("missed", "not_reminded", "missed"),
    ("missed", "left_to_device", "missed"),
    ("missed", "not_delivered", "not_reached"),
    ("missed", "no_destination", "not_reached"),
    ("missed", "expired_during_downtime", "not_reached"),
    ("missed", "superseded_after_downtime", "not_reached"),
    ("missed", "not_caught_up", "not_reached"),
    ("missed", "a_reason_of_later", "not_reached"),
    ("missed", "paused", "paused"),
    ("missed", "passed_before_start", "out"),
    ("cancelled", "item_removed", "out"),
    ("due", None, "out"),
    ("snoozed", None, "out"),
]


@pytest.mark.parametrize(("state", "reason", "found"), CASES)
def test_each_ending_has_its_place(state: str, reason: str | None, found: str) -> None:
    assert verdict(outcome(state, reason)) == found


@pytest.mark.parametrize(
    ("state", "reason", "found"),
    [
        ("done", None, "done"),
        ("missed", "not_answered", "paused"),
        ("skipped", "by_patient", "paused"),
        ("missed", "no_destination", "paused"),
        ("due", None, "out"),
    ],
)
def test_on_paused_days_only_what_was_done_counts(
    state: str, reason: str | None, found: str
) -> None:
    assert verdict(outcome(state, reason), PAUSE) == found
    after = outcome(state, reason, local_date=DAY + timedelta(days=2))
    assert verdict(after, PAUSE) == verdict(after)


def test_kinds_are_counted_apart_and_cautions_never() -> None:
    kinds = ("physiotherapy", "walking", "posture", "movement_caution", "education", "check_in",
             "medication", "follow_up", "a_kind_of_later")  # fmt: skip
    outcomes = [outcome("done", kind=kind) for kind in kinds]
    assert GROUPS == ("exercise", "posture")
    assert [adherence(outcomes, group, until=DAY).done for group in GROUPS] == [2, 1]


def test_a_window_holds_both_its_ends() -> None:
    outcomes = [outcome("done", local_date=DAY + timedelta(days=n)) for n in range(-8, 3)]
    since = DAY - timedelta(days=6)
    assert adherence(outcomes, "exercise", since=since, until=DAY).done == 7
    assert adherence(outcomes, "exercise", until=DAY).done == 9


def test_late_ones_are_done_and_said_apart() -> None:
    figure = adherence(
        [outcome("done", late=True, count=2), outcome("done"), outcome("missed", "not_answered")],
        "exercise",
        until=DAY,
    )
    assert (figure.done, figure.due, figure.late, figure.rate) == (3, 4, 2, 0.75)


def test_nothing_due_has_no_rate() -> None:
    assert adherence([], "exercise", until=DAY).rate is None


OUTCOMES = st.lists(
    st.builds(
        outcome,
        st.sampled_from(["done", "skipped", "missed", "cancelled", "due", "snoozed"]),
        st.none()
        | st.sampled_from(
            ["not_answered", "paused", "retired", "no_destination", *sorted(REACHED)]
        ),
        kind=st.sampled_from(["physiotherapy", "walking", "posture", "education"]),
        local_date=st.dates(DAY - timedelta(days=40), DAY + timedelta(days=2)),
        count=st.integers(1, 20),
        late=st.booleans(),
    )
)


@given(OUTCOMES)
def test_the_books_balance(outcomes: list[Outcome]) -> None:
    """Every occurrence is in one place, and windows only ever grow."""
    for group in GROUPS:
        whole = adherence(outcomes, group, until=DAY)
        week = adherence(outcomes, group, since=DAY - timedelta(days=6), until=DAY)
        assert 0 <= whole.late <= whole.done <= whole.due
        assert week.done <= whole.done
        assert week.due <= whole.due
        assert whole.rate is None or 0 <= whole.rate <= 1
        paused = adherence(outcomes, group, until=DAY, pause=PAUSE)
        assert paused.done == whole.done
        counted = [figure.due + figure.not_reached + figure.paused for figure in (whole, paused)]
        assert counted[0] == counted[1]
