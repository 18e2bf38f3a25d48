"""The languages that the service ships, and which one a person gets."""

import re
from collections.abc import Iterator, Mapping

LANGUAGES = ("en", "tr")
DEFAULT_LANGUAGE = "en"

Texts = Mapping[str, str]

# RFC 9110, 12.4.2: from 0 to 1 with three decimals, so neither `nan` nor 2.
_WEIGHT = re.compile(r"\s*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*")


def language_of(locale: str | None) -> str:
    """Return the shipped language of a BCP 47 locale (`tr-TR` gives `tr`), else the default."""
    wanted = _primary(locale or "")
    return wanted if wanted in LANGUAGES else DEFAULT_LANGUAGE


def preferred_language(accept_language: str | None, *, locale: str | None = None) -> str:
    """Return the shipped language that an `Accept-Language` header ranks highest.

    The person's own locale decides where the header is missing, malformed, a
    wildcard, or names none of ours; not, while there is another, for a language that the
    header refuses with `q=0`.
    """
    weights: dict[str, float] = {}
    for name, weight in _ranges(accept_language or ""):
        weights[name] = max(weight, weights.get(name, 0))
    own = language_of(locale)
    by_preference = (own, *(one for one in LANGUAGES if one != own))
    others = weights.get("*", 0)
    liked = {one: weights.get(one, others) for one in by_preference}
    named = [one for one in weights if one in liked]
    best = max((*named, *by_preference), key=liked.__getitem__)
    if liked[best] > 0:
        return best
    return next((one for one in by_preference if one not in weights), own)


def in_language(texts: Texts, language: str) -> str:
    """Return the text in that language, else in the default one, else in the one there is.

    Staff may write a text in a single language; that is better than none.
    """
    return texts.get(language) or texts.get(DEFAULT_LANGUAGE) or next(iter(texts.values()))


def _ranges(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(","):
        name, _, parameter = part.partition(";")
        if not parameter:
            yield _primary(name), 1.0
        elif weight := _WEIGHT.fullmatch(parameter):
            yield _primary(name), float(weight[1])


def _primary(tag: str) -> str:
    return tag.strip().replace("_", "-").partition("-")[0].lower()
