"""All content together: nothing wrong in it lets the service start."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.content import Content, ContentError, placeholders
from recovery_service.domain.procedures import PROCEDURES

RAW = read_content()
CONTENT = Content.parse(RAW)
DISC = "lumbar_microdiscectomy_restricted_6w.toml"
EARLY = "lumbar_microdiscectomy_early_return_2w.toml"


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    english, turkish = CONTENT.texts["en"], CONTENT.texts["tr"]
    assert english.keys() == turkish.keys()
    assert {k: placeholders(t) for k, t in english.items()} == {
        k: placeholders(t) for k, t in turkish.items()
    }


REFUSALS: list[tuple[str, Callable[[dict[str, Any]], object], str, str, str]] = [
    ("key in one language", lambda r: r["texts"]["tr"]["email"].pop("subject"),
     "texts/tr/texts.toml", "email.subject", "no translation"),
    ("key in the other", lambda r: r["texts"]["tr"].update(extra="Fazla"),
     "texts/en/texts.toml", "extra", "no translation"),
    ("a language missing", lambda r: r["texts"].pop("tr"),
     "texts/tr/texts.toml", "*", "no translation"),
    ("other placeholders", lambda r: r["texts"]["tr"]["sheet"]["enrol"].update(steps="{kod}"),
     "texts/tr/texts.toml", "sheet.enrol.steps", "other placeholders"),
    ("a placeholder that reaches inside", lambda r: _everywhere(r, "{code.real}"),
     "texts/en/texts.toml", "sheet.enrol.steps", "plain names"),
    ("an open brace", lambda r: _everywhere(r, "{code"),
     "texts/en/texts.toml", "sheet.enrol.steps", "filled"),
    ("a number for a text", lambda r: r["texts"]["en"].update(extra=1),
     "texts/en/texts.toml", "extra", "text"),
    ("a source without address", lambda r: r["sources"].update({"F:new": ""}),
     "sources.toml", "F:new", "must be an address"),
    ("a source of no kind", lambda r: r["sources"].update({"new": "x"}),
     "sources.toml", "new", "must begin with"),
    ("a source that went", lambda r: r["sources"].pop("F:chibu"), "*", "*", "unknown source"),
    ("a source of a red-flag rule that went", lambda r: r["sources"].pop("F:csp"),
     "red_flags.toml", "rules/CES1", "unknown source"),
    ("a rule without condition", lambda r: r["red_flags"]["rules"][0].pop("when"),
     "red_flags.toml", "rules/CES1", "missing when"),
    ("no crisis words in Turkish", lambda r: r["crisis_words"]["words"].pop("tr"),
     "crisis_words.toml", "words/tr", "has no words"),
    ("a file of another name", lambda r: r["plan_templates"].update(
        {"disc.toml": r["plan_templates"].pop(DISC)}), "disc.toml", "template", "must be named"),
    ("two defaults", lambda r: r["plan_templates"][EARLY].update(default=True),
     "plan_templates", "lumbar_microdiscectomy", "exactly one default"),
    ("a procedure without template", lambda r: r["plan_templates"].pop("spinal_tumour.toml"),
     "plan_templates", "spinal_tumour", "exactly one default"),
]  # fmt: skip


def _everywhere(raw: dict[str, Any], text: str) -> None:
    for language in raw["texts"].values():
        language["sheet"]["enrol"]["steps"] = text


@pytest.mark.parametrize(
    ("change", "file", "item", "message"),
    [refusal[1:] for refusal in REFUSALS],
    ids=[refusal[0] for refusal in REFUSALS],
)
def test_a_fault_across_files_is_refused(
    change: Callable[[dict[str, Any]], object], file: str, item: str, message: str
) -> None:
    raw = deepcopy(RAW)
    change(raw)
    with pytest.raises(ContentError, match=message) as refused:
        Content.parse(raw)
    assert file in ("*", refused.value.file)
    assert item in ("*", refused.value.item)


def test_a_text_is_filled_in_the_language_asked_for() -> None:
    filled = CONTENT.text("sheet.whom_to_call.emergency", "tr", phone="112")
    assert filled == "Acil: 112"
    assert CONTENT.text("sheet.whom_to_call.emergency", "de", phone="112") == "Emergency: 112"
    with pytest.raises(KeyError):
        CONTENT.text("sheet.whom_to_call.emergency", "en")
    with pytest.raises(KeyError):
        CONTENT.text("no.such.key", "en")


def test_a_text_of_several_lines_is_a_list() -> None:
    assert len(CONTENT.lines("sheet.enrol.steps", "en", code="ABCD")) == 3


@pytest.mark.parametrize("procedure", PROCEDURES)
@pytest.mark.parametrize("tier", ["emergency", "same_day"])
def test_the_sheet_lists_as_many_signs_in_each_language(tier: str, procedure: str) -> None:
    english, turkish = (
        CONTENT.warning_signs(tier, procedure=procedure, language=language)
        for language in ("en", "tr")
    )
    assert len(english) == len(turkish) >= 7
    assert len(set(english)) == len(english)


@pytest.mark.parametrize(
    ("procedure", "saddle", "hands", "breathing"),
    [
        ("lumbar_fusion_mis", True, False, False),
        ("cervical_anterior", False, True, True),
        ("spinal_tumour", True, True, False),
    ],
)
def test_the_sheet_names_the_signs_of_the_region(
    procedure: str, saddle: bool, hands: bool, breathing: bool
) -> None:
    signs = " ".join(CONTENT.warning_signs("emergency", procedure=procedure, language="en"))
    assert ("between your legs" in signs) is saddle
    assert ("hands have become clumsy" in signs) is hands
    assert ("hard or noisy" in signs) is breathing
    assert "cannot pass urine" in signs


@pytest.mark.parametrize("language", ["en", "tr"])
def test_nothing_about_monitoring_reassures(language: str) -> None:
    texts = " ".join(t for k, t in CONTENT.texts[language].items() if k.startswith("monitoring."))
    reassuring = ("fine", "okay", "all is well", "do not worry", "iyisiniz", "merak etmeyin")
    assert not any(word in texts.lower() for word in reassuring)


@pytest.mark.parametrize("language", ["en", "tr"])
def test_what_a_lock_screen_may_show_says_nothing_about_health(language: str) -> None:
    texts = " ".join(
        t for k, t in CONTENT.texts[language].items() if k.startswith(("notification.", "email."))
    )
    told = ("surg", "spine", "pain", "exercise", "ameliyat", "omurga", "egzersiz")
    assert not any(word in texts.lower() for word in told)
