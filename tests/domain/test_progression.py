"""Nothing goes past a phase that waits for a clinician, whatever the day.

Defects planted, each of which turned a test here red: the day alone counted; the last of
several waiting phases taken for the first; a deferred phase counted as accepted; the holding
phase's items ended with it; a restriction lifted on its day.
"""

from typing import Any

import pytest

from recovery_service.domain.progression import Progression, are_gated
from recovery_service.domain.recurrence_rules import Rule

GATE: dict[str, Any] = {"advance": "clinician", "criteria": []}


def phase(code: str, first: int, last: int, decide: int | None = None) -> dict[str, Any]:
    gate = {} if decide is None else GATE | {"decide_from_day": decide}
    return {"code": code, "title": {}, "from_day": first, "to_day": last} | gate


PHASES = (
    phase("hospital", 0, 3),
    phase("protect", 4, 42),
    phase("stabilise", 43, 84, 36),
    phase("function", 85, 180, 80),
    phase("late", 181, 365),
)


def going(**decisions: str) -> Progression:
    return Progression(phases=PHASES, decisions=decisions)


def code(found: Any) -> str | None:
    return None if found is None else str(found["code"])


ACCEPTED = {"stabilise": "accept"}
BOTH = ACCEPTED | {"function": "accept"}


@pytest.mark.parametrize(
    ("decisions", "day", "expected"),
    [
        ({}, None, None), ({}, -1, None), ({}, 0, "hospital"), ({}, 42, "protect"),
        ({}, 43, "protect"), ({}, 90, "protect"), ({}, 400, "protect"),
        ({"stabilise": "defer"}, 50, "protect"),
        ({"function": "accept"}, 100, "protect"),
        (ACCEPTED, 20, "protect"), (ACCEPTED, 43, "stabilise"), (ACCEPTED, 85, "stabilise"),
        (BOTH, 85, "function"), (BOTH, 200, "late"), (BOTH, 400, None),
    ],
)  # fmt: skip
def test_the_phase_is_by_day_and_never_past_one_that_waits(
    decisions: dict[str, str], day: int | None, expected: str | None
) -> None:
    assert code(going(**decisions).on(day)) == expected


@pytest.mark.parametrize(
    ("decisions", "day", "held"),
    [({}, 42, False), ({}, 43, True), ({}, None, False), (ACCEPTED, 43, False),
     (ACCEPTED, 85, True), (BOTH, 300, False)],
)  # fmt: skip
def test_it_is_held_from_the_day_on_which_the_waiting_phase_would_begin(
    decisions: dict[str, str], day: int | None, held: bool
) -> None:
    assert going(**decisions).is_held(day) is held


def test_what_is_behind_the_gate_is_all_that_comes_after_it() -> None:
    names = [each["code"] for each in PHASES] + [None, "unheard_of"]
    assert [n for n in names if going().is_behind(n)] == ["stabilise", "function", "late"]
    assert [n for n in names if going(**ACCEPTED).is_behind(n)] == ["function", "late"]
    assert [n for n in names if going(**BOTH).is_behind(n)] == []


@pytest.mark.parametrize(("day", "lived"), [(10, 10), (42, 42), (43, 42), (300, 42)])
def test_restrictions_are_those_of_the_last_day_before_the_gate(day: int, lived: int) -> None:
    assert going().day_held(day) == lived
    assert going(**BOTH).day_held(day) == day


def rule(**changes: Any) -> Rule:
    raw = {
        "anchor": "surgery",
        "from_day": 15,
        "to_day": 42,
        "slots": {"noon": "12:00"},
        "valid_for_minutes": 60,
    }
    return Rule.parse(raw | changes)


def test_what_the_holding_phase_asks_for_to_its_end_goes_on() -> None:
    assert going().followed(rule(), "protect") == rule(to_day=None)
    assert going(**ACCEPTED).followed(rule(), "protect") == rule()
    assert going(**BOTH).followed(rule(), "protect") == rule()


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("hospital", {}),
        (None, {}),
        ("protect", {"to_day": 41}),
        ("protect", {"anchor": "discharge"}),
        ("protect", {"from_day": 42, "identity": "once"}),
    ],
)
def test_what_ends_before_the_phase_does_ends(code: str | None, changes: dict[str, Any]) -> None:
    assert going().followed(rule(**changes), code) == rule(**changes)


@pytest.mark.parametrize(
    ("decisions", "day", "decidable"),
    [
        ({}, None, ()), ({}, 35, ()), ({}, 36, ("stabilise",)), ({}, 200, ("stabilise",)),
        ({"stabilise": "defer"}, 50, ("stabilise",)),
        (ACCEPTED, 36, ("stabilise",)),
        (ACCEPTED, 80, ("stabilise", "function")),
        (BOTH, 100, ("function",)),
    ],
)  # fmt: skip
def test_the_proposed_phase_can_be_decided_and_the_last_accepted_one_taken_back(
    decisions: dict[str, str], day: int | None, decidable: tuple[str, ...]
) -> None:
    assert going(**decisions).decidable(day) == decidable


def test_phases_without_a_gate_go_by_their_days() -> None:
    plain = Progression(phases=PHASES[:2], decisions={"protect": "defer"})
    assert not are_gated(plain.phases)
    assert are_gated(PHASES)
    assert (plain.waiting, plain.holding, plain.decidable(20)) == (None, None, ())
    assert code(plain.on(4)) == "protect"
    assert plain.followed(rule(), "protect") == rule()
