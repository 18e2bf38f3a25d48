"""Reasons for attention in words, in the reader's language."""

from collections.abc import Callable, Mapping
from typing import Any

from recovery_service.domain.attention import Reason
from recovery_service.domain.content import Content
from recovery_service.domain.dates_in_words import short_date
from recovery_service.domain.languages import in_language
from recovery_service.domain.messages import URGENT_WORDS

Facts = Mapping[str, Any]


def reason_in_words(content: Content, reason: Reason, language: str) -> str:
    """Return one short line that says why, with the facts that say how much."""
    variant = _VARIANTS.get(reason.code, _unchanged)(reason.facts)
    words = {
        name: _WORDS.get(name, _plain)(content, reason, value, language)
        for name, value in reason.facts.items()
    }
    return content.text(f"attention.{reason.code}{variant}", language, **words)


def answer_in_words(content: Content, item: str, answer: Any, language: str) -> str:
    """Return an answer as the form words it; what the catalogue does not know stays as it is."""
    if answer is None:
        return content.text("answer.none", language)
    if isinstance(answer, bool):
        return content.text("answer.yes" if answer else "answer.no", language)
    known = content.check_ins.items.get(item)
    labels = {one.code: one.label for one in known.codes} if known else {}
    if answer in labels:
        return in_language(labels[answer], language)
    return f"{answer:g}" if isinstance(answer, float) else str(answer)


def item_in_words(content: Content, item: str, language: str) -> str:
    """Return the short name of a question, else the question itself, else its code."""
    texts = content.texts[language]
    if f"item.{item}" in texts:
        return texts[f"item.{item}"]
    known = content.check_ins.items.get(item)
    return in_language(known.label, language) if known else item


def rule_in_words(content: Content, rule_id: str, language: str) -> str:
    """Return a rule's title; one that today's content no longer has keeps its id."""
    titles = {rule.id: rule.title for rule in content.red_flags.rules}
    if rule_id == URGENT_WORDS:
        return content.text("message.urgent", language)
    return in_language(titles[rule_id], language) if rule_id in titles else rule_id


def _unchanged(_: Facts) -> str:
    return ""


_VARIANTS: Mapping[str, Callable[[Facts], str]] = {
    "alert": lambda facts: f".{facts['state']}",
    "awaiting_clinician": lambda facts: ".draft" if facts["draft"] else ".none",
    "message_unread": lambda facts: ".several" if facts["count"] > 1 else ".one",
    "phase_overdue": lambda facts: f".{facts['state']}",
    "report_rejected": lambda facts: ".several" if facts["count"] > 1 else ".one",
    "nudge_unanswered": lambda facts: ".several" if facts["count"] > 1 else ".one",
    "questionnaire_unanswered": lambda facts: ".several" if facts["count"] > 1 else ".one",
    "follow_up_overdue": lambda facts: ".several" if facts["more"] else ".one",
    "follow_up_to_book": lambda facts: ".several" if facts["more"] else ".one",
    "appointment_outcome_unknown": lambda facts: ".several" if facts["more"] else ".one",
}


def _plain(_: Content, __: Reason, value: Any, ___: str) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _item(content: Content, _: Reason, value: Any, language: str) -> str:
    return item_in_words(content, value, language)


def _answer(content: Content, reason: Reason, value: Any, language: str) -> str:
    return answer_in_words(content, reason.facts["item"], value, language)


def _title(_: Content, __: Reason, value: Any, language: str) -> str:
    return in_language(value, language) if value else ""


def _day(content: Content, _: Reason, value: Any, language: str) -> str:
    return short_date(content, value, language)


def _rule(content: Content, _: Reason, value: Any, language: str) -> str:
    return rule_in_words(content, value, language)


_WORDS: Mapping[str, Callable[[Content, Reason, Any, str], str]] = {
    "rule": _rule,
    "item": _item,
    "answer": _answer,
    "title": _title,
    "since": _day,
    "until": _day,
    "on": _day,
}
