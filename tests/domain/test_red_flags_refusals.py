"""What no rule may be: each fault stops the start and names the file and the rule.

Planted: the checks of ids, items, answers, comparisons, ways, windows, gaps, silence, tiers,
limits, best weeks and of what the forms ask, each taken out; its own rows were red.
"""

# ruff: noqa: RUF001 - Turkish has a dotless i

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.content_fields import ContentError
from recovery_service.domain.red_flag_rules import RedFlagRules, parse_rules

RAW = read_content()
CONTENT = Content.parse(RAW)
Change = Callable[[dict[str, Any]], object]


def parsed(raw: dict[str, Any]) -> RedFlagRules:
    return parse_rules(
        raw,
        catalogue=CONTENT.check_ins,
        crisis_words=CONTENT.crisis_words,
        sources=CONTENT.sources,
    )


def rule(raw: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in raw["rules"] if one["id"] == name)
    return found


def put(name: str, **fields: Any) -> Change:
    return lambda raw: rule(raw, name).update(fields)


def drop(name: str, key: str) -> Change:
    return lambda raw: rule(raw, name).pop(key)


def when(name: str, **condition: Any) -> Change:
    return put(name, when=condition)


PAIN = {"item": "nrs_leg", "rise_at_least": 4, "last": 3, "within_days": 7}
LEG = {"item": "nrs_leg", "at_least": 6, "consecutive": 2, "best_week_at_most": 3,
       "week_entries": 3}  # fmt: skip
