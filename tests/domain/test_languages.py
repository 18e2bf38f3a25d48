"""Which of the shipped languages somebody gets.

Before, a weight of 2 was taken, `q=0` for one's own language did nothing, and `*` had no weight.
"""

import pytest

from recovery_service.domain.languages import in_language, language_of, preferred_language


@pytest.mark.parametrize(
    ("locale", "language"),
    [("tr-TR", "tr"), ("tr", "tr"), ("TR_tr", "tr"), ("en-GB", "en"), ("de", "en"), (None, "en")],
)
def test_a_locale_gives_its_language_or_the_default(locale: str | None, language: str) -> None:
    assert language_of(locale) == language


@pytest.mark.parametrize(
    ("header", "locale", "language"),
    [
        ("tr", None, "tr"),
        ("de, tr;q=0.8, en;q=0.9", None, "en"),
        ("de, tr;q=0.9, en;q=0.8", None, "tr"),
        ("tr;q=0, en;q=0.1", None, "en"),
        ("tr;q=0", "en", "en"),
        ("*", "tr-TR", "tr"),
        ("", "tr", "tr"),
        (None, "tr", "tr"),
        ("tr;q=many", "en", "en"),
        ("de", "tr", "tr"),
        ("en;q=nan, tr;q=0.1", None, "tr"),
        ("en;q=2, tr;q=0.1", None, "tr"),
        ("tr;q=0", "tr", "en"),
        ("tr;q=0, en;q=0", "tr", "tr"),
        ("en;q=0.5, *", "tr", "tr"),
        ("tr-TR, en;q=0.9", "en", "tr"),
        ("tr, en", "en", "tr"),
        ("en-GB;q=0, en;q=0.7", "tr", "en"),
    ],
)
def test_the_header_ranks_and_the_locale_stands_in(
    header: str | None, locale: str | None, language: str
) -> None:
    assert preferred_language(header, locale=locale) == language


def test_a_text_without_the_language_is_in_the_default_one() -> None:
    assert in_language({"en": "Walk", "tr": "Yürüyüş"}, "tr") == "Yürüyüş"
    assert in_language({"en": "Walk"}, "tr") == "Walk"


def test_a_text_in_one_language_only_is_better_than_none() -> None:
    assert in_language({"tr": "Yürüyüş"}, "en") == "Yürüyüş"
