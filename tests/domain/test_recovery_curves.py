"""Recovery curves: what the shipped ones say, and what is refused.

Planted, each red: scales taken as they are; a change without the patient's own value; the
refusals left out one by one.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.content import Content, ContentError
from recovery_service.domain.corridor import Corridor
from recovery_service.domain.procedures import PROCEDURES

RAW = read_content()
CONTENT = Content.parse(RAW)
CURVES = CONTENT.curves


def corridors(procedure: str, item: str, own: float | None = None) -> dict[str, Corridor]:
    deviations = CURVES.rule.deviations
    found = {
        one.code: one.corridor(own, deviations=deviations)
        for one in CURVES.curves_for(procedure, item)
    }
    return {code: corridor for code, corridor in found.items() if corridor is not None}


def test_the_course_after_disc_surgery_is_the_published_one() -> None:
    leg = corridors("lumbar_microdiscectomy", "nrs_leg")["disc_leg"]
    at = leg.at(90)
    assert at is not None
    assert at.low is not None
    assert at.high is not None
    assert (at.value, at.label) == (2.12, "found")
    assert (at.low, at.high) == pytest.approx((0.11, 4.13))
    between = leg.at(120)
    assert between is not None
    assert 1.80 < between.value < 2.12
    assert between.label == "interpolated"
    assert leg.at(41) is None
    assert leg.at(731) is None


def test_a_scale_of_a_hundred_becomes_one_of_ten() -> None:
    [arm] = CURVES.curves_for("cervical_anterior", "nrs_arm")
    assert arm.anchors[0].mean == pytest.approx(1.58)
    assert arm.anchors[0].deviation == pytest.approx(2.37)
    assert arm.before is not None
    assert (arm.before.mean, arm.before.deviation) == pytest.approx((6.03, 2.21))


@pytest.mark.parametrize(("own", "expected"), [(8, 3.6), (4.4, 0), (2, 0)])
def test_a_change_counts_from_the_patients_own_value(own: float, expected: float) -> None:
    change = corridors("lumbar_microdiscectomy", "nrs_leg", own)["disc_leg_change"].at(365)
    assert change is not None
    assert change.value == pytest.approx(expected)
    assert change.high is None


def test_the_own_baseline_comes_first_where_it_is_known() -> None:
    assert list(corridors("lumbar_microdiscectomy", "nrs_leg", 7)) == [
        "disc_leg_change", "disc_leg",
    ]  # fmt: skip
    assert list(corridors("lumbar_microdiscectomy", "nrs_leg")) == ["disc_leg"]


def test_bands_stand_only_where_two_measurements_do() -> None:
    """No band after fusion or at the neck: there are none to stand on."""
    banded = {
        (procedure, item)
        for procedure in PROCEDURES
        for item in ("nrs_back", "nrs_leg", "nrs_neck", "nrs_arm")
        if any(one.banded for one in corridors(procedure, item, 5).values())
    }
    assert banded == {
        ("lumbar_microdiscectomy", "nrs_leg"),
        ("lumbar_microdiscectomy", "nrs_back"),
        ("vertebral_augmentation", "nrs_back"),
    }


def test_every_anchor_says_whether_it_was_found_or_remembered() -> None:
    for curve in CURVES.curves:
        for anchor in curve.anchors:
            prefix = {"found": "F:", "memory": "M:"}[anchor.label]
            assert all(key.startswith(prefix) for key in anchor.source)
    assert CURVES.status == "draft_pending_clinician_signoff"


@pytest.mark.parametrize(
    ("procedure", "item", "day"),
    [
        ("lumbar_microdiscectomy", "nrs_leg", 14),
        ("lumbar_microdiscectomy", "nrs_back", 90),
        ("lumbar_fusion_mis", "nrs_back", 90),
        ("vertebral_augmentation", "nrs_back", 14),
        ("cervical_anterior", "nrs_arm", 14),
        ("spinal_tumour", "nrs_neck", 90),
        ("lumbar_microdiscectomy", "walk_min", None),
    ],
)
def test_from_when_answers_are_judged(procedure: str, item: str, day: int | None) -> None:
    assert CURVES.first_judged_day(procedure, item) == day


Change = Callable[[dict[str, Any]], object]


def anchor(raw: dict[str, Any], **changes: Any) -> None:
    raw["curves"][0]["anchors"][0].update(changes)


LEG = "curves/disc_leg"
FIRST = "curves/disc_leg/day 42"
REFUSALS: list[tuple[str, Change, str, str]] = [
    ("an unknown procedure", lambda r: r["curves"][0].update(procedure="knee"),
     LEG, "unknown procedure"),
    ("an unknown question", lambda r: r["curves"][0].update(item="odi"), LEG, "unknown item"),
    ("a question without number", lambda r: r["curves"][0].update(item="wound"),
     LEG, "no number"),
    ("a question of other procedures", lambda r: r["curves"][0].update(item="nrs_arm"),
     LEG, "is not asked after"),
    ("an unknown kind", lambda r: r["curves"][0].update(kind="ratio"), LEG, "unknown kind"),
    ("days that do not ascend", lambda r: anchor(r, day=90, days_seen=[30, 90]),
     LEG, "must ascend"),
    ("days that descend", lambda r: anchor(r, day=91, days_seen=[30, 91]), LEG, "must ascend"),
    ("the day of surgery", lambda r: anchor(r, day=0), "curves/disc_leg/day 0", "day must be"),
    ("a day past the horizon", lambda r: anchor(r, day=1826), "curves/disc_leg/day 1826",
     "day must be"),
    ("a negative spread", lambda r: anchor(r, sd=-0.1), FIRST, "sd must be"),
    ("a mean above the scale", lambda r: anchor(r, mean=10.1), FIRST, "mean must be"),
    ("a mean below the scale", lambda r: anchor(r, mean=-0.1), FIRST, "mean must be"),
    ("a mean of another scale", lambda r: anchor(r, mean=27.5), FIRST, "mean must be"),
    ("a change beyond the scale", lambda r: r["curves"][2]["anchors"][0].update(mean=-10.1),
     "curves/disc_leg_change/day 365", "mean must be"),
    ("no source", lambda r: r["curves"][0]["anchors"][0].pop("source"), FIRST, "missing source"),
    ("a source nobody knows", lambda r: anchor(r, source=["F:nobody"]), FIRST, "unknown source"),
    ("no grade", lambda r: r["curves"][0]["anchors"][0].pop("grade"), FIRST, "missing grade"),
    ("no label", lambda r: r["curves"][0]["anchors"][0].pop("label"), FIRST, "missing label"),
    ("an interpolated anchor", lambda r: anchor(r, label="interpolated"), FIRST, "unknown label"),
    ("found from memory", lambda r: anchor(r, source=["M:tlif_cohorts"]), FIRST, "found needs"),
    ("memory of what was read", lambda r: anchor(r, label="memory"), FIRST, "found needs"),
    ("a day outside its span", lambda r: anchor(r, days_seen=[50, 60]), FIRST, "days_seen"),
    ("half a span", lambda r: anchor(r, days_seen=[30]), FIRST, "days_seen"),
    ("no anchors", lambda r: r["curves"][0].update(anchors=[]), LEG, "no anchors"),
    ("no translation", lambda r: r["curves"][0]["people"].pop("tr"), LEG, "no translation"),
    ("half a caution", lambda r: r["curves"][0]["caution"].pop("en"), LEG, "no translation"),
    ("a word too many", lambda r: r["curves"][0].update(colour="red"), LEG, "unknown key"),
    ("one in an anchor", lambda r: anchor(r, median=2), FIRST, "unknown key"),
    ("one beside the mean", lambda r: r["curves"][0]["before_surgery"].update(n=40),
     LEG, "unknown key"),
    ("one in a first day", lambda r: r["judged_from"][0].update(week=2),
     "judged_from/0", "unknown key"),
    ("one in the noise", lambda r: r["noise"][0].update(mic=2), "noise/0", "unknown key"),
    ("one in the rule", lambda r: r["rule"].update(days=3), "rule", "unknown key"),
    ("a table too many", lambda r: r.update(colours={}), "recovery_curves", "unknown key"),
    ("twice", lambda r: r["curves"].append(deepcopy(r["curves"][0])), LEG, "duplicate code"),
    ("the same thing twice", lambda r: r["curves"].append(deepcopy(r["curves"][0]) | {
        "code": "again"}), "curves/again", "a second curve"),
    ("before surgery beside a change",
     lambda r: r["curves"][2].update(before_surgery={"mean": 7}),
     "curves/disc_leg_change", "belongs to a level"),
    ("before surgery off the scale",
     lambda r: r["curves"][0]["before_surgery"].update(mean=11), LEG, "mean must be"),
    ("no curves", lambda r: r.update(curves=[]), "recovery_curves", "has no curves"),
    ("a rule of one week", lambda r: r["rule"].update(weeks=1), "rule", "weeks must be"),
    ("more weeks than the caseload reads", lambda r: r["rule"].update(weeks=3),
     "rule", "weeks must be"),
    ("a rule without width", lambda r: r["rule"].update(deviations=0), "rule", "deviations must"),
    ("a rule from nowhere", lambda r: r["rule"].pop("source"), "rule", "missing source"),
    ("no first day", lambda r: r["judged_from"].pop(0), LEG, "says no day"),
    ("two first days", lambda r: r["judged_from"].append(deepcopy(r["judged_from"][2])),
     "recovery_curves", "two days for nrs_back after vertebral_augmentation"),
    ("a first day of a question that is not asked",
     lambda r: r["judged_from"][0].update(procedures="all"), "judged_from/0", "is not asked"),
    ("noise twice", lambda r: r["noise"].append(deepcopy(r["noise"][0])), "noise/2", "a second"),
    ("noise beyond the scale", lambda r: r["noise"][0].update(detectable_change=11),
     "noise/0", "detectable_change must be"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "item", "message"), [each[1:] for each in REFUSALS],
    ids=[each[0] for each in REFUSALS],
)  # fmt: skip
def test_what_is_wrong_in_it_is_refused(change: Change, item: str, message: str) -> None:
    raw = deepcopy(RAW)
    change(raw["curves"])
    with pytest.raises(ContentError, match=message) as refused:
        Content.parse(raw)
    assert (refused.value.file, refused.value.item) == ("recovery_curves.toml", item)
