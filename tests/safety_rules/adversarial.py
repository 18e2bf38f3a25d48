"""Cases in which two evaluators that look alike would part: what counts, and what does not."""

# ruff: noqa: RUF001 - Turkish has a dotless i, and phones have typographic apostrophes

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from recovery_service.domain.check_ins import CLOCK_SUSPECT
from tests.domain.red_flag_cases import (
    OTHER_EPISODE,
    PROCEDURES,
    SURGERY,
    Told,
    course,
    told,
)
from tests.safety_rules.cases import UNSENT, VOCABULARY, Case, on

NUMB: dict[str, Any] = {"saddle_numb": True}
SUSPECT: list[dict[str, Any]] = [{"code": CLOCK_SUSPECT}]
_ISTANBUL = timezone(timedelta(hours=3))
_DAY_6 = datetime(2026, 3, 8, 8, tzinfo=UTC)


def case(
    name: str,
    who: str,
    history: str | list[Told],
    *,
    day: int | None = None,
    known: bool = True,
    **facts: Any,
) -> Case:
    """Return a case; the judged day is the last of the history unless it is given."""
    check_ins = course(history) if isinstance(history, str) else history
    last = max((each.local_date for each in check_ins), default=SURGERY)
    return Case(
        name=name,
        bundle=PROCEDURES.get(who, who),
        check_ins=check_ins,
        day=last if day is None else on(day),
        surgery=SURGERY if known else None,
        facts=facts,
    )


def adversarial() -> Iterator[Case]:
    """Yield every case, by what it is about."""
    yield from several_a_day()
    yield from newer_and_corrected()
    yield from answers_that_do_not_count()
    yield from gaps_and_days()
    yield from medians_and_weeks()
    yield from notes()
    yield from what_no_rule_says_yet()


def several_a_day() -> Iterator[Case]:
    """Yield days with several check-ins: the worst counts, or the newest."""
    yield case("worst of the day", "disc", "5: saddle_numb=yes | 5: saddle_numb=no")
    yield case("worst escalation of the day", "disc", "5: fall=yes head_injury=yes | 5: fall=yes")
    yield case("newest of the day, milder", "disc", "3-5: nrs_leg=2 | 6: nrs_leg=9 | 6: nrs_leg=3")
    yield case("newest of the day, worse", "disc", "3-5: nrs_leg=2 | 6: nrs_leg=3 | 6: nrs_leg=9")
    yield case("newest leaves it open", "disc", "3-5: nrs_leg=2 | 6: nrs_leg=9 | 6: mood=5")
    yield case(
        "newest says null", "disc", "3-5: nrs_leg=2 | 6: nrs_leg=9 | 6: nrs_leg=open_question"
    )
    yield case("fever, and the wound later", "disc", "9: temp_c=38.6 | 9: wound=open")
    yield case(
        "two sides, two check-ins",
        "disc",
        "9: weakness_change=new weakness_side=both weakness_limb=arm"
        " | 9: weakness_change=new weakness_side=left weakness_limb=leg",
    )
    yield case("the same fact twice is one", "disc", "5: saddle_numb=yes | 5: saddle_numb=yes")
    yield case("two facts of one rule", "disc", "5: wound=open | 5: wound=wet_cloudy")
    yield case("yesterday's fever", "disc", "8: temp_c=38.6 | 9: wound=open")
    yield case(
        "highest of two items, each its newest",
        "fusion",
        "4: nrs_back=9 nrs_leg=8 | 4: nrs_back=1 | 5: nrs_leg=8",
    )
    yield case("no check-in at all", "neck", [], day=5, check_ins_missed=2, sessions_share=0.2)
    yield case("nobody knows the facts", "neck", [], day=5)
    yield case("a fact that is null", "neck", [], day=5, sessions_share=None)
    yield case(
        "all that is worst",
        "disc",
        "7: saddle_numb=yes calf=left days_since_bowels=5 fall=yes head_injury=yes",
    )


