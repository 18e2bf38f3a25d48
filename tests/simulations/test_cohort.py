"""The simulated cohort: what was planted is answered, and the books of it balance.

Planted, each red here: a rule left out; same-day rules taken for the emergencies; a first answer
that is never in time; verdicts of some complications only; check-ins counted by a day and not by
another; one generator for all patients, or without the seed; questions of another procedure's form;
pains drawn around half of their mean.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.check_in_forms import check_answers
from recovery_service.domain.content import Content
from recovery_service.domain.red_flag_reach import items_of
from recovery_service.domain.red_flag_rules import RedFlagRules, parse_rules
from simulations.assumptions import Assumptions, shipped
from simulations.bodies import days_of
from simulations.cohort import Spread, Totals, outcomes, total
from simulations.diaries import keep_diary
from simulations.judging import FOUND, IN_HOSPITAL, LATE, MISSED, NOT_TOLD, Outcome, live_and_judge
from simulations.patients import Planting, draw_patient

SEED = 7
PATIENTS = len(shipped().pairs())
DRILL = Planting(drill=True)
RAW = read_content()
CONTENT = Content.parse(RAW)


def rules_without(*ids: str) -> RedFlagRules:
    """Return the shipped rules without some."""
    kept = [rule for rule in RAW["red_flags"]["rules"] if rule["id"] not in ids]
    return parse_rules(
        {**RAW["red_flags"], "rules": kept},
        catalogue=CONTENT.check_ins,
        crisis_words=CONTENT.crisis_words,
        sources=CONTENT.sources,
    )


def lived(patients: int, **more: Any) -> list[Outcome]:
    values: dict[str, Any] = {"seed": SEED, "rules": CONTENT.red_flags} | more
    return list(outcomes(patients, shipped(), **values))


@pytest.fixture(scope="module")
def drilled() -> list[Outcome]:
    """Return a patient for every operation and each of its complications."""
    return lived(PATIENTS, planting=DRILL)


@pytest.fixture(scope="module")
def drill(drilled: list[Outcome]) -> Totals:
    """Return what they add up to."""
    return total(drilled)


def emergencies(assumptions: Assumptions) -> Iterator[str]:
    return (one.code for one in assumptions.complications if one.tier == "emergency")


def test_every_planted_emergency_is_answered_as_such_by_the_first_check_in_that_tells(
    drill: Totals,
) -> None:
    """Each emergency is planted at least once, and none is answered late or not at all."""
    told = {code: drill.told(code) for code in emergencies(shipped())}
    assert min(told.values()) > 0, told
    assert {code: drill.of_complication(code, FOUND) for code in told} == told
    assert drill.unanswered_emergencies() == []


@pytest.mark.parametrize(
    ("rule", "complication"), [("AIR1", "neck_haematoma"), ("INF2", "sepsis_of_the_wound")]
)
def test_a_rule_that_is_gone_is_an_emergency_unanswered(
    drilled: list[Outcome], rule: str, complication: str
) -> None:
    """The report could not say that all is well if a rule were missing."""
    numbers = [
        one.number
        for one in drilled
        if any(each.complication == complication for each in one.verdicts)
    ]
    rules = rules_without(rule)
    again = [live_and_judge(number, SEED, shipped(), rules, DRILL) for number in numbers]
    found = total(again)
    assert found.unanswered_emergencies() == [complication]


def test_what_is_told_is_found_for_every_complication_that_one_answer_shows(drill: Totals) -> None:
    """Rules that need no course of days leave nothing out, whatever their tier."""
    single = [one.code for one in shipped().complications if one.tellings == 1]
    assert sum(drill.of_complication(code, LATE, MISSED) for code in single) == 0
    assert min(drill.of_complication(code, FOUND) for code in single) > 0


def test_the_books_of_the_cohort_balance(drilled: list[Outcome], drill: Totals) -> None:
    """Every complication has one verdict, and every alert a finding behind it."""
    verdicts = (FOUND, LATE, MISSED, NOT_TOLD, IN_HOSPITAL)
    assert sum(drill.of_complication(code, *verdicts) for code in drill.tiers) == PATIENTS
    assert sum(drill.sent.values()) == drill.check_ins
    assert sum(drill.alerting.values()) == drill.with_alerts == sum(drill.alerted.values())
    assert sum(drill.alerts_by_tier.values()) == sum(drill.alerts.values())
    assert drill.with_alerts <= drill.with_findings <= drill.check_ins
    for outcome in drilled:
        for one in outcome.check_ins:
            assert {(each.rule_id, each.tier) for each in one.alerts} <= set(one.findings)
            assert set(one.without_cause) <= {each.rule_id for each in one.alerts}


def test_the_same_seed_is_the_same_cohort_however_many_are_asked_for() -> None:
    """A patient depends on seed and number alone, so that processes can share them."""
    few, more = lived(6), lived(8)
    assert few == more[:6]
    assert lived(6, seed=SEED + 1) != few
    assert len({(one.procedure, one.days_at_home, len(one.check_ins)) for one in more}) > 1


def test_check_ins_are_filled_in_on_the_forms_of_the_service() -> None:
    """No answer is out of range or not asked for; whatever a rule reads, somebody answers."""
    seen: set[str] = set()
    for number in range(PATIENTS):
        random = Random(number)
        patient = draw_patient(number, shipped(), DRILL, random)
        for one in keep_diary(patient, shipped(), CONTENT.check_ins, random).check_ins:
            checked = check_answers(CONTENT.check_ins, one.answers, procedure=patient.procedure)
            assert (checked.errors, checked.issues) == ((), ())
            seen |= one.answers.keys()
    levels = [
        way
        for rule in CONTENT.red_flags.rules
        for ways in (rule.when, *(each.when for each in rule.escalations))
        for way in ways
    ]
    assert {item for way in levels for one in way for item in items_of(one)} <= seen


def test_pain_runs_along_the_published_means() -> None:
    """Chance aside, the ends of the scale move a mean by a third of a point at most."""
    assumptions = shipped()
    means: dict[tuple[str, str, int], Spread] = {}
    for number in range(500):
        random = Random(number)
        patient = draw_patient(number, assumptions, Planting(), random)
        for one in days_of(patient, assumptions, random):
            for item, pain in one.pains.items():
                means.setdefault((patient.procedure, item, one.day), Spread()).add(pain)
    found = [
        (procedure, item, anchor, means[procedure, item, anchor.day])
        for (procedure, item), course in assumptions.courses.items()
        for anchor in course.anchors
        if anchor.day <= 84
    ]
    for procedure, item, anchor, spread in found:
        chance = 3 * spread.sd / spread.n**0.5
        assert abs(spread.mean - anchor.mean) < 0.35 + chance, (procedure, item, anchor, spread)
    assert len(found) > 30
