"""Whether a criterion is met, on which facts, and which criteria no patient could ever meet.

Defects planted, each of which turned a test here red: any of the entries enough; too few
entries counted as met; the window a day too long; an answer not given counted; the share
compared with the wrong sign; a criterion over an item that no form asks accepted.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import date, timedelta
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.adherence import Adherence
from recovery_service.domain.content import Content
from recovery_service.domain.content_fields import ContentError
from recovery_service.domain.phase_criteria import Fact, judge
from recovery_service.domain.plan_template_parts import Criterion
from recovery_service.domain.plan_template_phases import refuse_what_no_form_asks
from tests.domain.raw_template import BASIS, FILE, RAW, Raw, both, parse

CONTENT = Content.parse(read_content())
TODAY = date(2026, 4, 10)
CONVENTION: dict[str, Any] = {"source": ["D"], "grade": "D", "clinician_must_confirm": True}


def criterion(**fields: Any) -> Criterion:
    whole: dict[str, Any] = {"code": "x", "title": both("X"), "within_days": 7} | fields
    return Criterion(source=("D",), grade="D", clinician_must_confirm=True, **whole)


def fact(made: Criterion, item: str, *answers: Any) -> Fact:
    """Judge on answers of today, yesterday and so on; a gap is ...."""
    told = {
        TODAY - timedelta(days=ago): {item: answer}
        for ago, answer in enumerate(answers)
        if answer is not ...
    }
    (found,) = judge([made], told, {}, today=TODAY)
    return found


WALK = criterion(item="walk_min", at_least=20, entries=2)
PAIN = criterion(item="nrs_leg", at_most=4, entries=2)
BETWEEN = criterion(item="sleep_h", at_least=6, at_most=9, entries=1)
WOUND = criterion(item="wound", one_of=("dry", "healed"), entries=1)


@pytest.mark.parametrize(
    ("made", "answers", "state", "looked_at"),
    [
        (WALK, (20, 20), "met", 2), (WALK, (19, 40), "not_met", 2), (WALK, (40, 19), "not_met", 2),
        (WALK, (40, 40, 5), "met", 2), (WALK, (40,), "unknown", 1), (WALK, (5,), "not_met", 1),
        (WALK, (), "unknown", 0), (WALK, (None, 20, 20), "met", 2),
        (WALK, (20, ..., ..., ..., ..., ..., 20), "met", 2),
        (WALK, (20, ..., ..., ..., ..., ..., ..., 20), "unknown", 1),
        (WALK, (True, True), "not_met", 2),
        (PAIN, (4, 0), "met", 2), (PAIN, (5, 0), "not_met", 2),
        (BETWEEN, (6,), "met", 1), (BETWEEN, (9.0,), "met", 1), (BETWEEN, (10,), "not_met", 1),
        (BETWEEN, (5,), "not_met", 1),
        (WOUND, ("healed",), "met", 1), (WOUND, ("open", "dry"), "not_met", 1),
        (WOUND, (..., "dry"), "met", 1), (WOUND, (1,), "not_met", 1),
    ],
)  # fmt: skip
def test_the_last_entries_decide_and_too_few_speak_for_nothing(
    made: Criterion, answers: tuple[Any, ...], state: str, looked_at: int
) -> None:
    assert made.item is not None
    found = fact(made, made.item, *answers)
    assert (found.state, len(found.entries)) == (state, looked_at)
    assert [day for day, _ in found.entries] == sorted((d for d, _ in found.entries), reverse=True)


def test_tomorrow_is_not_known_yet() -> None:
    told = {TODAY + timedelta(days=1): {"wound": "dry"}}
    assert judge([WOUND], told, {}, today=TODAY)[0].state == "unknown"


@pytest.mark.parametrize(
    ("done", "due", "state"), [(5, 10, "met"), (4, 10, "not_met"), (0, 0, "unknown")]
)
def test_the_share_of_sessions_is_of_what_was_due(done: int, due: int, state: str) -> None:
    made = criterion(fact="sessions_share", at_least=0.5, within_days=14)
    counted = Adherence(done=done, due=due, late=0, not_reached=0, paused=0)
    (found,) = judge([made], {}, {14: counted}, today=TODAY)
    assert (found.state, found.done, found.due) == (state, done, due)


@pytest.mark.parametrize(("count", "state"), [(0, "met"), (1, "not_met")])
def test_an_open_alert_speaks_against_it(count: int, state: str) -> None:
    made = criterion(fact="open_alerts", at_most=0, within_days=1)
    (found,) = judge([made], {}, {}, today=TODAY, open_alerts=count)
    assert (found.state, found.count) == (state, count)


def test_a_fact_is_kept_as_json() -> None:
    found = fact(WOUND, "wound", "dry").as_json()
    assert found["entries"] == [{"date": "2026-04-10", "value": "dry"}]
    assert (found["code"], found["state"], found["needed"]) == ("x", "met", 1)


# --- in the template -------------------------------------------------------------------------


def gated(*changes: Callable[[Raw], object], **criterion_fields: Any) -> Raw:
    raw = deepcopy(RAW)
    one: Raw = {
        "code": "walks", "title": both("Walks"), "item": "walk_min", "at_least": 20,
        "entries": 2, "within_days": 14, **CONVENTION,
    }  # fmt: skip
    one |= criterion_fields
    raw["phases"][1] |= {
        "advance": "clinician", "decide_from_day": 12, "criteria": [one],
        **BASIS, "clinician_must_confirm": True,
    }  # fmt: skip
    for change in changes:
        change(raw)
    for name, value in list(one.items()):
        if value is ...:
            del one[name]
    return raw


def phase(**fields: Any) -> Callable[[Raw], object]:
    return lambda raw: raw["phases"][1].update(fields)


def drop(key: str) -> Callable[[Raw], object]:
    return lambda raw: raw["phases"][1].pop(key)


def checked(raw: Raw) -> None:
    refuse_what_no_form_asks(parse(raw), CONTENT.check_ins, file=FILE)


def test_a_gate_is_read_and_kept_with_the_phase() -> None:
    template = parse(gated())
    checked(gated())
    gate = template.phases[1].gate
    assert gate is not None
    assert template.phases[0].gate is None
    stored = template.phases[1].as_json()
    assert (stored["advance"], stored["decide_from_day"]) == ("clinician", 12)
    assert [Criterion.of(each) for each in stored["criteria"]] == list(gate.criteria)
    assert set(template.phases[0].as_json()) == {"code", "title", "from_day", "to_day"}


REFUSED: list[tuple[str, Raw, str]] = [
    ("an unknown way", gated(phase(advance="hope")), "unknown advance"),
    ("criteria by day", gated(phase(advance="day")), "only a phase that a clinician confirms"),
    ("criteria without a word", gated(drop("advance")), "only a phase that a clinician confirms"),
    ("the first phase", gated(lambda r: r["phases"][0].update(
        advance="clinician", decide_from_day=0, **CONVENTION)), "the first phase begins by itself"),
    ("no source", gated(drop("source")), "missing source"),
    ("unconfirmed", gated(phase(clinician_must_confirm=False)), "clinician_must_confirm must be"),
    ("decided before the phase before", gated(phase(decide_from_day=-1)), "decide_from_day"),
    ("decided after it began", gated(phase(decide_from_day=16)), "decide_from_day"),
    ("twice", gated(lambda r: r["phases"][1]["criteria"].append(r["phases"][1]["criteria"][0])),
     "duplicate code"),
    ("an unknown key", gated(weight=3), "unknown key 'weight'"),
    ("nothing to look at", gated(item=...), "either an item or a fact"),
    ("both", gated(fact="sessions_share"), "either an item or a fact"),
    ("no limit", gated(at_least=...), "needs at_least, at_most"),
    ("a limit and answers", gated(**{"in": ["dry"]}), "needs at_least, at_most"),
    ("upside down", gated(at_most=10), "at_least is above at_most"),
    ("answers that are numbers", gated(at_least=..., **{"in": [1]}), "a list of answers"),
    ("an unknown fact", gated(item=..., entries=..., fact="luck", at_least=1), "unknown fact"),
    ("a share above all", gated(item=..., entries=..., fact="sessions_share", at_least=2),
     "at_least must be a number from 0 to 1"),
    ("a fact with entries", gated(item=..., fact="sessions_share", at_least=1), "no entries"),
    ("a share at most",
     gated(item=..., entries=..., fact="sessions_share", at_least=..., at_most=1),
     "sessions_share has at_least"),
    ("alerts at least", gated(item=..., entries=..., within_days=..., fact="open_alerts"),
     "open_alerts has at_most"),
    ("alerts within days",
     gated(item=..., entries=..., at_least=..., fact="open_alerts", at_most=0),
     "open_alerts has at_most"),
    ("no window", gated(within_days=...), "missing within_days"),
    ("no Turkish", gated(title={"en": "Walks"}), "no translation to 'tr'"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "words"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_a_gate_that_says_too_little_is_refused(raw: Raw, words: str) -> None:
    with pytest.raises(ContentError, match=words) as refusal:
        parse(raw)
    assert refusal.value.item.startswith("phases/")


NEVER: list[tuple[str, Raw, str]] = [
    ("no such question", gated(item="jumps"), "there is no question 'jumps'"),
    ("another region", gated(item="nrs_arm", at_least=0), "not asked after this procedure"),
    ("a follow-up", gated(item="hours_since_urine"), "only after another answer"),
    ("too rarely", gated(within_days=1), "asked 1 times in these days, not 2"),
    ("past its range", gated(at_least=601), "a number from 0 to 600"),
    ("a number of a choice", gated(item="wound"), "name some of them under in"),
    ("an answer that is none", gated(item="wound", at_least=..., **{"in": ["fine"]}),
     "name some of them under in"),
    ("a choice of a number", gated(at_least=..., **{"in": ["many"]}), "a number from 0 to 600"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "words"), [c[1:] for c in NEVER], ids=[c[0] for c in NEVER])
def test_a_criterion_that_nobody_can_meet_is_refused(raw: Raw, words: str) -> None:
    with pytest.raises(ContentError, match=words) as refusal:
        checked(raw)
    assert refusal.value.item == "phases/activate/criteria/walks"


def test_physiotherapy_after_a_fusion_waits_for_a_clinician_and_nothing_else_does() -> None:
    """The day is disputed (6 or 12 weeks), so it never comes by itself; all drafts of grade D."""
    gates = {
        (code, phase.code): phase.gate
        for code, template in CONTENT.templates.items()
        for phase in template.phases
        if phase.gate is not None
    }
    assert gates.keys() == {("lumbar_fusion_mis", "stabilise")}
    gate = gates["lumbar_fusion_mis", "stabilise"]
    assert (gate.decide_from_day, gate.grade, gate.clinician_must_confirm) == (36, "A", True)
    assert {"F:oest", "F:kern", "F:tmi"} <= set(gate.source)
    assert all(each.grade == "D" and each.clinician_must_confirm for each in gate.criteria)