def newer_and_corrected() -> Iterator[Case]:
    """Yield what is newer, what is corrected, and whose it is."""
    before = course("3-5: nrs_leg=2")
    evening = told(20, 6, "nrs_leg=3")
    late = told(10, 6, "nrs_leg=9", received_at=evening.received_at + timedelta(hours=9))
    yield case("arrived last, recorded first", "disc", [*before, evening, late])
    yield case("out of order", "disc", [evening, *reversed(before), told(10, 6, "nrs_leg=9")])
    wrong_clock = told(
        10,
        6,
        "nrs_leg=9",
        recorded_at=_DAY_6 + timedelta(days=900),
        received_at=_DAY_6,
        issues=SUSPECT,
    )
    yield case("a clock that cannot be right", "disc", [*before, evening, wrong_clock])
    other_issue = told(
        10,
        6,
        "nrs_leg=9",
        received_at=evening.received_at + timedelta(hours=9),
        issues=[{"code": "zone_unknown", "given": "Mars"}],
    )
    yield case("another issue", "disc", [*before, evening, other_issue])
    first = told(10, 6, "nrs_leg=9", recorded_at=_DAY_6 + timedelta(microseconds=1))
    second = told(11, 6, "nrs_leg=3", recorded_at=_DAY_6)
    yield case("a microsecond newer", "disc", [*before, second, first])
    east = told(10, 6, "nrs_leg=9", recorded_at=_DAY_6.replace(tzinfo=_ISTANBUL))
    west = told(11, 6, "nrs_leg=3", recorded_at=_DAY_6 - timedelta(hours=2))
    yield case("the same hour in another zone is older", "disc", [*before, east, west])
    same = {"recorded_at": _DAY_6, "received_at": _DAY_6}
    tie = [told(0xB0, 6, "nrs_leg=3", **same), told(0xA, 6, "nrs_leg=9", **same)]
    yield case("the same instant: the higher id", "disc", [*before, *tie])
    unsent = told(40, 6, "nrs_leg=9", recorded_at=_DAY_6, received_at=UNSENT)
    stored = told(41, 6, "nrs_leg=3", recorded_at=_DAY_6, received_at=_DAY_6)
    yield case(
        "unsent, recorded at the same instant, comes last", "disc", [*before, unsent, stored]
    )
    yield case("unsent counts like any other", "disc", [told(1, 5, NUMB, received_at=UNSENT)])
    wrong = told(1, 5, NUMB)
    yield case(
        "corrected", "disc", [wrong, told(2, 5, {"saddle_numb": False}, supersedes=wrong.id)]
    )
    yield case(
        "corrected by an unsent one",
        "disc",
        [wrong, told(2, 5, {}, supersedes=wrong.id, received_at=UNSENT)],
    )
    yield case("corrects a stranger", "disc", [wrong, told(2, 5, {}, supersedes=UUID(int=99))])
    older = told(2, 5, {}, supersedes=wrong.id, recorded_at=wrong.recorded_at - timedelta(hours=1))
    yield case("a correction older than what it corrects", "disc", [wrong, older])
    yield case("corrects itself", "disc", [told(1, 5, NUMB, supersedes=UUID(int=1))])
    chain = [wrong, told(2, 5, {}, supersedes=wrong.id), told(3, 5, NUMB, supersedes=UUID(int=2))]
    yield case("a correction that was corrected", "disc", chain)
    moved = told(2, 6, NUMB, supersedes=wrong.id)
    yield case("moved to the next day, judged before", "disc", [wrong, moved], day=5)
    yield case("moved to the next day, judged then", "disc", [wrong, moved], day=6)
    other = told(2, 5, {}, supersedes=wrong.id, episode_id=OTHER_EPISODE)
    yield case("a correction of another episode", "disc", [wrong, other])
    yield case("another episode's check-in", "disc", [told(1, 5, NUMB, episode_id=OTHER_EPISODE)])
    yield case("what comes later is not read", "disc", "5-6: nrs_leg=9 | 7: nrs_leg=1", day=6)
    yield case("a late check-in on its own day", "disc", "4: saddle_numb=yes | 6: mood=7", day=4)


