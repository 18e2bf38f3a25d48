"""The questions of a day, the answers that come back, and the catalogue behind both."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.check_in_forms import (
    check_answers,
    form_for,
    parse_catalogue,
)
from recovery_service.domain.content_fields import ContentError
from recovery_service.domain.procedures import PROCEDURES

RAW: dict[str, Any] = read_content()["check_in_items"]
CATALOGUE = parse_catalogue(RAW)
LUMBAR = "lumbar_microdiscectomy"
CERVICAL = "cervical_anterior"


def asked(procedure: str, day: int | None) -> set[str]:
    form = form_for(CATALOGUE, procedure=procedure, days_since_surgery=day, language="en")
    return {item["code"] for item in form.items}


EXPECTED = {
    "nrs_back": (0, 10), "nrs_leg": (0, 10), "nrs_neck": (0, 10), "nrs_arm": (0, 10),
    "weakness_change": "better same worse new", "weakness_side": "left right both",
    "weakness_limb": "arm leg", "cannot_move": bool, "weakness_onset": "hours days",
    "numbness_change": "better same worse new", "numbness_side": "left right both",
    "saddle_numb": bool, "bladder_bowel": "normal cannot_pass_urine lost_control",
    "hours_since_urine": (0, 72), "urine_discomfort": bool,
    "hands_clumsy": bool, "gait_unsteady": bool, "electric_shocks": bool,
    "chest": "none chest_pain breathless coughing_blood", "calf": "none left right both",
    "headache": "none ordinary worse_upright",
    "wound": "dry spotting wet_cloudy clear_watery open red_spreading healed",
    "temp_c": (34.0, 43.0), "rigors": bool, "stiff_neck": bool, "confusion": bool,
    "felt_feverish": bool, "drowsiness": "none mild marked hard_to_wake", "slow_breathing": bool,
    "opioid_doses": (0, 30), "other_pain_medicine": bool,
    "fall": bool, "head_injury": bool, "can_stand": bool, "fall_weakness": bool,
    "swallow": "normal harder no_solids cannot_swallow_saliva", "voice": "normal hoarse",
    "breath": "normal noisy_or_hard", "neck_swelling": bool,
    "days_since_bowels": (0, 14), "distended_or_vomiting": bool,
    "sudden_movement": "none cough slip jerk",
    "walk_min": (0, 600), "sit_tol_min": (0, 600), "sessions_done": (0, 20),
    "sleep_h": (0, 24), "mood": (0, 10), "confidence": (0, 10),
    "numbness_limb": "arm leg",
}  # fmt: skip


@pytest.mark.parametrize(("code", "values"), EXPECTED.items())
def test_an_item_has_the_values_of_the_clinical_catalogue(code: str, values: object) -> None:
    item = CATALOGUE.items[code]
    if values is bool:
        assert item.type == "boolean"
    elif isinstance(values, str):
        assert " ".join(one.code for one in item.codes) == values
    else:
        assert (item.minimum, item.maximum) == values


def test_the_catalogue_has_no_other_items() -> None:
    assert CATALOGUE.items.keys() == EXPECTED.keys()


FOLLOW_UPS = {
    "weakness_change": {"weakness_side", "weakness_limb", "cannot_move", "weakness_onset"},
    "numbness_change": {"numbness_side", "numbness_limb"},
    "bladder_bowel": {"hours_since_urine", "urine_discomfort"},
    "temp_c": {"rigors", "stiff_neck", "confusion"},
    "drowsiness": {"slow_breathing"},
    "fall": {"head_injury", "can_stand", "fall_weakness"},
    "days_since_bowels": {"distended_or_vomiting"},
}


@pytest.mark.parametrize(("parent", "followers"), FOLLOW_UPS.items())
def test_a_worrying_answer_opens_its_follow_ups(parent: str, followers: set[str]) -> None:
    shown = {i.code for i in CATALOGUE.items.values() if i.show_if and i.show_if.item == parent}
    assert shown == followers


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        ("rigors", {"item": "temp_c", "at_least": 38.0}),
        ("distended_or_vomiting", {"item": "days_since_bowels", "at_least": 3.0}),
        ("weakness_side", {"item": "weakness_change", "in": ["worse", "new"]}),
        ("head_injury", {"item": "fall", "in": [True]}),
    ],
)
def test_a_follow_up_says_when_it_is_shown(code: str, condition: dict[str, Any]) -> None:
    form = form_for(CATALOGUE, procedure=LUMBAR, days_since_surgery=1, language="en")
    [question] = [item for item in form.items if item["code"] == code]
    assert question["show_if"] == condition


LUMBAR_ONLY = {"nrs_back", "nrs_leg", "saddle_numb"}
CERVICAL_ONLY = {"nrs_neck", "nrs_arm", "hands_clumsy", "gait_unsteady", "electric_shocks"}
ANTERIOR_ONLY = {"swallow", "voice", "breath", "neck_swelling"}


def test_each_region_has_its_own_questions() -> None:
    lumbar, cervical, tumour = (asked(p, 1) for p in (LUMBAR, CERVICAL, "spinal_tumour"))
    assert lumbar == EXPECTED.keys() - CERVICAL_ONLY - ANTERIOR_ONLY
    assert cervical == EXPECTED.keys() - LUMBAR_ONLY
    assert tumour == EXPECTED.keys() - ANTERIOR_ONLY


SAFETY = {
    "nrs_back", "nrs_leg", "nrs_neck", "nrs_arm", "weakness_change", "numbness_change",
    "saddle_numb", "bladder_bowel", "hands_clumsy", "gait_unsteady", "electric_shocks", "chest",
    "calf", "headache", "wound", "drowsiness", "fall", "swallow", "voice", "breath",
    "neck_swelling",
}  # fmt: skip


@pytest.mark.parametrize("procedure", PROCEDURES)
@pytest.mark.parametrize("day", [None, -1, 0, 1, 14, 15, 43, 84, 85, 366, 5000])
def test_safety_questions_are_in_every_form(procedure: str, day: int | None) -> None:
    own = {code for code in SAFETY if procedure in CATALOGUE.items[code].procedures}
    assert all(CATALOGUE.items[code].safety for code in SAFETY)
    assert own <= asked(procedure, day)


@pytest.mark.parametrize(
    ("day", "due"),
    [(None, True), (-1, False), (0, True), (1, True), (14, True), (15, False), (16, True),
     (17, False), (42, True), (43, False), (49, True), (50, False), (84, True), (85, False),
     (90, True), (180, True), (365, True), (730, True), (731, False)],
)  # fmt: skip
def test_the_whole_form_follows_the_cadence(day: int | None, due: bool) -> None:
    form = form_for(CATALOGUE, procedure=LUMBAR, days_since_surgery=day, language="en")
    assert form.due is due
    assert ("mood" in asked(LUMBAR, day)) is due
    assert {"temp_c", "rigors"} <= asked(LUMBAR, day)


@pytest.mark.parametrize(("language", "label"), [("en", "Dry"), ("tr", "Kuru"), ("de", "Dry")])
def test_a_form_speaks_the_language_of_the_patient(language: str, label: str) -> None:
    form = form_for(CATALOGUE, procedure=LUMBAR, days_since_surgery=1, language=language)
    [wound] = [item for item in form.as_json()["items"] if item["code"] == "wound"]
    assert wound["codes"][0] == {"code": "dry", "label": label}
    assert wound["required"] is False


def test_a_question_carries_its_range() -> None:
    form = form_for(CATALOGUE, procedure=LUMBAR, days_since_surgery=1, language="en")
    questions = {item["code"]: item for item in form.items}
    assert (questions["nrs_back"]["min"], questions["nrs_back"]["max"]) == (0, 10)
    sleep = questions["sleep_h"]
    assert (sleep["max"], sleep["decimals"], sleep["step"]) == (24.0, 1, 0.5)
    assert "show_if" not in sleep


@pytest.mark.parametrize(
    ("item", "answer", "kept"),
    [
        ("nrs_back", 0, 0), ("nrs_back", 10, 10), ("nrs_back", 3.0, 3), ("nrs_back", None, None),
        ("saddle_numb", False, False), ("wound", "dry", "dry"), ("temp_c", 34, 34.0),
        ("temp_c", 43.0, 43.0), ("sleep_h", 7.5, 7.5), ("saddle_numb", None, None),
    ],
)  # fmt: skip
def test_an_answer_that_its_item_can_have_is_known(item: str, answer: object, kept: object) -> None:
    checked = check_answers(CATALOGUE, {item: answer}, procedure=LUMBAR)
    assert checked.known == {item: kept}
    assert type(checked.known[item]) is type(kept)
    assert (checked.issues, checked.errors) == ((), ())


@pytest.mark.parametrize(
    ("item", "answer"),
    [
        ("nrs_back", 11), ("nrs_back", -1), ("nrs_back", 3.5), ("nrs_back", "3"),
        ("nrs_back", True), ("nrs_back", [3]), ("nrs_back", float("nan")),
        ("nrs_back", float("inf")), ("nrs_back", 10**400), ("saddle_numb", 1),
        ("saddle_numb", "yes"), ("wound", "blue"), ("wound", 1), ("wound", ["dry"]),
        ("temp_c", 43.01), ("temp_c", 33.9), ("temp_c", "38"), ("temp_c", False),
        ("temp_c", float("nan")), ("sleep_h", 25), ("temp_c", 10**400),
    ],
)  # fmt: skip
def test_an_answer_that_its_item_cannot_have_is_an_error(item: str, answer: object) -> None:
    checked = check_answers(CATALOGUE, {item: answer, "mood": 5}, procedure=LUMBAR)
    [(pointer, message)] = checked.errors
    assert pointer == f"/answers/{item}"
    assert message.startswith("Must be ")
    assert checked.known == {"mood": 5}


@pytest.mark.parametrize(
    ("measured", "kept"), [(37.94, 37.9), (37.95, 38.0), (37.96, 38.0), (38.04999, 38.0)]
)
def test_decimals_are_rounded_towards_the_warning_and_say_so(measured: float, kept: float) -> None:
    checked = check_answers(CATALOGUE, {"temp_c": measured})
    assert checked.known == {"temp_c": kept}
    assert checked.issues == ({"code": "rounded", "item": "temp_c"},)


def test_an_unknown_item_is_an_issue_and_never_a_refusal() -> None:
    checked = check_answers(CATALOGUE, {"aura": {"deep": [1]}, "nrs_leg": 4}, procedure=LUMBAR)
    assert checked.known == {"nrs_leg": 4}
    assert checked.issues == ({"code": "unknown_item", "item": "aura"},)
    assert checked.errors == ()


def test_a_warning_sign_of_another_region_counts_all_the_same() -> None:
    checked = check_answers(CATALOGUE, {"saddle_numb": True}, procedure=CERVICAL)
    assert checked.known == {"saddle_numb": True}
    assert checked.issues == ({"code": "not_asked", "item": "saddle_numb"},)


def test_every_edit_makes_a_new_form_version() -> None:
    edited = deepcopy(RAW)
    edited["items"][0]["label"]["en"] = "How is your back?"
    assert parse_catalogue(edited).form_version != CATALOGUE.form_version
    assert CATALOGUE.form_version.startswith(f"{RAW['version']}-")
    assert parse_catalogue(deepcopy(RAW)).form_version == CATALOGUE.form_version


def place(code: str) -> int:
    return next(i for i, item in enumerate(RAW["items"]) if item["code"] == code)


def put(code: str, **fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw["items"][place(code)].update(fields)


def drop(code: str, key: str) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw["items"][place(code)].pop(key)


TWICE = [{"code": "a", "label": {"en": "A", "tr": "A"}}] * 2
REFUSALS: list[tuple[str, Callable[[dict[str, Any]], object], str, str]] = [
    ("unknown key", lambda r: r.update(colour="red"), "catalogue", "unknown key"),
    ("no items", lambda r: r.update(items=[]), "catalogue", "has no items"),
    ("status", lambda r: r.update(status="approved"), "catalogue", "unknown status"),
    ("item twice", lambda r: r["items"].append(r["items"][0]), "items/nrs_back", "duplicate code"),
    ("unknown type", put("mood", type="text"), "items/mood", "unknown type 'text'"),
    ("unknown item key", put("mood", unit="points"), "items/mood", "unknown key 'unit'"),
    ("no translation", put("mood", label={"en": "Mood"}), "items/mood", "no translation to 'tr'"),
    ("no help in Turkish", put("mood", help={"en": "Mood"}), "items/mood", "no translation"),
    ("no range", drop("mood", "max"), "items/mood", "missing max"),
    ("empty range", put("mood", max=0), "items/mood", "max must be"),
    ("empty span", put("temp_c", max=34.0), "items/temp_c", "max must be"),
    ("no decimals", drop("temp_c", "decimals"), "items/temp_c", "missing decimals"),
    ("integer steps", put("mood", step=2), "items/mood", "neither decimals nor step"),
    ("yes to 10", put("fall", max=10), "items/fall", "a boolean has no range"),
    ("codes of a number", put("mood", codes=TWICE), "items/mood", "codes belong to"),
    ("no codes", drop("wound", "codes"), "items/wound", "codes belong to"),
    ("code twice", put("wound", codes=TWICE), "items/wound", "duplicate code 'a'"),
    ("code unlabelled", put("wound", codes=[{"code": "a"}]), "items/wound", "missing label"),
    ("knees", put("mood", procedures=["knee"]), "items/mood", "procedures must be"),
    ("nobody", put("mood", procedures=[]), "items/mood", "procedures must be"),
    ("no procedures", drop("mood", "procedures"), "items/mood", "procedures must be"),
    ("safety on some days", put("calf", ask="due"), "items/calf", "always asked"),
    ("unknown ask", put("mood", ask="often"), "items/mood", "unknown ask 'often'"),
    ("own procedures", put("rigors", procedures="all"), "items/rigors", "unknown key 'procedures'"),
    ("follows nothing", put("rigors", show_if={"item": "aura", "in": [True]}), "items/rigors",
     "'aura', which is no item above"),
    ("follows a later one", put("nrs_back", show_if={"item": "mood", "at_least": 3}),
     "items/nrs_back", "no item above"),
    ("unknown answer", put("rigors", show_if={"item": "wound", "in": ["blue"]}), "items/rigors",
     "an answer that wound does not have"),
    ("1 for true", put("head_injury", show_if={"item": "fall", "in": [1]}), "items/head_injury",
     "an answer that fall does not have"),
    ("true for a code", put("rigors", show_if={"item": "wound", "in": [True]}), "items/rigors",
     "an answer that wound does not have"),
    ("no answer", put("rigors", show_if={"item": "wound", "in": []}), "items/rigors", "an answer"),
    ("no condition", put("rigors", show_if={"item": "wound"}), "items/rigors", "either in or"),
    ("43.1", put("rigors", show_if={"item": "temp_c", "at_least": 43.1}), "items/rigors",
     "at_least must be"),
    ("threshold of words", put("rigors", show_if={"item": "wound", "at_least": 1}), "items/rigors",
     "needs a number"),
    ("no cadence", lambda r: r.update(cadence=[]), "catalogue", "cadence must"),
    ("cadence overlaps", lambda r: r["cadence"][1].update(from_day=14), "catalogue", "overlap"),
    ("every 0 days", lambda r: r["cadence"][0].update(every_days=0), "cadence/0", "every_days"),
    ("day before 0", lambda r: r.update(also_on_days=[-1]), "catalogue", "also_on_days"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "item", "message"),
    [refusal[1:] for refusal in REFUSALS],
    ids=[refusal[0] for refusal in REFUSALS],
)
def test_a_fault_in_the_catalogue_is_refused_with_its_file_and_item(
    change: Callable[[dict[str, Any]], object], item: str, message: str
) -> None:
    raw = deepcopy(RAW)
    change(raw)
    with pytest.raises(ContentError) as refused:
        parse_catalogue(raw)
    assert (refused.value.file, refused.value.item) == ("check_in_items.toml", item)
    assert message in refused.value.message
