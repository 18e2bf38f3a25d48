"""Rules that say all that rules can say, also what no rule of the clinic says yet.

They are no medicine: an evaluator that passes their vectors goes on when rules are written
tomorrow. The operation is one of which all regions' questions are asked.
"""

from typing import Any

from recovery_service.domain.crisis_words import parse_crisis_words
from recovery_service.domain.red_flag_rules import parse_rules
from tests.domain.red_flag_cases import CONTENT

_DRAFT = "draft_pending_clinician_signoff"
_SOURCED: dict[str, Any] = {"source": ["D"], "grade": "D", "clinician_must_confirm": True}
_WHO = "deformity_correction"


def _both(text: str) -> dict[str, str]:
    return {"en": text, "tr": f"{text} (tr)"}


def _rule(name: str, when: dict[str, Any], tier: str = "same_day", **more: Any) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": name,
        "version": len(name),
        "tier": tier,
        "procedures": [_WHO],
        "silence_days": 0,
        "title": _both(f"{name} title"),
        "text": _both(f"{name} text"),
        "when": when,
    }
    return rule | _SOURCED | more


def _level(tier: str, text: str, when: dict[str, Any]) -> dict[str, Any]:
    return {"tier": tier, "when": when, "text": _both(text)}


_PAINS = ["nrs_back", "nrs_leg", "nrs_neck"]
_RAW: list[dict[str, Any]] = [
    _rule("RISE_OF_FOUR",
          {"item": "nrs_back", "rise_at_least": 2, "last": 4, "within_days": 10}),
    _rule("RISE_OF_A_HALF",
          {"item": "temp_c", "rise_at_least": 1.5, "last": 2, "within_days": 3}),
    _rule("RISE_TWICE_OF_THE_HIGHEST",
          {"highest_of": _PAINS, "rise_at_least": 2, "last": 2, "within_days": 4,
           "consecutive": 2}, max_gap_days=2),
    _rule("THREE_LOW", {"item": "nrs_leg", "at_most": 2, "consecutive": 3}, max_gap_days=2),
    _rule("ONE_ENTRY", {"item": "nrs_arm", "at_least": 9, "consecutive": 1}),
    _rule("SAME_WOUND_TWICE",
          {"item": "wound", "one_of": ["open", "wet_cloudy"], "consecutive": 2},
          max_gap_days="cadence"),
    _rule("NO_MEDICINE_TWICE",
          {"item": "other_pain_medicine", "is": False, "consecutive": 2}, max_gap_days=14),
    _rule("CHEST_AGAIN", {"item": "chest", "is": "none", "times": 2, "of_last": 4}),
    _rule("HIGHEST_AGAIN",
          {"highest_of": _PAINS, "below": 2, "times": 2, "of_last": 3}),
    _rule("SHORT_NIGHTS", {"item": "sleep_h", "below": 4.5, "times": 2, "of_last": 3}),
    _rule("GOOD_WEEK_OF_TWO",
          {"item": "nrs_neck", "at_least": 7, "best_week_at_most": 3.5, "week_entries": 2,
           "consecutive": 2}, max_gap_days="cadence"),
    _rule("GOOD_WEEK_OF_THE_HIGHEST",
          {"highest_of": _PAINS, "at_least": 6, "best_week_at_most": 2.5, "week_entries": 4}),
    _rule("SHORT_WALK", {"item": "walk_min", "below": 10}, from_day=3, to_day=5),
    _rule("FEW_SESSIONS", {"fact": "sessions_share", "at_most": 0.25}),
    _rule("WARM", {"item": "temp_c", "at_least": 38.0}),
    _rule("LATE_AND_WEAK", {"all_of": [
        {"day_after": {_WHO: 20}},
        {"item": "weakness_change", "is": "new"},
        {"any_of": [{"item": "weakness_side", "is": "left"},
                    {"all_of": [{"item": "weakness_limb", "is": "leg"},
                                {"item": "mood", "at_most": 5, "consecutive": 2}]}]},
        {"note": "crisis_words"},
    ]}, max_gap_days=7),
    _rule("FALL_AND_MOOD", {"item": "fall", "is": True},
          escalations=[_level("emergency", "low", {"all_of": [{"item": "fall", "is": True},
                                                       {"item": "mood", "at_most": 2}]})]),
    _rule("MISSED_OR_ASLEEP",
          {"any_of": [{"fact": "check_ins_missed", "at_least": 3},
                      {"item": "drowsiness", "one_of": ["marked", "hard_to_wake"]}]},
          "next_business_day",
          escalations=[_level("same_day", "not slow", {"item": "slow_breathing", "is": False}),
                       _level("emergency", "slow", {"item": "slow_breathing", "is": True}),
                       _level("emergency", "hard to wake",
                              {"item": "drowsiness", "is": "hard_to_wake"})]),
]  # fmt: skip
_WORDS = {
    "version": 1,
    "status": _DRAFT,
    "text": _both("words text"),
    "words": {"en": ["dark dog*", "x_ray 2", "cannot"], "tr": ["ığıl ığıl", "şöyle*"]},  # noqa: RUF001
    **_SOURCED,
}

BROAD_WORDS = parse_crisis_words(_WORDS, sources=CONTENT.sources)
BROAD_RULES = parse_rules(
    {"version": 3, "status": _DRAFT, "rules": _RAW},
    catalogue=CONTENT.check_ins,
    crisis_words=BROAD_WORDS,
    sources=CONTENT.sources,
)
