"""What came back: answers compared with the form that asked for them.

Answers are kept by link id: true or false, a number, a code, a text, or null for asked and not
answered. What its question cannot have is an error; what was left out is not: a report that is
not complete is kept as one that is not complete.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from recovery_service.domain.fhir_elements import escaped
from recovery_service.domain.questionnaire_items import (
    LONGEST_TEXT,
    Answer,
    FormItem,
    QuestionnaireForm,
)
from recovery_service.errors import FieldError


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Answers as they are kept; with `errors`, each with its pointer, they are refused."""

    answers: dict[str, Answer]
    errors: tuple[FieldError, ...]


class _WrongAnswerError(ValueError):
    """An answer that its question cannot have; the text says what it can have."""


def check_answers(form: QuestionnaireForm, answers: Mapping[str, Any]) -> Checked:
    """Compare answers with their questions; an empty text is no answer."""
    questions = form.questions()
    kept: dict[str, Answer] = {}
    errors: list[FieldError] = []
    for name, answer in answers.items():
        pointer = f"/answers/{escaped(name)}"
        question = questions.get(name)
        if question is None:
            errors.append(FieldError(pointer, "No question of this form."))
            continue
        try:
            kept[name] = None if answer is None else _READERS[question.type](question, answer)
        except _WrongAnswerError as wrong:
            errors.append(FieldError(pointer, str(wrong)))
    return Checked(answers=kept, errors=tuple(errors))


def _boolean(_: FormItem, answer: object) -> bool:
    if not isinstance(answer, bool):
        raise _WrongAnswerError("Must be true or false.")
    return answer


def _integer(item: FormItem, answer: object) -> int:
    number = _decimal(item, answer)
    if number != number // 1:
        raise _WrongAnswerError("Must be a whole number.")
    return int(number)


def _decimal(item: FormItem, answer: object) -> float:
    if not isinstance(answer, int | float) or isinstance(answer, bool):
        raise _WrongAnswerError("Must be a number.")
    if item.minimum is not None and answer < item.minimum:
        raise _WrongAnswerError(f"Must be at least {item.minimum:g}.")
    if item.maximum is not None and answer > item.maximum:
        raise _WrongAnswerError(f"Must be at most {item.maximum:g}.")
    return answer


def _choice(item: FormItem, answer: object) -> str:
    if not isinstance(answer, str) or item.option(answer) is None:
        raise _WrongAnswerError(f"Must be one of {', '.join(one.code for one in item.options)}.")
    return answer


def _string(_: FormItem, answer: object) -> str | None:
    if not isinstance(answer, str) or len(answer) > LONGEST_TEXT:
        raise _WrongAnswerError(f"Must be a text of at most {LONGEST_TEXT} characters.")
    return answer.strip() or None


_READERS: Mapping[str, Callable[[FormItem, object], Answer]] = {
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
    "choice": _choice,
    "string": _string,
}
