"""Any history by any rules, most of it near what matters."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from recovery_service.domain.check_in_items import Cadence, CheckInItem
from recovery_service.domain.check_ins import CLOCK_SUSPECT
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.plan_template_parts import DRAFT
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.domain.red_flag_condition_fields import FACTS
from recovery_service.domain.red_flag_conditions import (
    Answered,
    Comparison,
    Consecutive,
    DayAfter,
    FactIs,
    NoteWords,
    Repeated,
    Return,
    Rise,
)
from recovery_service.domain.red_flag_reach import Window
from recovery_service.domain.red_flag_rules import TIERS, Escalation, RedFlagRule, RedFlagRules
from tests.domain.red_flag_cases import CONTENT, EPISODE, ITEMS, OTHER_EPISODE, SURGERY, Told
from tests.safety_rules.cases import UNSENT, on

WHO = "deformity_correction"
NUMBERS = [code for code, item in ITEMS.items() if item.minimum is not None]
PAINS = ["nrs_back", "nrs_leg", "nrs_neck", "nrs_arm"]
#: Around the days on which the form changes, and the judged day more often than others.
JUDGED = 18
DAYS = st.sampled_from([JUDGED] * 5 + [*range(9, JUDGED), JUDGED - 2, JUDGED - 1, JUDGED + 1])
_PHRASES = [phrase for phrase in CONTENT.crisis_words.phrases if "*" not in phrase]
_ODD: list[Any] = [None, "yes", 1, 0, True, -1, 99, 4.5, "none", "", [1], {"a": 1}]


def answer(item: CheckInItem) -> st.SearchStrategy[Any]:
    """Return answers that an item has, with the edges of its range and of its rounding."""
    if item.type == "boolean":
        return st.booleans()
    if item.type == "code":
        return st.sampled_from([one.code for one in item.codes])
    low, high = item.minimum or 0.0, item.maximum or 0.0
    if item.type == "integer":
        return st.integers(int(low), min(int(high), 14))
    halves = st.integers(int(low * 100), int(high * 100)).map(lambda number: number / 100)
    return halves | st.floats(low, high, allow_nan=False) | st.integers(int(low), int(high))


# By item, so that drawing one does not look at the others.
ANSWER = {code: answer(item) for code, item in ITEMS.items()}
# A few questions a history, so that they meet; whole families, so that follow-ups have parents.
FAMILIES = [
    ["weakness_change", "weakness_side", "weakness_limb", "cannot_move", "weakness_onset"],
    ["numbness_change", "numbness_side", "numbness_limb"],
    ["bladder_bowel", "hours_since_urine", "urine_discomfort"],
    ["temp_c", "felt_feverish", "rigors", "stiff_neck", "confusion", "wound"],
    ["drowsiness", "slow_breathing", "opioid_doses"],
    ["fall", "head_injury", "can_stand", "fall_weakness"],
    ["days_since_bowels", "distended_or_vomiting", "mood"],
    ["nrs_back", "nrs_leg", "nrs_neck", "nrs_arm"],
]
QUESTIONS = st.one_of(
    st.sampled_from(FAMILIES),
    st.just(PAINS),
    st.lists(st.sampled_from(sorted(ITEMS)), min_size=2, max_size=5, unique=True),
)
# Characters that this Python's Unicode has: a newer one has more letters.
LETTERS = st.text(
    st.characters(max_codepoint=0x2FFF, exclude_categories=("Cn", "Co", "Cs"))
    | st.sampled_from("iıİIğĞşŞöÖ'’ʼ_-\u0301\u0307\u0345\ufe0fßſςΣŉẞﬁ"),  # noqa: RUF001
    max_size=12,
)


@st.composite
def notes(draw: st.DrawFn) -> str:
    """Return phrases of the list as people write them, among other letters."""
    phrase = draw(st.sampled_from(_PHRASES))
    spelled = draw(st.sampled_from([phrase, phrase.upper(), phrase.title()]))
    spelled = spelled.replace(" ", draw(st.sampled_from([" ", "\n", " - "])))
    return draw(LETTERS) + draw(st.sampled_from([" ", "", "."])) + spelled + draw(LETTERS)


_ZONES = st.sampled_from(
    [UTC, timezone(timedelta(hours=3)), timezone(timedelta(hours=-9, minutes=-30))]
)


@st.composite
def histories(draw: st.DrawFn, questions: st.SearchStrategy[list[str]] = QUESTIONS) -> list[Told]:
    """Return check-ins that meet, correct each other, and are not all of the episode."""
    asked = draw(questions)
    days = draw(_COURSES) + draw(st.lists(DAYS, max_size=4))
    return [draw(_check_in(number, day, asked)) for number, day in enumerate(days, 1)]


@st.composite
def _check_in(draw: st.DrawFn, number: int, day: int, asked: list[str]) -> Told:
    date = on(day)
    at = datetime(date.year, date.month, date.day, 8, tzinfo=UTC) + draw(_LATER[number % 3])
    suspect, unsent = draw(_SELDOM), draw(_SELDOM)
    wrong = draw(st.sampled_from([None, None, None, None, *range(1, number + 1)]))
    return Told(
        id=UUID(int=draw(st.sampled_from([0, 1])) * 1000 + number),
        local_date=date,
        recorded_at=at.astimezone(draw(_ZONES)) + timedelta(days=900 * suspect),
        received_at=UNSENT if unsent else at + draw(_UNDERWAY),
        answers={code: draw(_ANSWERED[code]) for code in asked},
        # One that is unsent is of the judged episode: it does not say so.
        episode_id=OTHER_EPISODE if not unsent and draw(_SELDOM) else EPISODE,
        supersedes=None if wrong is None else UUID(int=wrong),
        issues=[{"code": CLOCK_SUSPECT}] if suspect else [],
        note=draw(_NOTE),
    )


# A course up to the judged day, daily or at another pace: gaps are met or missed by a day.
_COURSES = st.tuples(st.integers(0, 9), st.sampled_from([1, 1, 2, 3, 4])).map(
    lambda course: [JUDGED - back * course[1] for back in reversed(range(course[0]))]
)
_SELDOM = st.sampled_from([False] * 7 + [True])
_LATER = [
    st.just(timedelta(0)),
    st.just(timedelta(microseconds=1)),
    st.integers(0, 12).map(lambda hours: timedelta(hours=hours)),
]
_UNDERWAY = st.sampled_from([timedelta(0), timedelta(hours=5), timedelta(days=2)])
_ANSWERED = {
    code: st.one_of(own, own, own, own, st.sampled_from(_ODD)) for code, own in ANSWER.items()
}
_NOTE = st.none() | st.none() | notes() | LETTERS


_WORDS = ["at_least", "at_most", "below"]
_ENTRIES = st.sampled_from([1, 1, 2, 2, 3])
_KINDS = st.sampled_from(
    [
        *("fact", "day_after", "note", "consecutive", "repeated"),
        # What is met least often, or needs company, comes more often.
        *("answered", "rise", "return", "answered", "rise", "return"),
    ]
)


def _comparison(draw: st.DrawFn, code: str) -> Comparison:
    """Return a comparison that an item can have."""
    item = ITEMS[code]
    if item.type not in ("boolean", "code"):
        operand = float(draw(ANSWER[code]))
        return Comparison(word=draw(st.sampled_from(_WORDS)), operand=operand)
    several = tuple(draw(st.lists(ANSWER[code], min_size=1, max_size=3)))
    if len(several) == 1:
        return Comparison(word="is", operand=several[0])
    return Comparison(word="one_of", operand=several)


@st.composite
def conditions(draw: st.DrawFn, asked: list[str]) -> Any:
    """Return a condition on these questions, or on what is no question."""
    kind = draw(_KINDS)
    numbers = [code for code in asked if code in NUMBERS]
    if kind in ("fact", "day_after", "note"):
        return _of_no_question(draw, kind)
    if kind in ("rise", "return") and numbers:
        return _of_numbers(draw, kind, _items(draw, numbers))
    if kind not in ("consecutive", "repeated"):
        code = draw(st.sampled_from(asked))
        return Answered(item=code, comparison=_comparison(draw, code))
    items = _items(draw, asked)
    compared, entries = _comparison(draw, items[0]), draw(_ENTRIES)
    if kind == "consecutive":
        return Consecutive(items=items, comparison=compared, entries=entries)
    of_last = draw(st.integers(entries, 6))
    return Repeated(items=items, comparison=compared, times=entries, of_last=of_last)


def _of_no_question(draw: st.DrawFn, kind: str) -> FactIs | DayAfter | NoteWords:
    if kind == "fact":
        compared = Comparison(word=draw(st.sampled_from(_WORDS)), operand=draw(_OF_FACTS))
        return FactIs(name=draw(st.sampled_from(sorted(FACTS))), comparison=compared)
    if kind == "day_after":
        return DayAfter(limits={WHO: draw(st.integers(10, 25))})
    return NoteWords(words=CONTENT.crisis_words)


_OF_FACTS = st.sampled_from([0.0, 0.5, 1.0, 2.0])
_BEST = st.sampled_from([2.5, 4.0, 6.0, 37.25])


def _items(draw: st.DrawFn, asked: list[str]) -> tuple[str, ...]:
    """Return one item, or several of one range of which the highest counts."""
    pains = [code for code in asked if code in PAINS]
    if len(pains) > 1 and draw(st.booleans()):
        return tuple(pains[: draw(st.integers(2, len(pains)))])
    return (draw(st.sampled_from(asked)),)


def _of_numbers(draw: st.DrawFn, kind: str, items: tuple[str, ...]) -> Rise | Return:
    if kind == "rise":
        return Rise(
            items=items,
            at_least=draw(st.sampled_from([0.5, 1.0, 1.5, 2.0])),
            last=draw(st.integers(1, 4)),
            within_days=draw(st.integers(2, 9)),
            entries=draw(_ENTRIES),
        )
    return Return(
        items=items,
        comparison=Comparison(word="at_least", operand=float(draw(ANSWER[items[0]]))),
        entries=draw(_ENTRIES),
        best_week_at_most=draw(_BEST),
        week_entries=draw(st.integers(1, 4)),
    )


_WAYS = st.sampled_from([[1], [1], [1], [1, 1], [2], [1, 2], [3]])


def _ways(draw: st.DrawFn, asked: list[str]) -> tuple[Any, ...]:
    """Return ways to be met, most of them of one condition."""
    return tuple(tuple(draw(conditions(asked)) for _ in range(count)) for count in draw(_WAYS))


_GAPS = st.sampled_from(
    [
        CONTENT.check_ins.cadence,
        (Cadence(from_day=0, to_day=1000, every_days=2),),
        (
            Cadence(from_day=12, to_day=15, every_days=1),
            Cadence(from_day=17, to_day=90, every_days=3),
        ),
    ]
)
_EDGES = st.sampled_from([None] * 6 + [0, JUDGED - 1, JUDGED, JUDGED + 1])


def _texts(name: str) -> dict[str, str]:
    return {language: f"{name} {language}" for language in LANGUAGES}


def _rule(draw: st.DrawFn, name: str, asked: list[str]) -> RedFlagRule:
    """Return any rule on these questions; what no form asks is no matter here."""
    stricter = [
        Escalation(tier=draw(_TIERS), when=_ways(draw, asked), text=_texts(f"stricter {place}"))
        for place in range(draw(st.sampled_from([0, 0, 1, 2])))
    ]
    return RedFlagRule(
        id=name,
        version=7,
        tier=draw(_TIERS),
        procedures=frozenset({WHO}),
        window=Window(first=draw(_EDGES), last=draw(_EDGES)),
        when=_ways(draw, asked),
        escalations=tuple(stricter),
        silence_days=0,
        gaps=draw(_GAPS),
        title=_texts("title"),
        text=_texts("text"),
        source=("D",),
        grade="D",
    )


_TIERS = st.sampled_from(TIERS)


@st.composite
def rules_and_histories(draw: st.DrawFn) -> tuple[RedFlagRules, list[Told]]:
    """Return rules, and a history of the questions that they are about."""
    asked = draw(QUESTIONS)
    found = tuple(_rule(draw, name, asked) for name in draw(st.sampled_from(["A", "AB", "ABC"])))
    rules = RedFlagRules(
        version=1, status=DRAFT, content_hash="", rules=found, catalogue=CONTENT.check_ins
    )
    return rules, draw(histories(st.just(asked)))


PROCEDURE = st.sampled_from(sorted(PROCEDURES))
FACTS_KNOWN = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from([None, 0, 0.25, 0.5, 1, 2, 3.0]) for name in FACTS}
)
SURGERIES = st.sampled_from([SURGERY, SURGERY, SURGERY, None])
