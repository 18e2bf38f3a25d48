"""A list of words, and what it finds in a note."""

# ruff: noqa: RUF001 - Turkish has a dotless i

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.content_fields import ContentError
from recovery_service.domain.crisis_words import crisis_words_in, parse_crisis_words

CONTENT = Content.parse(read_content())
WORDS = CONTENT.crisis_words
RAW: dict[str, Any] = read_content()["crisis_words"]


@pytest.mark.parametrize(
    ("note", "phrase"),
    [
        ("I want to kill myself", "kill myself"),
        ("KILL   MYSELF!", "kill myself"),
        ("kill\nmyself", "kill myself"),
        ("feeling suicidal", "suicid*"),
        ("I don't want to live like this", "don't want to live"),
        ("I don\u2019t want to live like this", "don't want to live"),
        ("i dont want to live any more", "don't want to live"),
        ("self-harm, again", "self harm*"),
        ("intihar", "intihar*"),
        ("İNTİHAR ETMEK", "intihar*"),
        ("INTIHARI DÜŞÜNÜYORUM", "intihar*"),
        ("\u0131ntihar", "intihar*"),
        ("Ölmek istiyorum", "ölmek isti*"),
        ("ÖLMEK İSTİYORUM", "ölmek isti*"),
        ("olmek istiyorum", "ölmek isti*"),
        ("kendimi öldüreceğim", "kendimi öldür*"),
        ("CANIMA KIYACAĞIM", "canıma kıy*"),
        ("canima kiymak", "canıma kıy*"),
        ("Yas\u0327amak istemiyorum", "yaşamak istemiyor*"),
    ],
)
def test_a_phrase_is_found_in_either_language_and_any_spelling(note: str, phrase: str) -> None:
    """Planted: `lower()` for the folding; keep accents, the dotless i, or apostrophes."""
    assert phrase in crisis_words_in(WORDS, note)


@pytest.mark.parametrize(
    "note",
    [
        None,
        "",
        "   ",
        "The pain is killing me",
        "kill",
        "myself kill",
        "skill myself",
        "I want to diet",
        "I hurt myself when I fell",
        "I harmed nobody; myself I am well",
        "ölmeksizin",
        "kendimi iyi hissediyorum",
        "canım sıkıldı",
        "yaşamak güzel",
        "overkill myselfie",
    ],
)
def test_a_part_of_a_word_is_no_word(note: str | None) -> None:
    """Planted: search the text instead of its words; any ending for any word; any order."""
    assert crisis_words_in(WORDS, note) == ()


def test_it_is_a_list_and_knows_no_negation() -> None:
    assert crisis_words_in(WORDS, "I do not want to die") == ("want to die",)


def test_the_text_names_whom_to_call_and_says_that_nobody_reads() -> None:
    assert "crisis line" in WORDS.text["en"]
    assert "kriz hattını" in WORDS.text["tr"]
    assert WORDS.status == "draft_pending_clinician_signoff"
    assert WORDS.clinician_must_confirm


REFUSALS: list[tuple[str, Callable[[dict[str, Any]], object], str, str]] = [
    ("unknown key", lambda r: r.update(tone="calm"), "crisis_words", "unknown key 'tone'"),
    ("no Turkish", lambda r: r["words"].pop("tr"), "words/tr", "has no words"),
    ("German", lambda r: r["words"].update(de=["x"]), "crisis_words", "unknown key 'de'"),
    ("no phrase", lambda r: r["words"]["en"].append("..."), "words/en", "is no phrase"),
    ("a number", lambda r: r["words"]["en"].append(1), "words/en", "is no phrase"),
    ("twice", lambda r: r["words"]["en"].append("suicid*"), "words/en", "stands there twice"),
    ("a star inside", lambda r: r["words"]["en"].append("su*cide"), "words/en", "before its end"),
    ("no text", lambda r: r["text"].pop("tr"), "crisis_words", "no translation to 'tr'"),
    ("no source", lambda r: r.pop("source"), "crisis_words", "missing source"),
    ("approved", lambda r: r.update(status="approved"), "crisis_words", "unknown status"),
]


@pytest.mark.parametrize(
    ("change", "item", "message"),
    [refusal[1:] for refusal in REFUSALS],
    ids=[refusal[0] for refusal in REFUSALS],
)
def test_a_fault_in_the_list_is_refused_with_its_file_and_place(
    change: Callable[[dict[str, Any]], object], item: str, message: str
) -> None:
    raw = deepcopy(RAW)
    change(raw)
    with pytest.raises(ContentError) as refused:
        parse_crisis_words(raw, sources=CONTENT.sources)
    assert (refused.value.file, refused.value.item) == ("crisis_words.toml", item)
    assert message in refused.value.message
