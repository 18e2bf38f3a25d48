"""Why a reminder came or did not come, in words: for patients, staff and operators alike."""

from recovery_service.domain.content import Content
from recovery_service.domain.delivery_reasons import Why, why


def why_in_words(
    content: Content, language: str, *, state: str, cause: str, reason: str | None
) -> str:
    """Return one or two sentences that say why a delivery stands as it does."""
    return in_words(content, language, why(state, cause, reason))


def in_words(content: Content, language: str, told: Why) -> str:
    """Return the sentence, with the trouble it tells of."""
    trouble = content.text(told.trouble, language) if told.trouble else ""
    words = {"trouble": trouble} if told.trouble else {}
    return content.text(told.key, language, **words)
