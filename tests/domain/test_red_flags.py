"""What counts when several check-ins, gaps, corrections and silences meet."""

from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery_service.domain.check_ins import CLOCK_SUSPECT
from recovery_service.domain.red_flags import Situation, evaluate
from tests.domain.red_flag_cases import (
    EPISODE,
    ITEMS,
    OTHER_EPISODE,
    RULES,
    SURGERY,
    Told,
    brief,
    course,
    found,
    judged,
    told,
)

NUMB = {"saddle_numb": True}


def test_the_worst_of_a_days_check_ins_counts() -> None:
    """Planted: judge the newest check-in of the day alone."""
    assert found("disc", "5: saddle_numb=yes | 5: saddle_numb=no") == "CES1:E"
    assert found("disc", "5: fall=yes head_injury=yes | 5: fall=yes") == "FALL1:E"


def test_the_newest_of_a_days_answers_counts_for_the_course() -> None:
    """Planted: take the first answer of a date."""
    assert found("disc", "3-5: nrs_leg=2 | 6: nrs_leg=9 | 6: nrs_leg=3") == ""
    assert found("disc", "3-5: nrs_leg=2 | 6: nrs_leg=3 | 6: nrs_leg=9") == "PAIN1:S"


def test_newer_is_by_the_phones_clock_and_not_by_arrival() -> None:
    """Planted: rank by `received_at`; believe a clock that cannot be right."""
    before = course("3-5: nrs_leg=2")
    morning, evening = told(10, 6, "nrs_leg=9"), told(20, 6, "nrs_leg=3")
    late = told(10, 6, "nrs_leg=9", received_at=evening.received_at + timedelta(hours=9))
    assert brief(judged("disc", [*before, evening, late])) == ""
    assert brief(judged("disc", [*before, evening, morning])) == ""
    suspect = told(
        10, 6, "nrs_leg=9",
        recorded_at=evening.recorded_at + timedelta(days=900),
        received_at=morning.received_at,
        issues=[{"code": CLOCK_SUSPECT}],
    )  # fmt: skip
    assert brief(judged("disc", [*before, evening, suspect])) == ""


def test_a_later_check_in_that_leaves_an_item_open_takes_nothing_back() -> None:
    """Planted: the newest check-in of a date is its entry, answered or not."""
    assert found("disc", "3-5: nrs_leg=2 | 6: nrs_leg=9 | 6: mood=5") == "PAIN1:S"
    assert found("disc", "3-5: nrs_leg=2 | 6: nrs_leg=9 | 6: nrs_leg=open_question") == "PAIN1:S"


def test_fever_in_the_morning_and_the_wound_in_the_evening_belong_together() -> None:
    """Planted: all conditions of a rule from one check-in."""
    assert found("disc", "9: temp_c=38.6 | 9: wound=open") == "INF2:E INF1:S INF3:S"


def test_a_question_and_its_follow_ups_come_from_one_check_in() -> None:
    """Planted: each condition from any check-in of the day (both legs then, and nobody said so)."""
    text = (
        "9: weakness_change=new weakness_side=both weakness_limb=arm"
        " | 9: weakness_change=new weakness_side=left weakness_limb=leg"
    )
    assert found("disc", text) == "MOT1:S"


def test_fever_of_yesterday_and_the_wound_of_today_do_not_meet() -> None:
    """Planted: a condition on one check-in reads all dates."""
    assert found("disc", "8: temp_c=38.6 | 9: wound=open") == "INF3:S"
    assert found("disc", "8: saddle_numb=yes | 9: saddle_numb=no") == ""


def test_a_correction_takes_back_what_it_corrects_and_nothing_else() -> None:
    """Planted: read every check-in, corrected or not."""
    wrong = told(1, 5, NUMB)
    right = told(2, 5, {"saddle_numb": False}, supersedes=wrong.id)
    assert brief(judged("disc", [wrong, right])) == ""
    assert brief(judged("disc", [wrong, told(2, 5, {}, supersedes=UUID(int=99))])) == "CES1:E"


