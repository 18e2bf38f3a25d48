"""Slot names leave the service inside of ids, so they say nothing but a time of day."""

import pytest

from recovery_service.domain.recurrence_rules import InvalidRule, Rule
from recovery_service.domain.slot_names import require_neutral


def called(name: str) -> Rule:
    return Rule.parse(
        {"anchor": "discharge", "from_day": 0, "slots": {name: "09:00"}, "valid_for_minutes": 60}
    )


@pytest.mark.parametrize("name", ["morning", "late_evening", "slot_12", "s0930", "a", "noon"])
def test_a_time_of_day_is_a_name(name: str) -> None:
    require_neutral(called(name))


@pytest.mark.parametrize("name", ["oxycodone", "pelvic_floor", "morning_pill", "slot_123"])
def test_what_says_more_is_not(name: str) -> None:
    """Planted: `match` for `fullmatch`."""
    with pytest.raises(InvalidRule) as refusal:
        require_neutral(called(name))
    assert refusal.value.pointer == f"/slots/{name}"
