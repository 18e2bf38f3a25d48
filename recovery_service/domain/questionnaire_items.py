"""What a questionnaire asks: questions in groups, each with what it may be answered with.

The shipped forms and a clinic's imported FHIR Questionnaires become the same thing here, so
that showing, checking and scoring know nothing of where a form came from.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recovery_service.domain.languages import Texts, in_language

GROUP, DISPLAY = "group", "display"
QUESTIONS = ("choice", "integer", "decimal", "boolean", "string")
TYPES = (GROUP, DISPLAY, *QUESTIONS)
LONGEST_TEXT = 500

Answer = bool | int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One of the answers to choose from; `ordinal` is what it counts, None for nothing."""

    code: str
    label: Texts
    system: str | None = None
    ordinal: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """When an item is asked: how the answer to `question` compares, as in FHIR's enableWhen."""

    question: str
    operator: str
    answer: bool | float | str

    def as_json(self) -> dict[str, Any]:
        """Return `{question, operator, answer}`."""
        return {"question": self.question, "operator": self.operator, "answer": self.answer}


@dataclass(frozen=True, slots=True, kw_only=True)
class FormItem:
    """A group, a text to read, or a question, with what stands below it.

    Numbers may have an inclusive `minimum` and `maximum`. A `scored` question counts for the
    score. Of several `conditions` all must hold, or one where `any_of` is true.
    """

    link_id: str
    type: str
    text: Texts
    required: bool = False
    scored: bool = False
    minimum: float | None = None
    maximum: float | None = None
    options: tuple[Option, ...] = ()
    conditions: tuple[Condition, ...] = ()
    any_of: bool = False
    items: tuple["FormItem", ...] = ()

    @property
    def is_question(self) -> bool:
        """Say whether it can be answered."""
        return self.type in QUESTIONS

    def option(self, code: object) -> Option | None:
        """Return the option of this code."""
        return next((one for one in self.options if one.code == code), None)

    def most(self) -> float:
        """Return the highest that one of its options counts, 0 without any."""
        return max((one.ordinal for one in self.options if one.ordinal is not None), default=0)

    def as_json(self, language: str) -> dict[str, Any]:
        """Return the item in a language; what counts how much is no business of who answers."""
        shown: dict[str, Any] = {"link_id": self.link_id, "type": self.type}
        if self.text:
            shown["text"] = in_language(self.text, language)
        if self.is_question:
            shown["required"] = self.required
        if self.minimum is not None:
            shown["min"] = self.minimum
        if self.maximum is not None:
            shown["max"] = self.maximum
        if self.options:
            shown["options"] = [
                {"code": one.code, "label": in_language(one.label, language)}
                for one in self.options
            ]
        if self.conditions:
            shown["enable_when"] = [one.as_json() for one in self.conditions]
            shown["enable_behavior"] = "any" if self.any_of else "all"
        return shown | {"items": [item.as_json(language) for item in self.items]}


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionnaireForm:
    """A whole form; `version` names its content, `url` the licensed resource it came from."""

    title: Texts
    items: tuple[FormItem, ...]
    version: str | None = None
    url: str | None = None

    def walk(self) -> Iterator[tuple[FormItem, FormItem | None]]:
        """Yield every item in the order of asking, with the item that it stands below."""
        yield from _walk(self.items, None)

    def questions(self) -> Mapping[str, FormItem]:
        """Return what can be answered, by link id."""
        return {item.link_id: item for item, _ in self.walk() if item.is_question}

    def scored(self) -> tuple[FormItem, ...]:
        """Return the questions that count."""
        return tuple(item for item, _ in self.walk() if item.scored)

    def as_json(self, language: str) -> list[dict[str, Any]]:
        """Return the items in a language."""
        return [item.as_json(language) for item in self.items]


def _walk(
    items: tuple[FormItem, ...], parent: FormItem | None
) -> Iterator[tuple[FormItem, FormItem | None]]:
    for item in items:
        yield item, parent
        yield from _walk(item.items, item)
