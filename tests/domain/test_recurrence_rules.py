from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery_service.domain.recurrence import InvalidRule, Rule

DAILY: dict[str, Any] = {
    "anchor": "discharge",
    "from_day": 1,
    "to_day": 28,
    "every_days": 1,
    "slots": {"morning": "09:00", "evening": "18:30"},
    "valid_for_minutes": 180,
    "catch_up": "none",
    "remind_via": "device",
    "quiet": "drop",
    "priority": 7,
}
WINDOW: dict[str, Any] = {
    "anchor": "surgery",
    "from_day": 0,
    "every_minutes": 30,
    "from": "09:00",
    "to": "10:00",
    "valid_for_minutes": 20,
}
ONCE: dict[str, Any] = {
    "anchor": "surgery",
    "from_day": 14,
    "slots": {"day": "10:00"},
    "valid_for_minutes": 1440,
    "identity": "once",
}


def without(mapping: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in keys}


def test_a_rule_is_read_field_by_field() -> None:
    assert Rule.parse(DAILY) == Rule(
        anchor="discharge",
        from_day=1,
        to_day=28,
        every=1,
        slots=(("morning", 540), ("evening", 1110)),
        valid_for=180,
        catch_up="none",
        identity="recurring",
        remind_via="device",
        quiet="drop",
        priority=7,
    )


def test_what_a_rule_leaves_out_is_daily_open_pushed_and_the_kinds_own() -> None:
    rule = Rule.parse(without(WINDOW), identity="recurring", quiet="drop", priority=6)
    assert (rule.every, rule.to_day, rule.weekdays) == (1, None, frozenset())
    assert (rule.catch_up, rule.remind_via, rule.quiet, rule.priority) == (
        "latest",
        "push",
        "drop",
        6,
    )


def test_a_window_names_each_slot_by_its_time() -> None:
    assert Rule.parse(WINDOW).slots == (("s0900", 540), ("s0930", 570), ("s1000", 600))
    assert Rule.parse(WINDOW | {"every_minutes": 45}).slots == (("s0900", 540), ("s0945", 585))


def test_what_happens_once_needs_no_last_day() -> None:
    rule = Rule.parse(without(ONCE, "identity"), identity="once")
    assert (rule.from_day, rule.to_day, rule.identity) == (14, 14, "once")


# Planted defect: with the check of a field taken out, its line here goes red.
@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        (DAILY | {"form": 1}, "/form"),
        (without(DAILY, "anchor"), "/anchor"),
        (DAILY | {"anchor": "birth"}, "/anchor"),
        (DAILY | {"anchor": None}, "/anchor"),
        (DAILY | {"anchor": 1}, "/anchor"),
        (without(DAILY, "from_day"), "/from_day"),
        (DAILY | {"from_day": -1}, "/from_day"),
        (DAILY | {"from_day": "1"}, "/from_day"),
        (DAILY | {"from_day": 1.0}, "/from_day"),
        (DAILY | {"from_day": True}, "/from_day"),
        (DAILY | {"from_day": None}, "/from_day"),
        (DAILY | {"from_day": 10**30, "to_day": None}, "/from_day"),
        (DAILY | {"to_day": 0}, "/to_day"),
        (DAILY | {"to_day": 10**30}, "/to_day"),
        (DAILY | {"to_day": "28"}, "/to_day"),
        (DAILY | {"every_days": 0}, "/every_days"),
        (DAILY | {"every_days": -2}, "/every_days"),
        (DAILY | {"every_days": 10**30}, "/every_days"),
        (DAILY | {"every_days": None}, "/every_days"),
        (DAILY | {"weekdays": [1]}, "/weekdays"),
        (without(DAILY, "every_days") | {"weekdays": []}, "/weekdays"),
        (without(DAILY, "every_days") | {"weekdays": [0]}, "/weekdays"),
        (without(DAILY, "every_days") | {"weekdays": [8]}, "/weekdays"),
        (without(DAILY, "every_days") | {"weekdays": [1, 1]}, "/weekdays"),
        (without(DAILY, "every_days") | {"weekdays": [True]}, "/weekdays"),
        (without(DAILY, "every_days") | {"weekdays": ["mon"]}, "/weekdays"),
        (without(DAILY, "every_days") | {"weekdays": 1}, "/weekdays"),
        # never fires: six days may hold no Monday, three no Monday and no Thursday
        (without(DAILY, "every_days") | {"weekdays": [1], "to_day": 6}, "/weekdays"),
        (without(DAILY, "every_days") | {"weekdays": [1, 4], "to_day": 3}, "/weekdays"),
        (without(DAILY, "slots"), "/slots"),
        (DAILY | {"slots": {}}, "/slots"),
        (DAILY | {"slots": ["09:00"]}, "/slots"),
        (DAILY | {"slots": {"Morning": "09:00"}}, "/slots"),
        (DAILY | {"slots": {"": "09:00"}}, "/slots"),
        (DAILY | {"slots": {"a.b": "09:00"}}, "/slots"),
        (DAILY | {"slots": {"x" * 25: "09:00"}}, "/slots"),
        (DAILY | {"slots": {"a/b": "9:00"}}, "/slots/a~1b"),
        (DAILY | {"~": 1}, "/~0"),
        (DAILY | {"slots": {"a": "09:00", "b": "09:00"}}, "/slots/b"),
        (DAILY | {"slots": {"a": "9:00"}}, "/slots/a"),
        (DAILY | {"slots": {"a": "24:00"}}, "/slots/a"),
        (DAILY | {"slots": {"a": "09:60"}}, "/slots/a"),
        (DAILY | {"slots": {"a": "09:00\n"}}, "/slots/a"),
        (DAILY | {"slots": {"a": "\u0660\u0669:\u0660\u0660"}}, "/slots/a"),
        (DAILY | {"slots": {"a": 540}}, "/slots/a"),
        (DAILY | {"slots": {f"s{n}": f"{n // 60:02}:{n % 60:02}" for n in range(49)}}, "/slots"),
        (DAILY | {"every_minutes": 30}, "/slots"),
        (without(WINDOW, "from"), "/from"),
        (without(WINDOW, "to"), "/to"),
        (without(WINDOW, "every_minutes"), "/every_minutes"),
        (WINDOW | {"every_minutes": 0}, "/every_minutes"),
        (WINDOW | {"every_minutes": 61}, "/every_minutes"),
        (WINDOW | {"every_minutes": 1}, "/every_minutes"),
        (WINDOW | {"to": "09:00"}, "/to"),
        (WINDOW | {"to": "08:00"}, "/to"),
        (WINDOW | {"from": "nine"}, "/from"),
        (without(DAILY, "valid_for_minutes"), "/valid_for_minutes"),
        (DAILY | {"valid_for_minutes": 0}, "/valid_for_minutes"),
        (DAILY | {"valid_for_minutes": 20161}, "/valid_for_minutes"),
        (DAILY | {"catch_up": "all"}, "/catch_up"),
        (DAILY | {"remind_via": "sms"}, "/remind_via"),
        (DAILY | {"quiet": "loud"}, "/quiet"),
        (DAILY | {"priority": 0}, "/priority"),
        (DAILY | {"priority": 10}, "/priority"),
        (DAILY | {"priority": None}, "/priority"),
        (DAILY | {"identity": "twice"}, "/identity"),
        (ONCE | {"to_day": 15}, "/to_day"),
        (ONCE | {"to_day": None}, "/to_day"),
        (ONCE | {"every_days": 2}, "/every_days"),
        (ONCE | {"weekdays": [1, 2, 3, 4, 5, 6, 7]}, "/weekdays"),
        (ONCE | {"slots": {"a": "09:00", "b": "10:00"}}, "/slots"),
        (["anchor"], ""),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_the_field(rule: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRule) as refused:
        Rule.parse(rule)
    assert refused.value.pointer == pointer
    assert refused.value.message


