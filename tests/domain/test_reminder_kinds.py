import re
from dataclasses import replace

import pytest

from recovery_service.domain.recurrence_rules import IDENTITIES, QUIETS
from recovery_service.domain.reminder_kinds import (
    PLANNABLE,
    REMINDER_KINDS,
    DuplicateKind,
    ReminderKind,
    UnknownKind,
    registry,
    reminder_kind,
)

KINDS = pytest.mark.parametrize("kind", REMINDER_KINDS.values(), ids=lambda kind: kind.name)
# What a stranger who reads the lock screen must not learn; stems, in both languages.
TELLING = re.compile(
    "surg|op_|spin|back|neck|disc|pain|walk|exerc|physio|medic|pill|drug|dose|heal|hospital"
    "|clinic|doctor|recover|posture|sit|bend|lift|wound|symptom|ameliyat|omurga|bel|boyun|a\u011fr"
    "|y\u00fcr\u00fc|egzersiz|fizyo|ila\u00e7|doz|sa\u011fl|hastane|klinik|doktor|iyile|duru\u015f"
    "|otur|e\u011fil|kald|yara|belirti"
)


def test_the_kinds_are_those_of_the_plan() -> None:
    assert set(REMINDER_KINDS) == {
        "physiotherapy",
        "walking",
        "posture",
        "movement_caution",
        "check_in",
        "medication",
        "education",
        "follow_up",
        "appointment",
        "questionnaire",
    }
    assert set(REMINDER_KINDS) - set(PLANNABLE) == {"appointment", "questionnaire"}


def test_only_exercise_and_posture_count_and_apart() -> None:
    counted = {name: kind.counts for name, kind in REMINDER_KINDS.items() if kind.counts}
    assert counted == {"physiotherapy": "exercise", "walking": "exercise", "posture": "posture"}


def test_education_follow_ups_and_questionnaires_happen_once() -> None:
    once = {name for name, kind in REMINDER_KINDS.items() if kind.identity == "once"}
    assert once == {"education", "follow_up", "questionnaire"}


@KINDS
def test_a_kind_speaks_every_language_shortly(kind: ReminderKind) -> None:
    assert kind.titles.keys() == kind.lines.keys() == {"en", "tr"}
    assert all(0 < len(text) <= 40 for text in kind.titles.values())
    assert all(0 < len(text) <= 80 for text in kind.lines.values())
    assert kind.lines["en"] != kind.lines["tr"]


@KINDS
def test_a_kind_tells_a_stranger_nothing(kind: ReminderKind) -> None:
    shown = [*kind.titles.values(), *kind.lines.values()]
    words = {word for text in shown for word in text.lower().split()}
    assert not {word for word in words if TELLING.match(word)}


@pytest.mark.parametrize("kind", [REMINDER_KINDS[name] for name in PLANNABLE])
def test_a_kind_has_manners_that_a_rule_accepts(kind: ReminderKind) -> None:
    assert kind.identity in IDENTITIES
    assert kind.quiet in QUIETS
    assert 1 <= kind.priority <= 9


def test_two_kinds_of_one_name_are_refused() -> None:
    walking = reminder_kind("walking")
    with pytest.raises(DuplicateKind, match="walking"):
        registry(walking, replace(walking, priority=1))
    assert list(registry(walking)) == ["walking"]


def test_the_registry_cannot_be_changed_behind_its_back() -> None:
    with pytest.raises(TypeError):
        REMINDER_KINDS["swimming"] = reminder_kind("walking")  # type: ignore[index]


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(UnknownKind, match="swimming"):
        reminder_kind("swimming")
