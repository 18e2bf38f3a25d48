"""The registry of instruments: what stands in it, and what may not.

Planted, each seen red in its rows: the used threshold not counted; items of a licensed
instrument taken; scales that the scoring cannot fill; sources not looked up.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.content_fields import ContentError
from recovery_service.domain.instruments import parse_instruments
from recovery_service.domain.languages import LANGUAGES

RAW = read_content()
CONTENT = Content.parse(RAW)
BY_CODE = CONTENT.instruments.by_code
Change = Callable[[dict[str, Any]], object]


def entry(raw: dict[str, Any], code: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in raw["instruments"] if one["code"] == code)
    return found


def put(code: str, **fields: Any) -> Change:
    return lambda raw: entry(raw, code).update(fields)


REFUSALS: list[tuple[str, Change, str, str]] = [
    ("no instruments", lambda r: r.update(instruments=[]), "instruments", "has no instruments"),
    ("approved by nobody", lambda r: r.update(status="approved"), "instruments", "unknown status"),
    ("a code twice", lambda r: r["instruments"].append(entry(r, "odi")), "odi", "duplicate code"),
    ("an unknown key", put("odi", colour="red"), "odi", "unknown key 'colour'"),
    ("an unknown origin", put("odi", origin="shop"), "odi", "unknown origin"),
    ("no Turkish title", put("odi", title={"en": "ODI"}), "odi", "no translation to 'tr'"),
    ("no licence", lambda r: entry(r, "odi").pop("licence"), "odi", "missing licence"),
    ("an unknown source", put("odi", source=["F:nowhere"]), "odi", "unknown source 'F:nowhere'"),
    ("unconfirmed convention", put("rmdq", clinician_must_confirm=False), "rmdq", "must_confirm"),
    ("a scale backwards", put("psfs", scale={"min": 10, "max": 0, "decimals": 1}), "psfs", "max"),
    ("neither better", put("odi", better="middle"), "odi", "unknown better"),
    ("items of a licensed one", put("odi", items=[{"link_id": "a"}]), "odi", "items belong"),
    ("a built-in one without", put("psfs", items=[]), "psfs", "items belong"),
    ("scored otherwise", put("psfs", scoring={"kind": "percent", "least_answered": 3}), "psfs",
     "unknown kind 'percent'"),
    ("nothing to answer", put("odi", scoring={"kind": "percent", "least_answered": 0}), "odi",
     "least_answered"),
    ("more than there is", put("odi", scoring={"kind": "percent", "least_answered": 10}), "odi",
     "least_answered must be a whole number from 1 to 9"),
    ("no number of items", lambda r: entry(r, "odi").pop("scored_items"), "odi", "scored_items"),
    ("items for a T-score", put("promis_physical_function", scored_items=[1, 2]),
     "promis_physical_function", "scored_items"),
    ("ordinals backwards", put("odi", ordinals=[5, 0]), "odi", "ordinals must be two"),
    ("ordinals from one", put("odi", ordinals=[1, 5]), "odi", "ordinals must begin at 0"),
    ("a scale that is not filled", put("rmdq", scale={"min": 0, "max": 20, "decimals": 0}), "rmdq",
     "the scale must go from 0 to 24"),
    ("no item of check-ins", lambda r: entry(r, "nrs_leg").pop("item"), "nrs_leg", "item belongs"),
    ("an item that nobody asks", put("nrs_leg", item="nrs_knee"), "nrs_leg", "no check-in asks"),
    ("nothing that matters", put("odi", important=[]), "odi", "exactly one important change"),
    ("two that judge", lambda r: [one.update(used=True) for one in entry(r, "odi")["important"]],
     "odi", "exactly one important change"),
    ("points and percent", lambda r: entry(r, "odi")["important"][0].update(percent=3), "odi",
     "either points or percent"),
    ("a threshold without source", lambda r: entry(r, "odi")["detectable"].pop("source"), "odi",
     "missing source"),
    ("a rating off the scale", lambda r: entry(r, "psfs")["items"][1].update(max=11), "psfs",
     "of the instrument's scale"),
    ("shown after nothing", lambda r: entry(r, "psfs")["items"][1].update(shown_after="x"),
     "psfs/items/1", "no item above"),
    ("a link id twice", lambda r: entry(r, "psfs")["items"][2].update(link_id="activity_1"),
     "psfs/items/2", "duplicate link_id"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "item", "message"),
    [refusal[1:] for refusal in REFUSALS],
    ids=[refusal[0] for refusal in REFUSALS],
)
def test_a_fault_names_the_file_and_the_instrument(change: Change, item: str, message: str) -> None:
    raw = deepcopy(RAW["instruments"])
    change(raw)
    with pytest.raises(ContentError, match=message) as refused:
        parse_instruments(raw, sources=CONTENT.sources, asked=CONTENT.check_ins.items)
    assert refused.value.file == "instruments.toml"
    assert refused.value.item.removeprefix("instruments/") == item


def test_a_fault_stops_the_start() -> None:
    raw = deepcopy(RAW)
    entry(raw["instruments"], "odi").pop("title")
    with pytest.raises(ContentError, match="missing title"):
        Content.parse(raw)


def test_no_item_of_a_licensed_instrument_is_shipped() -> None:
    assert {code for code, one in BY_CODE.items() if one.form is not None} == {"psfs"}
    assert {code for code, one in BY_CODE.items() if one.importable} == {"odi", "ndi", "rmdq"}
    assert {one.origin for one in BY_CODE.values()} == {"built_in", "licensed", "check_in"}


THRESHOLDS = {
    "psfs": (2, 2, "higher", 14, None),
    "nrs_back": (2.7, 3.6, "lower", 14, "72514-3"),
    "nrs_leg": (3.2, 3.7, "lower", 14, "72514-3"),
    "nrs_neck": (2.7, 3.6, "lower", 14, "72514-3"),
    "nrs_arm": (3.2, 3.7, "lower", 14, "72514-3"),
    "odi": (10, 18, "lower", 14, "97909-6"),
    "ndi": (15, None, "lower", 14, "82237-9"),
    "rmdq": (5, None, "lower", 14, None),
    "promis_physical_function": (5, None, "higher", 14, None),
    "promis_pain_interference": (5, None, "lower", 14, None),
}


def test_thresholds_directions_and_codes_are_those_of_the_sources() -> None:
    assert {
        code: (
            one.judged_by.points,
            one.detectable.points if one.detectable else None,
            one.better,
            one.earliest_day,
            one.loinc,
        )
        for code, one in BY_CODE.items()
    } == THRESHOLDS


def test_every_threshold_has_a_source_and_what_is_convention_is_to_be_confirmed() -> None:
    for one in BY_CODE.values():
        assert one.clinician_must_confirm, one.code
        for each in (*one.important, *([one.detectable] if one.detectable else [])):
            assert each.source
            assert each.grade != "D" or each.clinician_must_confirm


def test_the_psfs_asks_for_three_activities_and_takes_five_in_both_languages() -> None:
    form = BY_CODE["psfs"].form
    assert form is not None
    questions = form.questions()
    assert [name for name, item in questions.items() if item.required] == [
        f"{part}_{n}" for n in (1, 2, 3) for part in ("activity", "ability")
    ]
    assert len(questions) == 10
    for item in questions.values():
        assert item.text.keys() == set(LANGUAGES)
        assert item.text["en"] != item.text["tr"]


def test_a_threshold_does_not_change_the_version_of_the_form() -> None:
    raw = deepcopy(RAW["instruments"])
    entry(raw, "psfs")["detectable"]["points"] = 3

    def version(content: dict[str, Any]) -> str | None:
        found = parse_instruments(content, sources=CONTENT.sources, asked=CONTENT.check_ins.items)
        form = found.by_code["psfs"].form
        return form.version if form else None

    before = version(RAW["instruments"])
    assert version(raw) == before
    entry(raw, "psfs")["items"][0]["text"]["en"] = "Other words."
    assert version(raw) != before
