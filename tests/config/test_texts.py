"""Every text of the service stands in each language, and is a translation.

Defects planted, each seen red here: a Turkish text that is the English one; a language's
folder without its texts.
"""

from pathlib import Path

import pytest

from config.content import FOLDER, read_content
from recovery_service.domain.content import Content, placeholders
from recovery_service.domain.languages import DEFAULT_LANGUAGE, LANGUAGES

TEXTS = Content.parse(read_content()).texts
#: Keys whose text is rightly the same in every language, such as a name. There is none yet.
SAME: frozenset[str] = frozenset()


def test_each_language_is_a_folder_with_its_texts() -> None:
    found = {path.parent.name for path in Path(FOLDER, "texts").glob("*/texts.toml")}
    assert found == set(LANGUAGES) == TEXTS.keys()


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {DEFAULT_LANGUAGE}))
def test_no_text_is_left_in_the_default_language(language: str) -> None:
    default, own = TEXTS[DEFAULT_LANGUAGE], TEXTS[language]
    assert own.keys() == default.keys()
    assert {key for key in own if own[key] == default[key]} == SAME
    for key, text in own.items():
        assert text.strip(), key
        assert placeholders(text) == placeholders(default[key]), key
