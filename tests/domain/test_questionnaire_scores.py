"""Scores: within their scale, whatever the order; and what was not asked does not count.

Planted, each seen red: the denominator of all questions instead of the answered ones; answers
to questions that are not asked counted; the least number of answers not looked at; conditions
judged by answers to questions that are not asked.
"""

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.instruments import Instrument
from recovery_service.domain.questionnaire_answers import check_answers
from recovery_service.domain.questionnaire_import import import_questionnaire
from recovery_service.domain.questionnaire_items import QuestionnaireForm
from recovery_service.domain.questionnaire_scores import Scored, score
from tests.domain.made_up_questionnaires import choice, like_the_odi, like_the_rmdq, of_items

INSTRUMENTS = Content.parse(read_content()).instruments
ODI, RMDQ, PSFS = (INSTRUMENTS.by_code[code] for code in ("odi", "rmdq", "psfs"))
Answers = dict[str, Any]


def form(raw: Answers, instrument: Instrument) -> QuestionnaireForm:
    found = import_questionnaire(raw, instrument.scoring)
    assert found.form is not None, found.faults
    return found.form


FORMS = {
    "odi": (ODI, form(like_the_odi(), ODI)),
    "rmdq": (RMDQ, form(like_the_rmdq(), RMDQ)),
    "psfs": (PSFS, PSFS.form),
}


def scored(code: str, answers: Answers) -> Scored:
    instrument, its_form = FORMS[code]
    assert its_form is not None
    return score(its_form, instrument.scoring, answers)


def odi(*values: int | None) -> Answers:
    return {f"q{n}": None if value is None else f"c{value}" for n, value in enumerate(values, 1)}


def psfs(*values: int) -> Answers:
    return {f"activity_{n}": f"Task {n}" for n in range(1, len(values) + 1)} | {
        f"ability_{n}": value for n, value in enumerate(values, 1)
    }


@pytest.mark.parametrize(
    ("code", "answers", "expected", "complete"),
    [
        ("odi", odi(*[0] * 10), 0, True),
        ("odi", odi(*[5] * 10), 100, True),
        ("odi", odi(1, 2, 3, 4, 5, 0, 1, 2, 3, 4), 50, True),
        ("odi", odi(1, 2, 3, 4, 5, 0, 1, 2, 3, None), 46.7, False),  # 21 of 45
        ("odi", odi(1, 2, 3, 4, 5, 0, 1, 2, None, None), 45, False),  # 18 of 40
        ("odi", odi(1, 2, 3, 4, 5, 0, 1, None, None, None), None, False),
        ("odi", {}, None, False),
        ("rmdq", {f"s{n}": n < 7 for n in range(24)}, 7, True),
        ("rmdq", {f"s{n}": n < 7 for n in range(23)}, None, False),
        ("psfs", psfs(0, 5, 8), 4.3, True),
        ("psfs", psfs(0, 5, 8, 10), 5.8, True),  # 5.75, a half goes up
        ("psfs", psfs(2, 2, 2, 2, 2), 2, True),
        ("psfs", psfs(2, 2), None, False),
        ("psfs", psfs(2, 2, 2) | {"activity_4": "Task 4"}, 2, False),
        ("psfs", psfs(2, 2, 2) | {"ability_5": 10}, 2, True),  # of no activity: not asked
    ],
)
def test_a_score_follows_the_rule_of_its_instrument(
    code: str, answers: Answers, expected: float | None, complete: bool
) -> None:
    found = scored(code, answers)
    assert (found.score, found.complete) == (expected, complete)


def given_answers(code: str) -> st.SearchStrategy[Answers]:
    values: dict[str, st.SearchStrategy[Any]] = {
        "odi": st.sampled_from([*(f"c{n}" for n in range(6)), None]),
        "rmdq": st.sampled_from([True, False, None]),
    }
    if code == "psfs":
        words: st.SearchStrategy[Any] = st.sampled_from(["Walk", "Lift", None])
        numbers: st.SearchStrategy[Any] = st.none() | st.integers(0, 10)
        members = {f"activity_{n}": words for n in range(1, 6)}
        members |= {f"ability_{n}": numbers for n in range(1, 6)}
        return st.fixed_dictionaries({}, optional=members)
    names = FORMS[code][1]
    assert names is not None
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names.questions(), values[code]))


@pytest.mark.parametrize("code", sorted(FORMS))
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_score_lies_in_its_scale_and_no_order_changes_it(
    code: str, data: st.DataObject
) -> None:
    answers = data.draw(given_answers(code))
    instrument, its_form = FORMS[code]
    assert its_form is not None
    assert check_answers(its_form, answers).errors == ()
    found = scored(code, answers)
    mixed = list(answers.items())
    random.Random(data.draw(st.integers(0, 99))).shuffle(mixed)  # noqa: S311 - no secret
    assert scored(code, dict(mixed)) == found
    if found.score is None:
        assert found.answered < instrument.scoring.least_answered
        return
    assert instrument.minimum <= found.score <= instrument.maximum
    step = 10**instrument.scoring.decimals
    assert math.isclose(found.score * step, round(found.score * step))


WHEN = [{"question": "q1", "operator": "=", "answerCoding": {"code": "c1"}}]


