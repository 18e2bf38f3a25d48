"""Preferences: merging a change, and what it means for channels and times.

Defects planted, each seen red here: the merge one level deep only; an empty choice of
channels read as no choice; unknown slots of a stale choice judged again.
"""

from typing import Any

import pytest

from recovery_service.domain.preferences import merge_patch, muted_kinds, preference_errors
from recovery_service.domain.recurrence_rules import Rule
from recovery_service.domain.reminder_kinds import REMINDER_KINDS

# The table of RFC 7396, appendix A, as far as it concerns objects.
RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]

TWICE = Rule.parse(
    {
        "anchor": "discharge",
        "from_day": 0,
        "slots": {"morning": "09:00", "evening": "18:00"},
        "valid_for_minutes": 60,
    }
)
ITEMS = [(("lineage-1", "walk_twice", "walking"), TWICE)]


@pytest.mark.parametrize(("target", "patch", "merged"), RFC_7396)
def test_a_change_is_merged_as_the_standard_says(target: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(target, patch) == merged


def test_merging_changes_neither_document() -> None:
    target, patch = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge_patch(target, patch) == {"a": {"b": 1, "c": 2}}
    assert (target, patch) == ({"a": {"b": 1}}, {"a": {"c": 2}})


@pytest.mark.parametrize(
    ("chosen", "channel", "muted"),
    [
        (["push"], "webpush", []),
        (["push"], "fcm", []),
        (["push", "email"], "email", []),
        (["email", "inbox"], "apns", ["walking"]),
        (["email", "inbox"], "inbox", []),
        ([], "inbox", ["walking"]),
    ],
)
def test_a_channel_that_was_not_chosen_is_muted(
    chosen: list[str], channel: str, muted: list[str]
) -> None:
    found = muted_kinds({"channels": {"walking": chosen}}, channel)
    assert [kind for kind in found if kind == "walking"] == muted


def test_without_a_choice_the_app_reminds_and_mail_does_not() -> None:
    assert muted_kinds({}, "webpush") == []
    assert muted_kinds({}, "inbox") == []
    assert muted_kinds({}, "email") == sorted(REMINDER_KINDS)


def test_who_has_no_app_is_reached_wherever_there_is_an_address() -> None:
    assert muted_kinds({}, "email", contact_mode="phone") == []
    assert muted_kinds({}, "sms", contact_mode="phone") == []


def errors(stored: dict[str, Any], patch: dict[str, Any]) -> set[str]:
    merged = merge_patch(stored, patch)
    return {error.pointer for error in preference_errors(merged, patch, ITEMS)}


@pytest.mark.parametrize("name", ["lineage-1", "walk_twice", "walking"])
def test_an_items_time_is_chosen_by_any_of_its_names(name: str) -> None:
    assert errors({}, {"reminder_times": {name: {"morning": "08:00"}}}) == set()


@pytest.mark.parametrize("name", ["posture", "lineage-2", ""])
def test_a_time_for_nothing_in_the_plan_is_refused(name: str) -> None:
    patch = {"reminder_times": {name: {"morning": "08:00"}}}
    assert errors({}, patch) == {f"/preferences/reminder_times/{name}"}


@pytest.mark.parametrize(
    ("stored", "chosen", "wrong"),
    [
        ({}, {"morning": "18:00"}, {"morning"}),
        ({}, {"morning": "18:00", "evening": "09:00"}, set()),
        ({}, {"morning": "12:00", "evening": "12:00"}, {"morning", "evening"}),
        ({"evening": "12:00"}, {"morning": "12:00"}, {"morning", "evening"}),
        ({"evening": "12:00"}, {"morning": "18:00"}, set()),
    ],
)
def test_two_slots_at_one_time_cannot_be(
    stored: dict[str, str], chosen: dict[str, str], wrong: set[str]
) -> None:
    found = errors({"reminder_times": {"walking": stored}}, {"reminder_times": {"walking": chosen}})
    assert found == {f"/preferences/reminder_times/walking/{slot}" for slot in wrong}


def test_what_a_change_does_not_touch_is_not_judged() -> None:
    stored = {
        "reminder_times": {"gone": {"noon": "12:00"}, "walking": {"noon": "12:00"}},
        "channels": {"gone": ["pigeon"]},
        "quiet_hours": {"from": "07:00"},
    }
    assert errors(stored, {"reminder_times": {"walking": {"morning": "08:00"}}}) == set()
    assert errors(stored, {"reminder_times": {"walking": {"noon": "13:00"}}}) == {
        "/preferences/reminder_times/walking/noon"
    }