SOON = {"tier": "same_day", "text": {"en": "Call.", "tr": "Arayın."}}
REFUSALS: list[tuple[str, Change, str, str]] = [
    ("unknown key", lambda r: r.update(colour="red"), "red_flags", "unknown key 'colour'"),
    ("no rules", lambda r: r.update(rules=[]), "red_flags", "has no rules"),
    ("approved", lambda r: r.update(status="approved"), "red_flags", "unknown status"),
    ("no version", lambda r: r.pop("version"), "red_flags", "missing version"),
    ("id twice", lambda r: r["rules"].append(r["rules"][0]), "rules/CES1", "duplicate id 'CES1'"),
    ("id in small letters", put("CES1", id="ces1"), "rules/0", "A-Z, 0-9 and _"),
    ("unknown rule key", put("CES1", colour="red"), "rules/CES1", "unknown key 'colour'"),
    ("rule without version", drop("CES1", "version"), "rules/CES1", "missing version"),
    ("unknown tier", put("CES1", tier="soon"), "rules/CES1", "unknown tier 'soon'"),
    ("knees", put("CES1", procedures=["knee"]), "rules/CES1", "procedures must be"),
    ("no title in Turkish", lambda r: rule(r, "CES1")["title"].pop("tr"), "rules/CES1",
     "title has no translation to 'tr'"),
    ("no text in English", lambda r: rule(r, "CES1")["text"].pop("en"), "rules/CES1",
     "text has no translation to 'en'"),
    ("no source", drop("CES1", "source"), "rules/CES1", "missing source"),
    ("a source nobody lists", put("CES1", source=["F:nobody"]), "rules/CES1", "unknown source"),
    ("a convention nobody has to confirm", drop("MYE1", "clinician_must_confirm"), "rules/MYE1",
     "clinician_must_confirm must be true"),
    ("ends before it begins", put("DYS2", to_day=42), "rules/DYS2", "impossible window"),
    ("begins before surgery", put("DYS2", from_day=-1), "rules/DYS2", "from_day must be"),
    ("a silent emergency", put("CES1", silence_days=1), "rules/CES1", "silence_days must be"),
    ("31 days of silence", put("OPI3", silence_days=31), "rules/OPI3", "silence_days must be"),
    ("no silence said", drop("OPI3", "silence_days"), "rules/OPI3", "missing silence_days"),
    ("a gap of no days", put("PAIN2", max_gap_days=0), "rules/PAIN2", "max_gap_days must be"),
    ("a gap of 15 days", put("PAIN2", max_gap_days=15), "rules/PAIN2", "max_gap_days must be"),
    ("a gap in words", put("PAIN2", max_gap_days="often"), "rules/PAIN2", "max_gap_days must be"),
    ("consecutive without gap", drop("PAIN2", "max_gap_days"), "rules/PAIN2",
     "max_gap_days belongs to"),
    ("a gap for nothing", put("CES1", max_gap_days=1), "rules/CES1", "max_gap_days belongs to"),
    ("an escalation that is no stricter", put("FALL1", escalations=[{**SOON, "when": {
        "item": "fall", "is": True}}]), "rules/FALL1", "unknown tier 'same_day'"),
    ("an escalation without text", put("BOW1", escalations=[{"tier": "same_day", "when": {
        "item": "distended_or_vomiting", "is": True}}]), "rules/BOW1", "missing text"),
    ("an escalation of an unknown item", put("BOW1", escalations=[{**SOON, "when": {
        "item": "aura", "is": True}}]), "rules/BOW1", "unknown item 'aura'"),
    ("an escalation that nobody is asked for", put("BOW1", escalations=[{**SOON, "when": {
        "item": "saddle_numb", "is": True}}]), "rules/BOW1", "no form for 'cervical_anterior'"),
    ("no condition", drop("CES1", "when"), "rules/CES1", "missing when"),
    ("an empty condition", when("CES1"), "rules/CES1", "unknown condition (empty)"),
    ("an unknown word", when("CES1", smells=True), "rules/CES1", "unknown condition smells"),
    ("an unknown comparison", when("CES1", item="saddle_numb", equals=True), "rules/CES1",
     "unknown key 'equals'"),
    ("two comparisons", when("INF1", item="temp_c", at_least=38, at_most=39), "rules/INF1",
     "exactly one of"),
    ("any of nothing", when("CES1", any_of=[]), "rules/CES1", "any_of is empty"),
    ("a word beside any_of", when("CES1", any_of=[{"item": "fall", "is": True}], item="fall"),
     "rules/CES1", "unknown key 'item'"),
    ("a word beside all_of", when("CES1", all_of=[{"item": "fall", "is": True}], item="fall"),
     "rules/CES1", "unknown key 'item'"),
    ("too many ways", when("PE1", all_of=[{"any_of": [{"item": "fall", "is": True}] * 9}] * 2),
     "rules/PE1", "more than 64 ways"),
    ("an unknown item", when("CES1", item="aura", **{"is": True}), "rules/CES1",
     "unknown item 'aura'"),
    ("an answer it cannot have", when("PE1", item="chest", one_of=["toothache"]), "rules/PE1",
     "an answer that chest does not have"),
    ("no answers", when("PE1", item="chest", one_of=[]), "rules/PE1", "an answer that chest"),
    ("1 for yes", when("CES1", item="saddle_numb", **{"is": 1}), "rules/CES1", "an answer that"),
    ("yes for a code", when("PE1", item="chest", **{"is": True}), "rules/PE1", "an answer that"),
    ("a number for a choice", when("PE1", item="mood", **{"is": 3}), "rules/PE1", "an answer that"),
    ("43.1 degrees", when("INF1", item="temp_c", at_least=43.1), "rules/INF1", "at_least must be"),
    ("a number of words", when("INF1", item="wound", at_least=1), "rules/INF1", "needs a number"),
    ("a rise of 11", when("PAIN3", **{**PAIN, "rise_at_least": 11}), "rules/PAIN3",
     "rise_at_least must be"),
    ("a rise of words", when("PAIN3", **{**PAIN, "item": "wound"}), "rules/PAIN3",
     "needs a number"),
    ("a rise without its entries", when("PAIN3", item="nrs_leg", rise_at_least=4), "rules/PAIN3",
     "missing last"),
    ("three entries in two days", when("PAIN3", **{**PAIN, "within_days": 2}), "rules/PAIN3",
     "within_days must be"),
    ("a best week as bad as now", when("PAIN3", **{**LEG, "best_week_at_most": 6}), "rules/PAIN3",
     "must lie below"),
    ("eight entries a week", when("PAIN3", **{**LEG, "week_entries": 8}), "rules/PAIN3",
     "week_entries must be"),
    ("8 of 7", when("MOOD1", item="mood", at_most=3, times=8, of_last=7), "rules/MOOD1",
     "of_last must be"),
    ("the highest of one", when("PAIN2", highest_of=["nrs_leg"], at_least=8, consecutive=2),
     "rules/PAIN2", "several numbers of one range"),
    ("the highest of unlike", when("PAIN2", highest_of=["nrs_leg", "temp_c"], at_least=8,
                                   consecutive=2), "rules/PAIN2", "several numbers of one range"),
    ("the highest of words", when("PAIN2", highest_of=["wound", "chest"], at_least=8,
                                  consecutive=2), "rules/PAIN2", "several numbers of one range"),
    ("the highest of one check-in", when("PAIN2", highest_of=["nrs_leg", "nrs_back"], at_least=8),
     "rules/PAIN2", "belongs to a course"),
    ("an unknown fact", when("CES1", fact="steps", below=1), "rules/CES1", "unknown fact 'steps'"),
    ("a share of 2", when("CES1", fact="sessions_share", below=2), "rules/CES1", "below must be"),
    ("a fact that is", when("CES1", fact="sessions_share", **{"is": 1}), "rules/CES1",
     "unknown key 'is'"),
    ("unknown words", when("MOOD1", note="angry_words"), "rules/MOOD1", "unknown note"),
    ("a limit for knees", when("OPI3", day_after={"knee": 3}), "rules/OPI3", "unknown key 'knee'"),
    ("no limits", when("OPI3", day_after={}), "rules/OPI3", "names no procedure"),
    ("a limit left out", when("OPI3", all_of=[{"day_after": {"lumbar_fusion_mis": 28}}, {
        "item": "opioid_doses", "at_least": 1, "consecutive": 2}]), "rules/OPI3",
     "must name the procedures of the rule"),
    ("another region's item", when("MYE1", item="saddle_numb", **{"is": True}), "rules/MYE1",
     "no form for 'cervical_anterior'"),
    ("an item of nobody in the rule", when("AIR1", item="saddle_numb", **{"is": True}),
     "rules/AIR1", "asks 'saddle_numb'"),
    ("a region that is left out", put("CES1", procedures="all"), "rules/CES1",
     "no form for 'cervical_anterior'"),
    ("daily where the form is not", put("OPI3", max_gap_days=1), "rules/OPI3",
     "no two forms ask 'opioid_doses' within max_gap_days"),
    ("a day on which nobody is asked", put("MOOD1", from_day=15, to_day=15), "rules/MOOD1",
     "asks 'mood'"),
    ("a limit after which nobody is asked", put("OPI3", when={"all_of": [
        {"day_after": dict.fromkeys(["lumbar_fusion_mis"], 730)},
        {"item": "opioid_doses", "at_least": 1, "consecutive": 2}]},
        procedures=["lumbar_fusion_mis"]), "rules/OPI3", "asks 'opioid_doses'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "item", "message"),
    [refusal[1:] for refusal in REFUSALS],
    ids=[refusal[0] for refusal in REFUSALS],
)
def test_a_fault_in_a_rule_is_refused_with_its_file_and_name(
    change: Change, item: str, message: str
) -> None:
    raw = deepcopy(RAW["red_flags"])
    change(raw)
    with pytest.raises(ContentError) as refused:
        parsed(raw)
    assert (refused.value.file, refused.value.item) == ("red_flags.toml", item)
    assert message in refused.value.message


def test_a_rule_may_ask_what_every_form_asks_on_a_day_without_the_whole_form() -> None:
    raw = deepcopy(RAW["red_flags"])
    rule(raw, "INF1").update(from_day=15, to_day=15)
    assert parsed(raw).rules


def test_a_safety_item_that_the_catalogue_no_longer_asks_stops_the_start() -> None:
    raw = deepcopy(RAW)
    saddle = next(one for one in raw["check_in_items"]["items"] if one["code"] == "saddle_numb")
    saddle["procedures"] = ["lumbar_fusion_mis"]
    with pytest.raises(ContentError, match=r"red_flags\.toml: rules/CES1: no form for"):
        Content.parse(raw)


def test_a_number_of_days_serves_as_gap_on_every_day() -> None:
    raw = deepcopy(RAW["red_flags"])
    rule(raw, "PAIN2")["max_gap_days"] = 3
    [pain] = [one for one in parsed(raw).rules if one.id == "PAIN2"]
    assert {pain.gap(day) for day in (None, -5, 0, 14, 400)} == {3}


def test_the_cadence_serves_as_gap_and_its_widest_where_the_day_is_unknown() -> None:
    [pain] = [one for one in CONTENT.red_flags.rules if one.id == "PAIN2"]
    gaps = {day: pain.gap(day) for day in (-1, 0, 14, 15, 16, 42, 48, 49, 84, 400, None)}
    assert gaps == {
        -1: 1, 0: 1, 14: 1, 15: 1, 16: 2, 42: 2, 48: 2, 49: 7, 84: 7, 400: 7, None: 7,
    }  # fmt: skip


def test_every_edit_makes_another_hash() -> None:
    raw = deepcopy(RAW["red_flags"])
    rule(raw, "CES1")["title"]["en"] = "Numb"
    assert parsed(raw).content_hash != CONTENT.red_flags.content_hash