def test_a_question_that_is_not_asked_counts_neither_way() -> None:
    its_form = form(of_items(*(choice(f"q{n}") for n in range(1, 9)),
                             choice("q9", enableWhen=WHEN, required=True)), ODI)  # fmt: skip
    answers = odi(0, *[5] * 8)
    found = score(its_form, ODI.scoring, answers)
    assert (found.score, found.answered, found.complete) == (87.5, 8, True)
    found = score(its_form, ODI.scoring, answers | {"q1": "c1"})
    assert (found.answered, found.complete) == (9, True)
    without = {name: answer for name, answer in answers.items() if name != "q9"}
    assert not score(its_form, ODI.scoring, without | {"q1": "c1"}).complete


NUMBER = {"linkId": "n", "type": "integer", "text": "How many"}
YES = {"linkId": "b", "type": "boolean", "text": "Whether"}
WORD = {"linkId": "w", "type": "string", "text": "Which"}


def number(operator: str, value: int) -> Answers:
    return {"question": "n", "operator": operator, "answerInteger": value}


CONDITIONS: list[tuple[str, list[Answers], str, Answers, bool]] = [
    ("greater", [number(">", 3)], "all", {"n": 4}, True),
    ("not greater", [number(">", 3)], "all", {"n": 3}, False),
    ("at most", [number("<=", 3)], "all", {"n": 3}, True),
    ("unanswered", [number("<=", 3)], "all", {}, False),
    ("other than", [number("!=", 3)], "all", {"n": 4}, True),
    ("other than nothing", [number("!=", 3)], "all", {},
     False),
    ("there", [{"question": "w", "operator": "exists", "answerBoolean": True}], "all",
     {"w": "x"}, True),
    ("not there", [{"question": "w", "operator": "exists", "answerBoolean": False}], "all",
     {"w": "x"}, False),
    ("both", [{"question": "b", "operator": "=", "answerBoolean": True},
              number("=", 1)], "all",
     {"b": True, "n": 2}, False),
    ("either", [{"question": "b", "operator": "=", "answerBoolean": True},
                number("=", 1)], "any",
     {"b": True, "n": 2}, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("conditions", "behaviour", "answers", "asked"),
    [case[1:] for case in CONDITIONS],
    ids=[case[0] for case in CONDITIONS],
)
def test_a_condition_is_judged_as_fhir_means_it(
    conditions: list[Answers], behaviour: str, answers: Answers, asked: bool
) -> None:
    last = choice("q9", enableWhen=conditions, enableBehavior=behaviour)
    its_form = form(of_items(*(choice(f"q{n}") for n in range(1, 9)), NUMBER, YES, WORD, last), ODI)
    found = score(its_form, ODI.scoring, odi(*[5] * 8) | {"q9": "c0"} | answers)
    assert found.answered == (9 if asked else 8)


def test_what_hangs_on_a_question_that_is_not_asked_is_not_asked() -> None:
    answered = {"question": "q9", "operator": "exists", "answerBoolean": True}
    group = {"linkId": "g", "type": "group", "item": [choice("q10")], "enableWhen": [answered]}
    raw = of_items(*(choice(f"q{n}") for n in range(1, 9)), choice("q9", enableWhen=WHEN), group)
    its_form = form(raw, ODI)
    found = score(its_form, ODI.scoring, odi(0, *[5] * 9))
    assert found.answered == 8
    assert score(its_form, ODI.scoring, odi(1, *[5] * 9)).answered == 10


@pytest.mark.parametrize(
    ("answers", "pointer", "message"),
    [
        ({"q1": "c6"}, "/answers/q1", "Must be one of c0"),
        ({"q1": 1}, "/answers/q1", "Must be one of"),
        ({"all": "c1"}, "/answers/all", "No question of this form."),
        ({"a/b": 1}, "/answers/a~1b", "No question"),
        ({"n": 1.5}, "/answers/n", "whole number"),
        ({"n": True}, "/answers/n", "Must be a number."),
        ({"b": 1}, "/answers/b", "true or false"),
        ({"w": "x" * 501}, "/answers/w", "at most 500"),
        ({"w": 1}, "/answers/w", "a text"),
        ({"d": 101}, "/answers/d", "Must be at most 100."),
        ({"d": -0.5}, "/answers/d", "Must be at least 0."),
    ],
)
def test_an_answer_that_its_question_cannot_have_is_named(
    answers: Answers, pointer: str, message: str
) -> None:
    structure = "http://hl7.org/fhir/StructureDefinition/"
    decimal = {"linkId": "d", "type": "decimal", "text": "How far", "extension": [
        {"url": f"{structure}minValue", "valueInteger": 0},
        {"url": f"{structure}maxValue", "valueDecimal": 100}]}  # fmt: skip
    raw = like_the_odi()
    raw["item"] += [NUMBER, YES, WORD, decimal]
    (error,) = check_answers(form(raw, ODI), {"q2": "c2", **answers}).errors
    assert error.pointer == pointer
    assert message in error.message


def test_an_empty_text_is_no_answer_and_null_is_kept() -> None:
    raw = like_the_odi()
    raw["item"].append(WORD)
    checked = check_answers(form(raw, ODI), {"w": "  ", "q1": None})
    assert (checked.answers, checked.errors) == ({"w": None, "q1": None}, ())
