"""What the red-flag file says, against the clinical sources and for the patient's eyes."""

# ruff: noqa: RUF001 - Turkish has a dotless i

import re

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.procedures import CERVICAL, LUMBAR, PROCEDURES
from recovery_service.domain.red_flag_rules import RedFlagRule

CONTENT = Content.parse(read_content())
RULES = {rule.id: rule for rule in CONTENT.red_flags.rules}

ALL = frozenset(PROCEDURES)
BACK = frozenset(name for name, regions in PROCEDURES.items() if LUMBAR in regions)
NECK = frozenset(name for name, regions in PROCEDURES.items() if CERVICAL in regions)
ACDF = frozenset({"cervical_anterior"})
DISC = frozenset({"lumbar_microdiscectomy"})
VCF = frozenset({"vertebral_augmentation"})
OPIOID = DISC | VCF | {"lumbar_decompression", "lumbar_fusion_mis"}

# Tier, stricter tiers, procedures and days since surgery, as the table of rules gives them.
TABLE = {
    "CES1": ("E", "", BACK, None, None), "CES2": ("E", "", ALL, None, None),
    "CES3": ("E", "", BACK, None, None), "MOT1": ("S", "E", ALL, None, None),
    "MYE1": ("E", "", NECK, None, None), "PE1": ("E", "", ALL, None, None),
    "DVT1": ("S", "", ALL, None, None), "AIR1": ("E", "", ACDF, None, None),
    "DYS1": ("S", "", ACDF, None, 14), "DYS2": ("N", "", ACDF, 43, None),
    "INF1": ("S", "", ALL, None, None), "INF2": ("E", "", ALL, None, None),
    "INF3": ("S", "", ALL, None, None), "CSF1": ("S", "", ALL, None, None),
    "CSF2": ("S", "", ALL, None, 42), "URI1": ("E", "", ALL, None, None),
    "PAIN1": ("S", "", ALL, None, None), "PAIN2": ("S", "", ALL, 4, None),
    "PAIN3": ("S", "", DISC, None, None), "OPI1": ("E", "", ALL, None, None),
    "OPI2": ("S", "", ALL, None, None), "OPI3": ("N", "", OPIOID, None, None),
    "FALL1": ("S", "E", ALL, None, None), "VCF1": ("S", "", VCF, None, None),
    "BOW1": ("N", "S", ALL, None, None), "MOOD1": ("N", "S", ALL, None, None),
    "ADH1_ADHERENCE": ("N", "", ALL, None, None), "ADH1_SILENCE": ("N", "", ALL, None, 14),
}  # fmt: skip
TIERS = {"E": "emergency", "S": "same_day", "N": "next_business_day"}
SILENCE = {"E": 0, "S": 1, "N": 7}


def test_the_file_has_the_rules_of_the_table_and_no_other() -> None:
    assert RULES.keys() == TABLE.keys()
    assert CONTENT.red_flags.status == "draft_pending_clinician_signoff"


@pytest.mark.parametrize("name", TABLE)
def test_a_rule_has_the_tier_procedures_and_days_of_the_table(name: str) -> None:
    rule = RULES[name]
    tier, stricter, procedures, first, last = TABLE[name]
    assert rule.tier == TIERS[tier]
    assert [each.tier for each in rule.escalations] == [TIERS[each] for each in stricter]
    assert rule.procedures == procedures
    assert (rule.window.first, rule.window.last) == (first, last)
    assert rule.silence_days == SILENCE[tier]


SIGNS = {
    "emergency": {"en": "emergency", "tr": "acil"},
    "same_day": {"en": "today", "tr": "Bugün"},
    "next_business_day": {"en": "next working day", "tr": "Bir sonraki iş günü"},
}


def texts(rule: RedFlagRule, language: str) -> list[tuple[str, str]]:
    """Return tier and text of every level of a rule."""
    levels = [(rule.tier, rule.text), *((each.tier, each.text) for each in rule.escalations)]
    return [(tier, text[language]) for tier, text in levels]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", TABLE)
def test_a_text_says_when_to_act_and_has_no_number_to_dial(name: str, language: str) -> None:
    for tier, text in texts(RULES[name], language):
        assert SIGNS[tier][language] in text
        assert not re.search(r"\d", text + RULES[name].title[language])
        assert len(text) <= 300


REASSURING = re.compile(
    r"do not worry|don't worry|no need|harmless|normal|probably|nothing serious|wait and see"
    r"|endişelenme|merak etme|zararsız|normaldir|muhtemelen|gerek yok|bekleyin",
    re.IGNORECASE,
)
DIAGNOSES = re.compile(
    r"cauda|embolism|thrombosis|clot|infection|sepsis|meningitis|h[ae]matoma|reherniation"
    r"|fracture|overdose|depress|leak|emboli|tromboz|pıhtı|enfeksiyon|iltihap|menenjit"
    r"|hematom|kırık|doz aşımı|depresyon|kaçağı",
    re.IGNORECASE,
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", TABLE)
def test_a_text_neither_reassures_nor_names_a_disease(name: str, language: str) -> None:
    for _, text in texts(RULES[name], language):
        told = f"{RULES[name].title[language]}. {text}"
        assert not REASSURING.search(told)
        assert not DIAGNOSES.search(told)


def test_nothing_is_left_untranslated() -> None:
    for rule in RULES.values():
        assert rule.title["en"] != rule.title["tr"]
        for english, turkish in zip(texts(rule, "en"), texts(rule, "tr"), strict=True):
            assert english[1] != turkish[1]


CONVENTIONS = {"MOT1", "MYE1", "DVT1", "DYS2", "INF2", "URI1", "PAIN1", "PAIN2", "PAIN3", "OPI3",
               "VCF1", "MOOD1", "ADH1_ADHERENCE", "ADH1_SILENCE"}  # fmt: skip


def test_what_is_convention_says_so_and_waits_for_a_clinician() -> None:
    named = {name for name, rule in RULES.items() if "D" in rule.source}
    assert named == CONVENTIONS
    assert all(RULES[name].grade == "D" for name in named)
    assert all(rule.clinician_must_confirm for rule in RULES.values() if rule.grade == "D")
    memory = {name for name, rule in RULES.items() if rule.source[0].startswith("M:")}
    assert memory == {"OPI1"}
    assert all(RULES[name].clinician_must_confirm for name in memory)