_ODD_ANSWERS: dict[str, dict[str, Any]] = {
    "null": {"saddle_numb": None}, "text for true": {"saddle_numb": "yes"},
    "one for true": {"saddle_numb": 1}, "unknown item": {"aura": True},
    "text for a number": {"temp_c": "39"}, "true for a number": {"temp_c": True},
    "out of range": {"temp_c": 99.0}, "just out of range": {"temp_c": 43.04},
    "list for a code": {"wound": ["open"]}, "unknown code": {"wound": "green"},
    "object for true": {"fall": {"yes": True}},
    "half of a whole number": {"days_since_bowels": 4.5},
    "a whole number with a fraction of zero": {"days_since_bowels": 4.0},
    "known beside unknown": {"saddle_numb": True, "gone": 3, "wound": "old"},
    "37.95 is a half, and rounds up": {"temp_c": 37.95}, "37.94": {"temp_c": 37.94},
    "38.45 rounds to 38.5": {"temp_c": 38.45, "rigors": True},
    "38.15 rounds up, though it is less in binary": {"temp_c": 38.15},
    "38.449999999999996 does not": {"temp_c": 38.449999999999996, "rigors": True},
    "a name that objects have by themselves": {"constructor": True, "toString": 1},
}  # fmt: skip


def answers_that_do_not_count() -> Iterator[Case]:
    """Yield answers that nobody can have given, and follow-ups without a parent."""
    for name, answers in _ODD_ANSWERS.items():
        yield case(name, "disc", [told(1, 5, answers)])
    for name, text in {
        "hidden by its parent": "5: fall=no head_injury=yes",
        "without its parent": "5: head_injury=yes",
        "parent null": "5: fall=open_question head_injury=yes",
        "parent below its threshold": "5: temp_c=37.9 rigors=yes",
        "parent at its threshold": "5: temp_c=38.0 stiff_neck=yes",
        "parent in another check-in": "5: fall=yes | 5: head_injury=yes",
        "wide awake and slow": "5: drowsiness=none slow_breathing=yes",
        "two days of vomiting": "5: days_since_bowels=2 distended_or_vomiting=yes",
    }.items():
        yield case(f"follow-up {name}", "disc", text)
    rounded_up = {"temp_c": 37.95, "confusion": True, "wound": "open"}
    yield case("a follow-up shown by a rounded parent", "neck", [told(1, 5, rounded_up)])
    yield case("an item that its form does not ask", "neck", "5: saddle_numb=yes nrs_back=8")
    yield case("another region's pain counts", "disc", "4: nrs_neck=8 | 5: nrs_arm=8")


def gaps_and_days() -> Iterator[Case]:
    """Yield gaps around the days on which the form changes, windows and unknown days."""
    for first, last in [
        (12, 14), (13, 14), (14, 15), (14, 16), (15, 16), (15, 17), (16, 18), (16, 19), (40, 42),
        (41, 44), (42, 44), (42, 45), (42, 49), (46, 48), (47, 49), (49, 56), (49, 57), (82, 90),
        (83, 90), (90, 180), (0, 1), (3, 4), (4, 6),
    ]:  # fmt: skip
        name = f"eight on days {first} and {last}"
        yield case(name, "disc", f"{first}: nrs_leg=8 | {last}: nrs_leg=8")
    yield case(
        "a gap filled late",
        "disc",
        [*course("5: nrs_leg=8 | 7: nrs_leg=8"), told(9, 6, "nrs_leg=8")],
    )
    yield case("no entry on the judged day", "disc", "5-6: nrs_leg=9 | 8: mood=5")
    for day in (-3, 0, 14, 15, 42, 43):
        answers = {"swallow": "no_solids", "headache": "worse_upright"}
        yield case(f"windows on day {day}", "neck", [told(1, day, answers)])
    yield case(
        "windows on an unknown day",
        "neck",
        "60: swallow=no_solids headache=worse_upright",
        known=False,
    )
    yield case(
        "day limit on an unknown day",
        "fusion",
        "2: opioid_doses=1 | 9: opioid_doses=1",
        known=False,
    )
    yield case("no window, unknown day", "disc", "60: saddle_numb=yes", known=False)
    yield case("widest gap on an unknown day", "disc", "4: nrs_leg=8 | 11: nrs_leg=8", known=False)
    yield case("wider than the widest", "disc", "4: nrs_leg=8 | 12: nrs_leg=8", known=False)
    for first in (-2, -3):
        open_wound = [told(1, first, "wound=open"), told(2, -1, "wound=open")]
        yield case(f"before surgery the first gap holds, {first}", VOCABULARY, open_wound)
    yield case(
        "opioids two days apart before day 14", "disc", "13: opioid_doses=1 | 15: opioid_doses=1"
    )
    for share in (0.49, 0.5, 0, 1):
        yield case(f"share {share}", "neck", "20: mood=8", sessions_share=share)
    spring = datetime(2026, 3, 29, 8, tzinfo=UTC)
    yield Case(
        name="a day of 23 hours is one day",
        bundle=PROCEDURES["disc"],
        check_ins=[
            told(n, 26 + n, "nrs_leg=8", recorded_at=spring + timedelta(days=n)) for n in (0, 2)
        ],
        day=on(28),
    )
    yield Case(
        name="the end of February, in a leap year",
        bundle=PROCEDURES["disc"],
        check_ins=[told(1, 725, "nrs_leg=8"), told(2, 732, "nrs_leg=8")],
        day=on(732),
    )


