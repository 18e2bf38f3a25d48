"""Today's questions, and what came back: forms and answers of the check-in.

What a patient reports is never lost: an item that nobody knows any more is noted as
an issue and the rest stands. Only an answer that its item cannot have is an error.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeGuard

from recovery_service.domain.check_in_items import Catalogue, CheckInItem, parse_catalogue
from recovery_service.domain.languages import in_language
from recovery_service.errors import FieldError

__all__ = [
    "Catalogue",
    "CheckInItem",
    "CheckedAnswers",
    "Form",
    "check_answers",
    "form_for",
    "parse_catalogue",
]

Answer = bool | int | float | str | None


@dataclass(frozen=True, kw_only=True)
class Form:
    """The questions of one day in one language.

    `due` says whether the whole form is asked; otherwise it holds the safety items and
    what else is always asked. Each item is JSON: `{code, type, label, help?, safety,
    required, min?, max?, decimals?, step?, codes?: [{code, label}], show_if?}`.
    """

    form_version: str
    procedure: str
    days_since_surgery: int | None
    language: str
    due: bool
    items: tuple[dict[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        """Return the form as the API sends it."""
        return {
            "form_version": self.form_version,
            "procedure": self.procedure,
            "days_since_surgery": self.days_since_surgery,
            "language": self.language,
            "due": self.due,
            "items": [dict(item) for item in self.items],
        }


@dataclass(frozen=True, kw_only=True)
class CheckedAnswers:
    """Answers that were looked at one by one.

    `known` maps items of the catalogue to their answers (None: asked and not
    answered), decimals rounded to what the item carries. `issues` are kept with the
    check-in (`{code, item}`; codes `unknown_item`, `not_asked`, `rounded`). With
    `errors` the check-in is refused; each has a pointer such as `/answers/nrs_back`.
    """

    known: dict[str, Answer]
    issues: tuple[dict[str, str], ...]
    errors: tuple[FieldError, ...]


class _WrongAnswerError(ValueError):
    """An answer that its item cannot have; the text says what it can have."""


def form_for(
    catalogue: Catalogue, *, procedure: str, days_since_surgery: int | None, language: str
) -> Form:
    """Return the questions for a procedure on a day since surgery (None: not known)."""
    due = catalogue.is_due(days_since_surgery)
    return Form(
        form_version=catalogue.form_version,
        procedure=procedure,
        days_since_surgery=days_since_surgery,
        language=language,
        due=due,
        items=tuple(
            _question(item, language)
            for item in catalogue.items.values()
            if procedure in item.procedures and (due or item.always)
        ),
    )


def check_answers(
    catalogue: Catalogue, answers: Mapping[str, object], *, procedure: str | None = None
) -> CheckedAnswers:
    """Compare answers with the catalogue; nothing is raised, and no answer is dropped unseen.

    An item of the catalogue that this procedure's form does not ask is known all the
    same, with an issue: a warning sign counts wherever it comes from.
    """
    known: dict[str, Answer] = {}
    issues: list[dict[str, str]] = []
    errors: list[FieldError] = []
    for name, answer in answers.items():
        item = catalogue.items.get(name)
        if item is None:
            issues.append({"code": "unknown_item", "item": name})
            continue
        try:
            known[name] = None if answer is None else _READERS[item.type](item, answer)
        except _WrongAnswerError as wrong:
            errors.append(FieldError(f"/answers/{name}", str(wrong)))
            continue
        if known[name] != answer:
            issues.append({"code": "rounded", "item": name})
        if procedure is not None and procedure not in item.procedures:
            issues.append({"code": "not_asked", "item": name})
    return CheckedAnswers(known=known, issues=tuple(issues), errors=tuple(errors))


def known_answer(item: CheckInItem, answer: object) -> Answer:
    """Return an answer as its item has it; None where it is none, or cannot be its answer."""
    try:
        return None if answer is None else _READERS[item.type](item, answer)
    except _WrongAnswerError:
        return None


def _question(item: CheckInItem, language: str) -> dict[str, Any]:
    optional: dict[str, Any] = {
        "help": in_language(item.help, language) if item.help else None,
        "min": item.minimum,
        "max": item.maximum,
        "decimals": item.decimals,
        "step": item.step,
        "codes": [
            {"code": one.code, "label": in_language(one.label, language)} for one in item.codes
        ]
        or None,
        "show_if": item.show_if.as_json() if item.show_if else None,
    }
    return {
        "code": item.code,
        "type": item.type,
        "label": in_language(item.label, language),
        "safety": item.safety,
        "required": False,
        **{key: value for key, value in optional.items() if value is not None},
    }


def _boolean(_: CheckInItem, answer: object) -> bool:
    if not isinstance(answer, bool):
        raise _WrongAnswerError("Must be true or false.")
    return answer


def _code(item: CheckInItem, answer: object) -> str:
    if not isinstance(answer, str) or answer not in {one.code for one in item.codes}:
        raise _WrongAnswerError(f"Must be one of {', '.join(one.code for one in item.codes)}.")
    return answer


def _integer(item: CheckInItem, answer: object) -> int:
    if not _is_number(answer) or answer != answer // 1:
        raise _WrongAnswerError(f"Must be a whole number{_span(item)}.")
    return int(_within(item, answer))


def _decimal(item: CheckInItem, answer: object) -> float:
    """Return the number as its item carries it; a half is rounded up, towards the warning."""
    if not _is_number(answer):
        raise _WrongAnswerError(f"Must be a number{_span(item)}.")
    exact = Decimal(str(_within(item, answer)))
    return float(exact.quantize(Decimal(1).scaleb(-(item.decimals or 0)), ROUND_HALF_UP))


def _is_number(answer: object) -> TypeGuard[int | float]:
    """Tell a number from all else; JSON's true is no number, though Python's is."""
    return type(answer) in (int, float)


def _within(item: CheckInItem, answer: float) -> float:
    low, high = item.minimum, item.maximum
    if low is None or high is None or not low <= answer <= high:
        raise _WrongAnswerError(f"Must be a number{_span(item)}.")
    return answer


def _span(item: CheckInItem) -> str:
    return f" from {item.minimum:g} to {item.maximum:g}"


_READERS: Mapping[str, Callable[[CheckInItem, object], Answer]] = {
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
    "code": _code,
}