def test_a_weekday_rule_that_is_sure_to_fire_is_taken() -> None:
    week = without(DAILY, "every_days") | {"weekdays": [1], "from_day": 1, "to_day": 7}
    assert Rule.parse(week).weekdays == {1}


def test_a_rule_may_not_contradict_its_kind() -> None:
    with pytest.raises(InvalidRule, match="identity"):
        Rule.parse(ONCE, identity="recurring")


def test_an_invalid_rule_cannot_be_built_directly_either() -> None:
    with pytest.raises(InvalidRule, match="order"):
        Rule(
            anchor="surgery",
            from_day=0,
            every=1,
            slots=(("b", 600), ("a", 540)),
            valid_for=60,
        )


def test_the_patients_own_times_keep_the_names() -> None:
    rule = Rule.parse(DAILY).with_times({"morning": 19 * 60})
    assert rule.slots == (("evening", 1110), ("morning", 1140))
    with pytest.raises(InvalidRule, match="no slot") as refused:
        rule.with_times({"noon": 720})
    assert refused.value.pointer == "/slots/noon"
    with pytest.raises(InvalidRule, match="same time"):
        rule.with_times({"morning": 1110})


@settings(max_examples=100, deadline=None, database=None)
@given(
    st.fixed_dictionaries(
        {
            "anchor": st.sampled_from(["surgery", "discharge"]),
            "from_day": st.integers(0, 90),
            "slots": st.dictionaries(
                st.from_regex(r"[a-z][a-z0-9_]{0,23}", fullmatch=True),
                st.integers(0, 1439).map(lambda m: f"{m // 60:02}:{m % 60:02}"),
                min_size=1,
            ).filter(lambda slots: len(set(slots.values())) == len(slots)),
            "valid_for_minutes": st.integers(1, 20160),
        },
        optional={
            "every_days": st.integers(1, 30),
            "to_day": st.integers(90, 400),
            "priority": st.integers(1, 9),
            "quiet": st.sampled_from(["shift", "drop", "ignore"]),
        },
    )
)
def test_the_canonical_form_reads_back_to_the_same_rule(mapping: dict[str, Any]) -> None:
    rule = Rule.parse(mapping)
    again = Rule.parse(rule.as_json())
    assert again == rule
    assert hash(again) == hash(rule)
    assert again.hash() == rule.hash()


def test_equal_rules_have_one_hash_and_others_another() -> None:
    turned = {"evening": "18:30", "morning": "09:00"}
    assert Rule.parse(DAILY | {"slots": turned}).hash() == Rule.parse(DAILY).hash()
    spelled = {"s0900": "09:00", "s0930": "09:30", "s1000": "10:00"}
    window = without(WINDOW, "every_minutes", "from", "to") | {"slots": spelled}
    assert Rule.parse(window).hash() == Rule.parse(WINDOW).hash()
    others = [
        DAILY | {"priority": 6},
        DAILY | {"to_day": 29},
        DAILY | {"quiet": "shift"},
        DAILY | {"slots": {"morning": "09:00", "night": "18:30"}},
        without(DAILY, "every_days") | {"weekdays": [1, 2, 3, 4, 5, 6, 7]},
    ]
    hashes = {Rule.parse(rule).hash() for rule in [DAILY, *others]}
    assert len(hashes) == 1 + len(others)
    assert all(len(found) == 64 for found in hashes)