def test_a_correction_can_move_a_check_in_to_another_date() -> None:
    """Planted: leave out later dates before looking for corrections."""
    wrong = told(1, 5, NUMB)
    moved = told(2, 6, NUMB, supersedes=wrong.id)
    assert brief(judged("disc", [wrong, moved], day=5)) == ""
    assert brief(judged("disc", [wrong, moved], day=6)) == "CES1:E"


def test_a_late_check_in_is_judged_on_its_own_date() -> None:
    history = course("4: saddle_numb=yes | 6: mood=7")
    assert brief(judged("disc", history)) == ""
    assert brief(judged("disc", history, day=4)) == "CES1:E"


def test_what_comes_after_the_judged_day_is_not_looked_at() -> None:
    """Planted: read later dates, too (the run then ends on day 7, which is not the judged day)."""
    assert found("disc", "5-6: nrs_leg=9 | 7: nrs_leg=1", day=6) == "PAIN2:S"


def test_a_check_in_that_fills_a_gap_late_makes_the_days_consecutive() -> None:
    history = course("5: nrs_leg=8 | 7: nrs_leg=8")
    assert brief(judged("disc", history)) == ""
    assert brief(judged("disc", [*history, told(9, 6, "nrs_leg=8")])) == "PAIN2:S"


def test_a_course_needs_an_entry_on_the_judged_day() -> None:
    """Planted: judge the last entry, whenever that was."""
    assert found("disc", "5-6: nrs_leg=9 | 8: mood=5") == ""


def test_check_ins_of_another_episode_are_never_used() -> None:
    """Planted: read the history whole."""
    before = [told(n, n, "nrs_leg=2", episode_id=OTHER_EPISODE) for n in (3, 4, 5)]
    numb = told(8, 6, NUMB, episode_id=OTHER_EPISODE)
    assert brief(judged("disc", [*before, numb, told(9, 6, "nrs_leg=9")])) == ""


def test_a_correction_of_another_episode_takes_nothing_away() -> None:
    """Planted: look for corrections before leaving out other episodes."""
    other = told(2, 5, {}, supersedes=UUID(int=1), episode_id=OTHER_EPISODE)
    assert brief(judged("disc", [told(1, 5, NUMB), other])) == "CES1:E"


@pytest.mark.parametrize(
    "answers",
    [
        {"saddle_numb": None}, {"saddle_numb": "yes"}, {"saddle_numb": 1}, {"aura": True},
        {"temp_c": "39"}, {"temp_c": True}, {"temp_c": 99.0}, {"wound": ["open"]},
        {"wound": "green"}, {"temp_c": float("nan")}, {"fall": {"yes": True}}, {"mood": None},
    ],
)  # fmt: skip
def test_an_answer_that_nobody_can_have_given_counts_as_none(answers: dict[str, Any]) -> None:
    """Planted: compare answers as they were stored (1 is then true, and a text raises)."""
    assert judged("disc", [told(1, 5, answers)]) == ()


def test_an_older_form_counts_where_todays_catalogue_knows_it() -> None:
    assert found("disc", "5: saddle_numb=yes") == "CES1:E"
    assert brief(judged("disc", [told(1, 5, {**NUMB, "gone": 3, "wound": "old"})])) == "CES1:E"


def test_on_an_unknown_recovery_day_every_window_holds_and_the_finding_says_so() -> None:
    """Planted: an unknown day is in no window, or past no limit; `day_assumed` left out."""
    late = judged("disc", course("60: headache=worse_upright"), known=False)
    assert [(one.rule_id, one.day_assumed) for one in late] == [("CSF2", True)]
    both = judged("neck", course("60: swallow=no_solids"), known=False)
    assert [(one.rule_id, one.day_assumed) for one in both] == [("DYS1", True), ("DYS2", True)]
    opioids = judged("fusion", course("2: opioid_doses=1 | 9: opioid_doses=1"), known=False)
    assert [(one.rule_id, one.day_assumed) for one in opioids] == [("OPI3", True)]
    assert opioids[0].facts[0].value is None
    always = judged("disc", course("60: saddle_numb=yes"), known=False)
    assert [(one.rule_id, one.day_assumed) for one in always] == [("CES1", False)]
    known = judged("disc", course("6: headache=worse_upright"))
    assert [one.day_assumed for one in known] == [False]


