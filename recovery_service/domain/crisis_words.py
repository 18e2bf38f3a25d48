"""Words of self-harm, and of emergencies: plain lists, and nothing cleverer than a list.

It knows neither irony nor negation, and misses whatever it does not hold. That a note
has none of its words says nothing about the person who wrote it.
"""

import re
import unicodedata
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from recovery_service.domain.content_fields import Fields
from recovery_service.domain.languages import LANGUAGES, Texts
from recovery_service.domain.plan_template_fields import SOURCED, sourced
from recovery_service.domain.plan_template_parts import DRAFT, Sourced, content_hash

_WORD = re.compile(r"\w+")
# Apostrophes are left out, so that "don't" is one word however the phone writes it; the
# dotless i takes its dot, which no normal form would give it.
_UNIFIED = {**dict.fromkeys(map(ord, "'\u2019\u02bc`")), 0x131: "i"}
_ENDINGS = "*"

Phrase = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CrisisWords(Sourced):
    """A list and the text that answers it; `urgent_words.toml` is read as one as well.

    `phrases` maps a phrase as the file spells it to its folded words; a last word
    ending in `*` stands for all its endings. `text` is for the patient.
    """

    version: int
    status: str
    content_hash: str
    text: Texts
    phrases: Mapping[str, Phrase]


def crisis_words_in(words: CrisisWords, note: str | None) -> tuple[str, ...]:
    """Return the phrases of the list that a note holds, as the file spells them.

    Whole words in the order of the phrase, in any language of the list: nobody has to
    write in the language of their app.
    """
    written = folded_words(note or "")
    return tuple(spelled for spelled, phrase in words.phrases.items() if _holds(written, phrase))


def folded_words(text: str) -> Phrase:
    """Return the words of a text without case, accents and apostrophes.

    Turkish has an i with a dot and one without; both become the same, because keyboards
    and capitals mix them. So do ö and o, ş and s, since many write without the marks.
    """
    dotted = text.translate(_UNIFIED).casefold()
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", dotted)
        if not unicodedata.combining(letter)
    )
    return tuple(_WORD.findall(plain))


def parse_crisis_words(
    raw: Mapping[str, Any], *, sources: Container[str], file: str = "crisis_words.toml"
) -> CrisisWords:
    """Read the list strictly; raises `ContentError` naming the file and the language."""
    top = Fields(raw, file, "crisis_words")
    top.only("version", "status", "text", "words", *SOURCED)
    listed = top.table("words")
    listed.only(*LANGUAGES)
    phrases: dict[str, Phrase] = {}
    for language in LANGUAGES:
        _read(Fields(listed.raw, file, f"words/{language}"), language, phrases)
    return CrisisWords(
        version=top.integer("version", 1, 10_000),
        status=top.choice("status", (DRAFT,)),
        content_hash=content_hash(raw),
        text=top.texts("text"),
        phrases=phrases,
        **sourced(top, sources),
    )


def _read(table: Fields, language: str, phrases: dict[str, Phrase]) -> None:
    spellings = table.values(language)
    if not spellings:
        table.refuse("has no words")
    for spelled in spellings:
        if not isinstance(spelled, str) or not (words := folded_words(spelled)):
            table.refuse(f"{spelled!r} is no phrase")
        if spelled in phrases or _ENDINGS in spelled[:-1]:
            table.refuse(f"{spelled!r} stands there twice, or has a * before its end")
        open_end = spelled.endswith(_ENDINGS)
        phrases[spelled] = (*words[:-1], words[-1] + _ENDINGS) if open_end else words


def _holds(written: Phrase, phrase: Phrase) -> bool:
    length = len(phrase)
    starts = range(len(written) - length + 1)
    return any(_alike(written[start : start + length], phrase) for start in starts)


def _alike(written: Iterable[str], phrase: Phrase) -> bool:
    return all(
        word.startswith(wanted[:-1]) if wanted.endswith(_ENDINGS) else word == wanted
        for word, wanted in zip(written, phrase, strict=True)
    )
