"""Recoveries in a line each: what was answered, and where that puts them.

Each threshold is met, and nearly met. The band of these courses is 1 to 5, from day 10 to day
100; answers are judged from day 14; less than 3.7 is noise, and 3.2 is noticed.

Planted, each red in its own lines: one week for two; the edge outside; a mean for the median; a
week of six or of eight days; the day of today for that of the answer; ahead without regard to the
baseline; noise that takes in its edge or leaves out more; no first day; the older week first.
"""

from collections.abc import Sequence

import pytest

from recovery_service.domain.corridor import FOUND, Corridor, CorridorAnchor
from recovery_service.domain.recovery_curves import Noise, StatusRule
from recovery_service.domain.recovery_status import (
    REASONS,
    STATUSES,
    Measure,
    Standing,
    overall,
    standing_of,
    week_medians,
)

SOURCED = {"source": ("D",), "grade": "D"}
RULE = StatusRule(weeks=2, deviations=1.0, **SOURCED)  # type: ignore[arg-type]
NOISE = Noise(item="nrs_leg", important_change=3.2, detectable_change=3.7, **SOURCED)  # type: ignore[arg-type]
BAND = Corridor(
    anchors=tuple(CorridorAnchor(day=day, mean=3, deviation=2, label=FOUND) for day in (10, 100)),
    minimum=0,
    maximum=10,
)


def measure(
    baseline: float | None = None,
    *,
    corridors: Sequence[Corridor] = (BAND,),
    first_day: int | None = 14,
    noise: Noise | None = NOISE,
) -> Measure:
    return Measure(
        item="nrs_leg", corridors=corridors, first_day=first_day, baseline=baseline, noise=noise
    )


def course(text: str) -> tuple[dict[int, float], int]:
    """Return the answers by day and today: `"15-21: 6 | 22: 4 @ 25"`, else the last day."""
    told, _, today = text.partition("@")
    values: dict[int, float] = {}
    for part in filter(None, map(str.strip, told.split("|"))):
        days, _, value = part.partition(":")
        first, _, last = days.partition("-")
        values |= dict.fromkeys(range(int(first), int(last or first) + 1), float(value))
    return values, int(today) if today else max(values)