def test_before_surgery_only_windows_without_a_beginning_hold() -> None:
    early = [told(1, -3, {"swallow": "no_solids", "chest": "breathless"})]
    assert brief(judged("neck", early)) == "PE1:E DYS1:S"


def test_a_finding_tells_what_met_it_in_the_words_of_the_file() -> None:
    [pain] = judged("disc", course("3-5: nrs_leg=2 | 6: nrs_leg=6"))
    [rise] = pain.facts
    assert (rise.item, rise.value, rise.local_date) == ("nrs_leg", 6, SURGERY + timedelta(days=6))
    assert rise.comparison == {"rise_at_least": 4.0, "median": 2}
    [severe] = judged("fusion", course("4: nrs_back=8 | 5: nrs_leg=9"))
    assert [(fact.item, fact.value) for fact in severe.facts] == [
        ("highest of nrs_back, nrs_leg, nrs_neck, nrs_arm", 8),
        ("highest of nrs_back, nrs_leg, nrs_neck, nrs_arm", 9),
    ]
    [back] = judged("cement", course("8-14: nrs_back=2 | 30: nrs_back=5"))
    assert back.facts[0].comparison == {"at_least": 5.0, "best_week_at_most": 3.0, "best_week": 2}


def test_the_strictest_tier_brings_its_text_and_all_facts() -> None:
    """Planted: the text of the rule at whatever tier; the first tier; its facts alone."""
    [fall] = judged("disc", course("9: fall=yes head_injury=yes"))
    [rule] = [one for one in RULES.rules if one.id == "FALL1"]
    assert (fall.tier, fall.rule_version) == ("emergency", rule.version)
    assert fall.text == rule.escalations[0].text != rule.text
    assert fall.title == rule.title
    assert [fact.item for fact in fall.facts] == ["fall", "head_injury"]
    assert fall.facts[0].comparison == {"is": True}
    [mild] = judged("disc", course("9: fall=yes"))
    assert mild.text == rule.text


def test_words_of_self_harm_in_a_note_are_for_the_same_day_and_no_emergency() -> None:
    """Planted: leave the note out of what rules read."""
    note = told(1, 5, {"mood": 8}, note="Bazen İNTİHARI düşünüyorum")
    [mood] = judged("neck", [note])
    assert (mood.rule_id, mood.tier) == ("MOOD1", "same_day")
    assert [(fact.item, fact.value) for fact in mood.facts] == [("note", "intihar*")]
    assert judged("neck", [told(1, 5, {"mood": 8}, note="I slept badly")]) == ()


def test_a_share_that_nobody_knows_meets_nothing() -> None:
    bare = Situation(
        episode_id=EPISODE,
        procedure="lumbar_microdiscectomy",
        surgery_date=SURGERY,
        local_date=SURGERY + timedelta(days=5),
    )
    assert evaluate(RULES, [], bare) == ()


def test_a_silence_needs_no_check_in_at_all() -> None:
    silent = Situation(
        episode_id=EPISODE,
        procedure="cervical_anterior",
        surgery_date=SURGERY,
        local_date=SURGERY + timedelta(days=5),
        facts={"check_ins_missed": 2, "sessions_share": 0.2},
    )
    assert brief(evaluate(RULES, [], silent)) == "ADH1_ADHERENCE:N ADH1_SILENCE:N"


