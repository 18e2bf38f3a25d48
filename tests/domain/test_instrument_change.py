"""Better, worse, or nothing that can be told: against one's own baseline.

Planted: the important change alone (a move of 12 on the ODI improved); the direction of the
scale ignored; readings after the operation taken for a baseline; day 13 judged; other
activities compared.
"""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.instrument_change import (
    Reading,
    baseline_of,
    change_since,
    needed_points,
)

CONTENT = Content.parse(read_content())
BY_CODE = CONTENT.instruments.by_code
SURGERY = date(2026, 2, 27)


def on(day: int, score: float, *about: str) -> Reading:
    return Reading(score=score, day=SURGERY + timedelta(days=day), about=frozenset(about) or None)


@pytest.mark.parametrize(
    ("code", "before", "day", "after", "state"),
    [
        ("odi", 40, 42, 22, "improved"),
        ("odi", 40, 42, 22.1, "no_detectable_change"),
        # More than what matters by one source, but not more than noise.
        ("odi", 40, 42, 28, "no_detectable_change"),
        ("odi", 40, 42, 49, "no_detectable_change"),
        ("odi", 40, 42, 58, "worse"),
        ("odi", 40, 13, 90, "too_early"),
        ("odi", 40, 14, 90, "worse"),
        ("ndi", 50, 42, 35, "improved"),
        ("ndi", 50, 42, 35.5, "no_detectable_change"),
        ("rmdq", 15, 42, 10, "improved"),
        ("rmdq", 15, 42, 20, "worse"),
        ("psfs", 3, 42, 5, "improved"),
        ("psfs", 3, 42, 4.9, "no_detectable_change"),
        ("psfs", 3, 42, 1, "worse"),
        ("nrs_back", 7, 42, 3.4, "improved"),
        ("nrs_back", 7, 42, 4, "no_detectable_change"),  # 3 points matter, 3.6 can be told
        ("nrs_leg", 7, 42, 3.3, "improved"),
        ("promis_physical_function", 40, 42, 45, "improved"),
        ("promis_pain_interference", 60, 42, 55, "improved"),
    ],
)
def test_a_change_counts_where_it_matters_and_is_more_than_noise(
    code: str, before: float, day: int, after: float, state: str
) -> None:
    found = change_since(BY_CODE[code], on(-3, before), on(day, after), surgery=SURGERY)
    assert found.state == found.reason == state


def test_two_readings_without_treatment_between_them_raise_no_alarm() -> None:
    """The registry's own two readings before surgery differ by about 9 points."""
    for moved in (-9.0, 9.0):
        found = change_since(BY_CODE["odi"], on(-30, 44), on(42, 44 + moved), surgery=SURGERY)
        assert (found.state, found.points, found.needed) == ("no_detectable_change", -moved, 18)


@pytest.mark.parametrize(("baseline", "surgery"), [(None, SURGERY), (on(-1, 40), None)])
def test_without_a_score_from_before_nothing_is_judged(
    baseline: Reading | None, surgery: date | None
) -> None:
    found = change_since(BY_CODE["odi"], baseline, on(42, 10), surgery=surgery)
    assert (found.state, found.points, found.needed) == ("no_baseline", None, None)


def test_other_activities_are_not_compared() -> None:
    psfs = BY_CODE["psfs"]
    before = on(-1, 2, "socks", "stairs", "sleep")
    same = change_since(psfs, before, on(42, 8, "stairs", "sleep", "socks"), surgery=SURGERY)
    assert same.state == "improved"
    other = change_since(psfs, before, on(42, 8, "socks", "stairs", "work"), surgery=SURGERY)
    assert (other.state, other.reason) == ("no_baseline", "not_comparable")
    unnamed = change_since(psfs, on(-1, 2), on(42, 8, "socks"), surgery=SURGERY)
    assert unnamed.state == "improved"


def test_the_baseline_is_the_last_score_up_to_the_day_of_surgery() -> None:
    readings = [on(-40, 50), on(0, 44), on(-7, 48), on(3, 60), on(42, 20)]
    assert baseline_of(readings, surgery=SURGERY) == on(0, 44)
    assert baseline_of([on(1, 60)], surgery=SURGERY) is None
    assert baseline_of(readings, surgery=None) is None


def test_every_instrument_needs_at_least_what_its_sources_give() -> None:
    for one in BY_CODE.values():
        needed = needed_points(one, 40)
        assert needed >= one.judged_by.in_points(40) > 0
        assert one.detectable is None or needed >= one.detectable.in_points(40)


def test_a_threshold_in_percent_is_of_the_own_baseline() -> None:
    rmdq = BY_CODE["rmdq"]
    percent = next(one for one in rmdq.important if one.percent == 30)
    judged = replace(rmdq, judged_by=percent)
    assert [needed_points(judged, baseline) for baseline in (10, 20)] == [3, 6]
    assert change_since(judged, on(-1, 20), on(42, 14), surgery=SURGERY).state == "improved"
    assert change_since(judged, on(-1, 20), on(42, 15), surgery=SURGERY).state != "improved"


def test_every_reason_is_a_sentence_in_both_languages() -> None:
    for language in ("en", "tr"):
        for reason in ("improved", "worse", "no_detectable_change", "too_early", "no_baseline",
                       "not_comparable"):  # fmt: skip
            text = CONTENT.text(
                f"instrument_change.{reason}", language, points="3", needed="4", day=14
            )
            assert text.endswith(".")