VIGNETTES: list[tuple[str, float | None, str, str]] = [
    ("two weeks above", None, "15-21: 6 | 22-28: 6", "behind above_corridor"),
    ("a single answer in each week is a week", None, "21: 6 | 28: 6", "behind above_corridor"),
    ("two weeks at the upper edge", None, "15-21: 5 | 22-28: 5", "on_track within_corridor"),
    ("just above it", None, "15-21: 5.1 | 22-28: 5.1", "behind above_corridor"),
    ("only the week before above", None, "15-21: 6 | 22-28: 5", "on_track within_corridor"),
    ("only this week above", None, "15-21: 5 | 22-28: 6", "on_track one_week_outside"),
    ("this week above, the week before below", None, "15-21: 0 | 22-28: 6",
     "on_track one_week_outside"),
    ("this week above and none before", None, "22-28: 6", "too_early one_week_only"),
    ("this week inside and none before", None, "22-28: 3", "on_track within_corridor"),
    ("above, with a week of silence between", None, "8-14: 6 | 22-28: 6",
     "too_early one_week_only"),
    ("two weeks below", None, "15-21: 0 | 22-28: 0", "ahead below_corridor"),
    ("two weeks at the lower edge", None, "15-21: 1 | 22-28: 1", "on_track within_corridor"),
    ("just below it", None, "15-21: 0.9 | 22-28: 0.9", "ahead below_corridor"),
    ("one week below", None, "15-21: 2 | 22-28: 0", "on_track one_week_outside"),
    ("three bad days of seven do not move a median", None,
     "15-21: 6 | 22-25: 5 | 26-28: 10", "on_track within_corridor"),
    ("four do", None, "15-21: 6 | 22-24: 5 | 25-28: 10", "behind above_corridor"),
    ("a bad day of eight days ago belongs to the week before", None,
     "15-20: 6 | 21: 10 | 22-28: 5", "on_track within_corridor"),
    ("the day before the first one", None, "6-12: 9 | 13: 9", "too_early before_first_day"),
    ("the first day itself", None, "7: 9 | 14: 9", "too_early one_week_only"),
    ("the first day, with a week before that has a band", None, "10: 9 | 17: 9",
     "behind above_corridor"),
    ("answers of before the first day are not judged later", None, "6-13: 9 @ 15",
     "too_early before_first_day"),
    ("no answer on a day that could be judged", None, "1: 3 @ 30",
     "no_reference no_recent_answers"),
    ("the last answer seven days ago", None, "16: 6 | 23: 6 @ 30",
     "no_reference no_recent_answers"),
    ("six days ago", None, "17: 6 | 24: 6 @ 30", "behind above_corridor"),
    ("no answer yet on day 3", None, "@ 3", "too_early before_first_day"),
    ("after the last anchor", None, "94-100: 6 | 101-107: 6", "no_reference no_corridor_yet"),
    ("at the last anchor", None, "87-93: 6 | 94-100: 6", "behind above_corridor"),
    ("better than before surgery and still above", 10, "15-21: 6 | 22-28: 6",
     "behind above_corridor better"),
    ("low, after a bad beginning", 8, "15-21: 0 | 22-28: 0", "ahead below_corridor better"),
    ("low, as before surgery", 1, "15-21: 0 | 22-28: 0",
     "on_track low_before_surgery no_clear_change"),
    ("low by just the noise", 3.7, "15-21: 0 | 22-28: 0", "ahead below_corridor better"),
    ("low by just less than the noise", 3.6, "15-21: 0 | 22-28: 0",
     "on_track low_before_surgery perhaps_better"),
    ("a change that is noticed", 7.2, "15-21: 4 | 22-28: 4",
     "on_track within_corridor perhaps_better"),
    ("one that is not quite", 7.1, "15-21: 4 | 22-28: 4",
     "on_track within_corridor no_clear_change"),
    ("worse by just the noise, inside the band", 1.3, "15-21: 5 | 22-28: 5",
     "on_track within_corridor worse"),
    ("worse by just less", 1.4, "15-21: 5 | 22-28: 5",
     "on_track within_corridor no_clear_change"),
    ("worse early is not judged", 0, "1-7: 9", "too_early before_first_day"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("baseline", "answers", "expected"), [each[1:] for each in VIGNETTES],
    ids=[each[0] for each in VIGNETTES],
)  # fmt: skip
def test_each_course_has_its_place(baseline: float | None, answers: str, expected: str) -> None:
    values, today = course(answers)
    found = standing_of(measure(baseline), values, RULE, today=today)
    verdict = found.own.verdict if found.own and found.own.verdict else ""
    assert f"{found.status} {found.reason} {verdict}".strip() == expected


def test_every_reason_is_met_by_a_course() -> None:
    met = {expected.split()[1] for *_, expected in VIGNETTES}
    assert met | {"no_corridor", "no_surgery_date"} == set(REASONS)
    assert set(REASONS.values()) == set(STATUSES)


def test_without_a_band_nobody_is_placed() -> None:
    lone = Corridor(anchors=BAND.anchors[:1], minimum=0, maximum=10)
    values, today = course("15-21: 9 | 22-28: 9")
    for corridors in ((), (lone,)):
        found = standing_of(measure(4, corridors=corridors), values, RULE, today=today)
        assert (found.status, found.reason) == ("no_reference", "no_corridor")
        assert found.own is not None
        assert found.own.verdict == "worse"


def test_nobody_is_placed_where_no_first_day_is_known() -> None:
    values, today = course("15-21: 9 | 22-28: 9")
    found = standing_of(measure(4, first_day=None), values, RULE, today=today)
    assert (found.reason, found.own and found.own.verdict) == ("no_corridor", None)


def test_an_unknown_surgery_date_places_nobody() -> None:
    found = standing_of(measure(4), {}, RULE, today=None)
    assert (found.status, found.reason, found.own) == ("no_reference", "no_surgery_date", None)


def test_unknown_noise_gives_numbers_without_a_verdict() -> None:
    values, today = course("15-21: 0 | 22-28: 0")
    found = standing_of(measure(1, noise=None), values, RULE, today=today)
    assert found.own is not None
    assert (found.own.before, found.own.now, found.own.change) == (1, 0, -1)
    assert (found.own.verdict, found.reason) == (None, "below_corridor")


def test_the_first_corridor_with_a_band_decides() -> None:
    strict = Corridor(
        anchors=tuple(
            CorridorAnchor(day=day, mean=1, deviation=1, label=FOUND) for day in (10, 100)
        ),
        minimum=0,
        maximum=10,
    )
    lone = Corridor(anchors=strict.anchors[:1], minimum=0, maximum=10)
    values, today = course("15-21: 4 | 22-28: 4")
    for corridors, reason in (
        ((strict, BAND), "above_corridor"),
        ((BAND, strict), "within_corridor"),
        ((lone, BAND), "within_corridor"),
    ):
        found = standing_of(measure(corridors=corridors), values, RULE, today=today)
        assert found.reason == reason


def test_a_rule_of_three_weeks_wants_three() -> None:
    rule = StatusRule(weeks=3, deviations=1.0, **SOURCED)  # type: ignore[arg-type]
    two, today = course("22-28: 6 | 29-35: 6")
    assert standing_of(measure(), two, rule, today=today).reason == "one_week_only"
    three, today = course("15-21: 6 | 22-28: 6 | 29-35: 6")
    assert standing_of(measure(), three, rule, today=today).reason == "above_corridor"


def test_weeks_are_the_last_seven_days_and_the_seven_before() -> None:
    weeks = week_medians({7: 1, 8: 2, 14: 4, 15: 9}, today=14, weeks=3)
    assert [(week.value, week.day) if week else None for week in weeks] == [
        (3.0, 14), (1.0, 7), None,
    ]  # fmt: skip


def standing(item: str, reason: str) -> Standing:
    return Standing(item=item, status=REASONS[reason], reason=reason, own=None)


@pytest.mark.parametrize(
    ("leg", "back", "speaks"),
    [
        ("within_corridor", "above_corridor", "back"),
        ("above_corridor", "above_corridor", "leg"),
        ("below_corridor", "within_corridor", "leg"),
        ("within_corridor", "below_corridor", "leg"),
        ("no_recent_answers", "within_corridor", "back"),
        ("before_first_day", "within_corridor", "back"),
        ("no_corridor", "before_first_day", "back"),
        ("no_corridor_yet", "no_corridor", "leg"),
    ],
)
def test_what_lags_behind_is_not_hidden(leg: str, back: str, speaks: str) -> None:
    found = overall([standing("leg", leg), standing("back", back)])
    assert found.item == speaks