def medians_and_weeks() -> Iterator[Case]:
    """Yield medians of odd and even counts, and the seven days of a week."""
    yield case(
        "ten is more than nine",
        "disc",
        "2: nrs_leg=9 | 3: nrs_leg=10 | 4: nrs_leg=2 | 5: nrs_leg=7",
    )
    yield case("median, not mean", "disc", "2: nrs_back=0 | 3-4: nrs_back=3 | 5: nrs_back=6")
    yield case("median, not last", "disc", "2-3: nrs_back=1 | 4: nrs_back=6 | 5: nrs_back=5")
    yield case(
        "the third entry a week ago", "disc", "4: nrs_leg=2 | 5-6: nrs_leg=2 | 11: nrs_leg=7"
    )
    yield case(
        "the third entry eight days ago", "disc", "3: nrs_leg=2 | 5-6: nrs_leg=2 | 11: nrs_leg=7"
    )
    yield case(
        "two rises, the second against the first",
        "disc",
        "3-5: nrs_leg=2 | 6: nrs_leg=5 | 7: nrs_leg=5",
    )
    for good in ("3 | 4 | 3 | 4", "3 | 3 | 4 | 2", "2 | 4", "3 | 4 | 2"):
        weeks = " | ".join(f"{8 + n}: nrs_back={x}" for n, x in enumerate(good.split(" | ")))
        yield case(f"a week of {good}", "cement", f"{weeks} | 30: nrs_back=5")
    yield case(
        "six days apart are one week",
        "cement",
        "8: nrs_back=1 | 10: nrs_back=9 | 14: nrs_back=1 | 30: nrs_back=5",
    )
    yield case(
        "seven days apart are not",
        "cement",
        "8: nrs_back=1 | 10: nrs_back=9 | 15: nrs_back=1 | 30: nrs_back=5",
    )
    yield case(
        "the return is no part of the good week",
        "disc",
        "8: nrs_leg=2 | 9: nrs_leg=2 | 10: nrs_leg=6 | 11: nrs_leg=6",
    )
    yield case("three low moods of the last seven", "disc", "1: mood=2 | 2-6: mood=8 | 7-8: mood=2")
    yield case("three low moods of three", "disc", "1: mood=2 | 30: mood=0 | 60: mood=3")


_NOTES = {
    "Turkish capitals with dots": "Bazen İNTİHARI düşünüyorum",
    "Turkish capitals without dots": "INTIHAR ETMEK",
    "dotless i": "ıntıharı düşündüm",
    "without the marks": "yasamak istemiyorum artik, hayatima son verecegim",
    "decomposed letters": "o\u0308lmek istiyorum",
    "an apostrophe of a keyboard": "i don't want to live",
    "an apostrophe of a phone": "I don\u2019t want to live",
    "an apostrophe left out": "dont want to live",
    "another language than the app's": "I want to die, gerçekten",
    "punctuation between": "I want: to die!",
    "line breaks between": "want\nto\tdie",
    "full width": "\uff57\uff41\uff4e\uff54 \uff54\uff4f \uff44\uff49\uff45",
    "ligature and long s": "\u017fuicide, \ufb01nally",
    "an ending": "suicidality",
    "a word before": "antisuicidal",
    "words that are longer": "want to diet",
    "hyphens": "self-harm",
    "underscore joins": "want_to_die",
    "an emoji between": "want to \U0001f62d die",
    "a variation selector between letters": "suic\ufe0fide",
    "an accent on every letter": "w\u0301a\u0301n\u0301t to d\u0301i\u0301e\u0301",
    "Greek ypogegrammeni is a letter when folded": "want to die\u0345",
    "two phrases": "kill myself, end my life",
    "negation is not understood": "I do not want to die",
    "nothing of it": "I slept badly",
    "empty": "",
}


