"""The languages that the service ships, and which one a person gets."""

from collections.abc import Iterator, Mapping

LANGUAGES = ("en", "tr")
DEFAULT_LANGUAGE = "en"

Texts = Mapping[str, str]


def language_of(locale: str | None) -> str:
    """Return the shipped language of a BCP 47 locale (`tr-TR` gives `tr`), else the default."""
    wanted = _primary(locale or "")
    return wanted if wanted in LANGUAGES else DEFAULT_LANGUAGE


def preferred_language(accept_language: str | None, *, locale: str | None = None) -> str:
    """Return the shipped language that an `Accept-Language` header ranks highest.

    The person's own locale decides where the header is missing, malformed, a
    wildcard, or names none of ours.
    """
    ranked = sorted(_ranges(accept_language or ""), key=lambda entry: -entry[1])
    for language, weight in ranked:
        if weight > 0 and language in LANGUAGES:
            return language
    return language_of(locale)


def in_language(texts: Texts, language: str) -> str:
    """Return the text in that language, else in the default one, else in the one there is.

    Staff may write a text in a single language; that is better than none.
    """
    return texts.get(language) or texts.get(DEFAULT_LANGUAGE) or next(iter(texts.values()))


def _ranges(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(","):
        name, _, parameter = part.partition(";")
        _, _, weight = parameter.strip().partition("=")
        try:
            yield _primary(name), float(weight or 1)
        except ValueError:
            continue


def _primary(tag: str) -> str:
    return tag.strip().replace("_", "-").partition("-")[0].lower()