def test_between_the_daily_form_and_the_alternate_one_the_gap_is_the_forms() -> None:
    """Planted: one day for ever (day 16 goes); two days for ever (day 14 comes)."""
    assert found("disc", "14: nrs_leg=8 | 16: nrs_leg=8") == "PAIN2:S"
    assert found("disc", "12: nrs_leg=8 | 14: nrs_leg=8") == ""
    assert found("disc", "42: nrs_leg=8 | 49: nrs_leg=8") == "PAIN2:S"
    assert found("disc", "83: nrs_leg=8 | 90: nrs_leg=8") == "PAIN2:S"
    assert found("disc", "82: nrs_leg=8 | 90: nrs_leg=8") == ""


def _answer(code: str) -> st.SearchStrategy[Any]:
    item = ITEMS[code]
    if item.type == "boolean":
        return st.booleans()
    if item.type == "code":
        return st.sampled_from([one.code for one in item.codes])
    return st.integers(int(item.minimum or 0), int(item.maximum or 0))


ANSWERS = st.fixed_dictionaries({}, optional={code: st.none() | _answer(code) for code in ITEMS})
# Often the judged day itself, where there is most to go wrong.
DAYS = st.sampled_from([20, 20, 20, 20, *range(12, 20)])
HISTORIES = st.lists(st.tuples(DAYS, ANSWERS), max_size=8).map(
    lambda days: [told(number, *each) for number, each in enumerate(days, 1)]
)
# The course of one pain item, nearly always answered and often twice a day.
PAINS = st.lists(
    st.tuples(DAYS, st.fixed_dictionaries({"nrs_back": st.integers(0, 10)})), min_size=4, max_size=9
).map(lambda days: [told(number, *each) for number, each in enumerate(days, 1)])
WHO = st.sampled_from(["disc", "fusion", "neck", "cement", "tumour"])
JUDGED = SURGERY + timedelta(days=20)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["cement", "fusion"]), HISTORIES | PAINS, st.randoms())
def test_the_order_of_the_history_does_not_matter(
    who: str, history: list[Told], chance: Random
) -> None:
    """Planted: leave the reports in the order in which they come."""
    shuffled = sorted(history, key=lambda _: chance.random())
    for other in (shuffled, history[::-1]):
        assert judged(who, other, day=20) == judged(who, history, day=20)


@settings(max_examples=60, deadline=None)
@given(WHO, HISTORIES, st.sets(st.sampled_from(sorted(ITEMS))), st.integers(0, 20))
def test_an_unanswered_check_in_never_adds_and_never_takes_a_finding(
    who: str, history: list[Told], unanswered: set[str], day: int
) -> None:
    blank = told(99, day, dict.fromkeys(unanswered))
    assert judged(who, [*history, blank], day=20) == judged(who, history, day=20)


@settings(max_examples=60, deadline=None)
@given(WHO, HISTORIES, ANSWERS)
def test_an_emergency_stays_whatever_else_is_answered_that_day(
    who: str, history: list[Told], more: dict[str, Any]
) -> None:
    """Planted: judge the newest check-in of the day alone."""
    before = _emergencies(who, history)
    assert before <= _emergencies(who, [*history, told(99, 20, more)])


@settings(max_examples=60, deadline=None)
@given(WHO, ANSWERS, st.sampled_from(["saddle_numb", "fall", "chest", "breath", "drowsiness"]))
def test_an_emergency_stays_when_another_question_is_answered_worse(
    who: str, answers: dict[str, Any], question: str
) -> None:
    item = ITEMS[question]
    worst = True if item.type == "boolean" else item.codes[-1].code
    before = _emergencies(who, [told(1, 20, answers)])
    assert before <= _emergencies(who, [told(1, 20, {**answers, question: worst})])


def _emergencies(who: str, history: list[Told]) -> set[str]:
    return {one.rule_id for one in judged(who, history, day=20) if one.tier == "emergency"}


@settings(max_examples=40, deadline=None)
@given(HISTORIES)
def test_every_fact_was_answered_and_is_not_of_a_later_day(history: list[Told]) -> None:
    answered = {(told.local_date, code) for told in history for code in told.answers}
    for one in judged("tumour", history, day=20):
        for fact in one.facts:
            assert fact.local_date <= JUDGED
            assert fact.item not in ITEMS or (fact.local_date, fact.item) in answered