def notes() -> Iterator[Case]:
    """Yield notes of both languages, as people and their phones write them."""
    for name, note in _NOTES.items():
        yield case(f"note: {name}", "neck", [told(1, 5, {"mood": 8}, note=note)])
    two = [told(1, 5, {}, note="suicide"), told(2, 5, {}, note="no reason to live")]
    yield case("notes of two check-ins", "neck", two)
    yield case("yesterday's note", "neck", [told(1, 4, {}, note="suicide"), told(2, 5, {})])


def what_no_rule_says_yet() -> Iterator[Case]:
    """Yield what the vocabulary allows beyond the rules that there are."""
    for name, text in {
        "median of four": "1: nrs_back=1 | 2: nrs_back=2 | 3: nrs_back=3 | 4: nrs_back=4"
        " | 5: nrs_back=5",
        "median of four, a half short": "1-2: nrs_back=2 | 3-4: nrs_back=3 | 5: nrs_back=4",
        "median of decimals": "3: temp_c=36.5 | 4: temp_c=36.6 | 5: temp_c=38.1",
        "rise of the highest, twice": "1: nrs_back=1 nrs_leg=3 | 2: nrs_leg=2 | 3: nrs_neck=5"
        " | 5: nrs_back=6",
        "three low": "2: nrs_leg=1 | 4: nrs_leg=2 | 6: nrs_leg=0",
        "three low, a day too far": "2: nrs_leg=1 | 5: nrs_leg=2 | 7: nrs_leg=0",
        "one entry": "5: nrs_arm=9",
        "the same wound twice": "20: wound=open | 22: wound=wet_cloudy",
        "false twice": "1: other_pain_medicine=no | 15: other_pain_medicine=no",
        "a code again": "1: chest=none | 2: chest=breathless | 9: chest=none",
        "short nights": "1: sleep_h=4.4 | 2: sleep_h=4.5 | 3: sleep_h=4.0",
        "a week of two halves": "1: nrs_neck=3 | 2: nrs_neck=4 | 5-6: nrs_neck=7",
        "a good week of the highest": "1-2: nrs_back=2 nrs_leg=1 | 3: nrs_leg=3 | 4: nrs_neck=3"
        " | 30: nrs_leg=6",
        "one fact of two levels": "4: fall=yes mood=2",
        "one fact of one level": "4: fall=yes mood=3",
        "a short walk in its window": "3: walk_min=9",
        "a short walk after its window": "6: walk_min=9",
        "two stricter levels": "4: drowsiness=marked slow_breathing=no",
        "two of the strictest: the first one's text":
        "4: drowsiness=hard_to_wake slow_breathing=yes",
        "the last level alone": "4: drowsiness=hard_to_wake",
    }.items():  # fmt: skip
        yield case(f"vocabulary: {name}", VOCABULARY, text)
    late = {"weakness_change": "new", "weakness_side": "right", "weakness_limb": "leg", "mood": 4}
    before = told(1, 21, {"mood": 5})
    note = "the dark doghouse"
    yield case("vocabulary: all of it", VOCABULARY, [before, told(2, 25, late, note=note)])
    left = {**late, "weakness_side": "left"}
    yield case("vocabulary: both ways", VOCABULARY, [before, told(2, 25, left, note=note)])
    yield case("vocabulary: too early", VOCABULARY, [told(2, 20, left, note=note)])
    yield case(
        "vocabulary: the day unknown", VOCABULARY, [told(2, 5, left, note=note)], known=False
    )
    for note in ("X_Ray 2", "x ray 2", "CANNOT", "can'not", "IĞIL ığıl", "igil IGIL", "ŞÖYLESİNE"):
        noted = [told(1, 5, {}), told(2, 25, left, note=note)]
        yield case(f"vocabulary: note {note}", VOCABULARY, noted)
    yield case("vocabulary: facts", VOCABULARY, [], day=5, sessions_share=0.25, check_ins_missed=3)
    yield case(
        "vocabulary: facts not met", VOCABULARY, [], day=5, sessions_share=0.26, check_ins_missed=2
    )
