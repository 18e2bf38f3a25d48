"""Who needs attention and why: the reasons one by one, and the order they give."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from recovery_service.domain.attention import (
    Reason,
    need,
    needs_a_look,
    ranking_key,
    reasons_for_attention,
)
from recovery_service.domain.pain_trends import PainTrend, pain_items, pain_trend
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.domain.situations import FollowUp, Situation, Visit

TODAY = date(2026, 3, 2)
WELL = Situation(
    today=TODAY,
    episode_state="open",
    published=True,
    draft=False,
    contact_mode="app",
    discharge_date=date(2026, 2, 20),
    enrolled=True,
    reachable=True,
    last_check_in=TODAY,
)


def _leg(now: float | None, before: float | None) -> dict[str, Any]:
    return {"pain": [PainTrend(item="nrs_leg", now=now, before=before)]}


def _visit(what: str, *days: int) -> dict[str, Any]:
    code = f"appointment_{what}"
    on = [TODAY + timedelta(days=day) for day in days]
    return {"visits": [Visit(code=code, title={"en": "Visit"}, on=day) for day in on]}


def _window(first: int, last: int) -> FollowUp:
    return FollowUp(
        title={"en": f"Visit {first}"},
        window_from=TODAY + timedelta(days=first),
        window_to=TODAY + timedelta(days=last),
    )


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"nudged": 1}, ["nudge_unanswered"]),
        ({"unfilled": 1}, ["questionnaire_unanswered"]),
        ({"unfilled": 2, "episode_state": "on_hold"}, ["on_hold"]),
        ({"rejected": 2}, ["report_rejected"]),
        ({"nudged": 2, "episode_state": "on_hold"}, ["on_hold"]),
        ({"nudged": 2, "episode_state": "ended"}, []),
        (_leg(6, 3), ["pain_rising"]),
        (_leg(5, 3), ["pain_rising"]),
        (_leg(4.5, 3), []),
        (_leg(3, 6), []),
        (_leg(7, 7), ["pain_high"]),
        (_leg(6.5, 6.5), []),
        (_leg(9, 4), ["pain_rising"]),
        (_leg(8, None), ["pain_high"]),
        (_leg(None, 3), []),
        ({"behind": ["nrs_leg"]}, ["behind_expected"]),
        ({"behind": ["nrs_leg"], "episode_state": "ended"}, []),
        ({"warnings": [("saddle_numb", True)]}, ["warning_answer"]),
        ({"published": False}, ["awaiting_clinician"]),
        ({"draft": True}, ["draft_pending"]),
        ({"expected_missed": 1}, []),
        ({"expected_missed": 2}, ["silent"]),
        ({"calls": [TODAY], "contact_mode": "phone"}, ["call_due"]),
        ({"expected_missed": 2, "contact_mode": "phone"}, []),
        ({"expected_missed": 2, "contact_mode": "none"}, []),
        ({"reachable": False}, ["not_reaching"]),
        ({"reachable": False, "contact_mode": "phone"}, []),
        ({"enrolled": False, "reachable": False}, ["not_enrolled"]),
        ({"enrolled": False, "contact_mode": "phone"}, []),
        ({"enrolled": False, "discharge_date": TODAY + timedelta(days=1)}, []),
        ({"enrolled": False, "discharge_date": TODAY}, ["not_enrolled"]),
        ({"done": 1, "due": 4}, ["low_adherence"]),
        ({"done": 2, "due": 4}, []),
        ({"done": 0, "due": 3}, []),
        ({"follow_ups": [_window(-9, -1)]}, ["follow_up_overdue"]),
        ({"follow_ups": [_window(-9, 0)]}, ["follow_up_to_book"]),
        ({"follow_ups": [_window(0, 9)]}, ["follow_up_to_book"]),
        ({"follow_ups": [_window(1, 9)]}, []),
        (_visit("change_requested", 3), ["appointment_change_requested"]),
        (_visit("outcome_unknown", -1), ["appointment_outcome_unknown"]),
        (_visit("booked_elsewhere", 0), ["appointment_booked_elsewhere"]),
        (
            {"episode_state": "on_hold", **_visit("outcome_unknown", -1)},
            ["appointment_outcome_unknown", "on_hold"],
        ),
        ({"episode_state": "on_hold"}, ["on_hold"]),
        ({"episode_state": "on_hold", "expected_missed": 5, "due": 9}, ["on_hold"]),
        ({"episode_state": "on_hold", **_leg(6, 3)}, ["pain_rising", "on_hold"]),
        ({"episode_state": "ended", "published": False, **_leg(9, 1)}, []),
    ],
)
def test_each_reason_has_its_threshold(changes: dict[str, Any], codes: list[str]) -> None:
    found = reasons_for_attention(replace(WELL, **changes))
    assert [reason.code for reason in found] == codes


def test_the_facts_say_how_much() -> None:
    situation = replace(WELL, **_leg(6, 3), expected_missed=3, last_check_in=date(2026, 2, 27))
    pain, silence = reasons_for_attention(situation)
    assert pain.facts == {"item": "nrs_leg", "now": 6, "before": 3}
    assert silence.facts == {"days": 3, "missed": 3}


def test_silence_before_the_first_check_in_counts_from_discharge() -> None:
    found = reasons_for_attention(replace(WELL, last_check_in=None, expected_missed=4))
    assert found[0].facts["days"] == 10


def test_follow_ups_speak_in_one_line_each() -> None:
    wanted = [_window(-30, -20), _window(-9, -2), _window(-3, 4), _window(-1, 9)]
    late, open_now = reasons_for_attention(replace(WELL, follow_ups=wanted))
    assert (late.facts["until"], late.facts["more"]) == (date(2026, 2, 28), 1)
    assert (open_now.facts["until"], open_now.facts["more"]) == (date(2026, 3, 6), 1)


def test_visits_without_an_outcome_are_one_line_the_oldest_first() -> None:
    (reason,) = reasons_for_attention(replace(WELL, **_visit("outcome_unknown", -2, -9)))
    assert reason.facts == {"title": {"en": "Visit"}, "on": TODAY - timedelta(days=9), "more": 1}


def test_a_warning_sign_stands_before_everything_else() -> None:
    situation = replace(
        WELL, **_leg(10, 2), warnings=[("chest", "chest_pain")], expected_missed=9, published=False
    )
    assert reasons_for_attention(situation)[0].code == "warning_answer"


# Each line needs somebody more than the next.
LADDER: list[dict[str, Any]] = [
    {"warnings": [("chest", "chest_pain")]},
    _leg(8, 3),
    _leg(8, None),
    {"published": False},
    _leg(5, 3),
    {"expected_missed": 8},
    {"expected_missed": 2},
    {"reachable": False},
    {"follow_ups": [_window(-9, -1)]},
    {"enrolled": False},
    {"done": 0, "due": 9},
    _visit("outcome_unknown", -1),
    {"follow_ups": [_window(0, 9)]},
    _visit("booked_elsewhere", 0),
    {"draft": True},
    {"episode_state": "on_hold"},
    {},
]


def test_the_most_pressing_reason_decides_the_rank() -> None:
    scores = [need(reasons_for_attention(replace(WELL, **changes))) for changes in LADDER]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)


def test_many_small_reasons_never_outrank_a_pressing_one() -> None:
    small = [Reason(code=str(number), urgency=45) for number in range(100)]
    assert need(small) < need([Reason(code="pain_rising", urgency=60)])
    assert need(small) > need(small[:1])


def test_equal_need_is_ordered_by_name_whatever_its_case() -> None:
    someone = UUID(int=1)
    keys = [ranking_key(0, name, someone) for name in ("bea", "Ada", "Cem")]
    assert sorted(keys) == [keys[1], keys[0], keys[2]]
    assert ranking_key(9, "Zoe", someone) < ranking_key(8, "Ada", someone)


def test_a_trend_compares_seven_days_with_the_seven_before() -> None:
    days = [(TODAY - timedelta(days=back), float(back)) for back in range(15)]
    trend = pain_trend("nrs_leg", days, today=TODAY)
    assert (trend.now, trend.before) == (3, 10)


def test_a_trend_ignores_what_is_dated_ahead_and_may_be_empty() -> None:
    ahead = [(TODAY + timedelta(days=1), 9.0)]
    trend = pain_trend("nrs_leg", ahead, today=TODAY)
    assert (trend.now, trend.before) == (None, None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (True, True), (False, False), (None, False), ("same", False), ("worse", True),
        ("red_spreading", True), ("dry", False), ("of a later catalogue", True),
    ],
)  # fmt: skip
def test_an_answer_is_looked_at_unless_it_is_known_to_reassure(answer: Any, expected: bool) -> None:
    assert needs_a_look(answer) is expected


def test_every_procedure_has_a_leading_pain_question() -> None:
    assert pain_items("lumbar_microdiscectomy") == ("nrs_leg", "nrs_back")
    assert pain_items("cervical_anterior") == ("nrs_arm", "nrs_neck")
    assert pain_items("lumbar_fusion_mis") == ("nrs_back", "nrs_leg")
    assert all(len(set(pain_items(one))) in (2, 4) for one in PROCEDURES)


def test_who_leaves_nudges_unanswered_comes_behind_who_is_silent() -> None:
    """Planted: a nudge above a silence."""
    (nudged,) = reasons_for_attention(replace(WELL, nudged=3))
    assert nudged.facts == {"count": 3}
    silent = replace(WELL, nudged=3, expected_missed=2, last_check_in=TODAY - timedelta(days=3))
    assert [each.code for each in reasons_for_attention(silent)] == ["silent", "nudge_unanswered"]
