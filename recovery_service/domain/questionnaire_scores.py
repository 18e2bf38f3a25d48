"""From answers to a score, by the instrument's rule. Exact: no order of answers changes it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from recovery_service.domain.instruments import COUNT, MEAN, Scoring
from recovery_service.domain.questionnaire_conditions import enabled
from recovery_service.domain.questionnaire_items import Answer, FormItem, QuestionnaireForm

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A score in the instrument's scale, None where too little was answered.

    `complete`: all that had to be answered was, and all that counts.
    """

    score: float | None
    answered: int
    complete: bool


def score(form: QuestionnaireForm, scoring: Scoring, answers: Mapping[str, Answer]) -> Scored:
    """Score what was asked and answered; an answer that was not asked for does not count."""
    asked = enabled(form, answers)
    questions = [item for name, item in form.questions().items() if name in asked]
    counted = {
        item.link_id: weight
        for item in questions
        if item.scored and (weight := _weight(item, answers.get(item.link_id))) is not None
    }
    wanted = [item for item in questions if item.scored or item.required]
    return Scored(
        score=_score(form.scored(), scoring, counted),
        answered=len(counted),
        complete=all(answers.get(item.link_id) is not None for item in wanted),
    )


def _score(
    items: Iterable[FormItem], scoring: Scoring, counted: Mapping[str, Decimal]
) -> float | None:
    if not counted or len(counted) < scoring.least_answered:
        return None
    total = sum(counted.values(), Decimal())
    if scoring.kind == COUNT:
        return rounded(total, scoring)
    if scoring.kind == MEAN:
        return rounded(total / len(counted), scoring)
    most = sum((Decimal(str(item.most())) for item in items if item.link_id in counted), Decimal())
    return rounded(total / most * _HUNDRED, scoring)


def rounded(value: Decimal, scoring: Scoring) -> float:
    """Return a score with the decimals of its instrument; a half goes up."""
    return float(value.quantize(Decimal(1).scaleb(-scoring.decimals), ROUND_HALF_UP))


def _weight(item: FormItem, answer: Answer) -> Decimal | None:
    """Return what an answer counts, None where there is none."""
    if answer is None:
        return None
    if item.type == "choice":
        option = item.option(answer)
        return None if option is None or option.ordinal is None else Decimal(str(option.ordinal))
    return Decimal(str(int(answer) if isinstance(answer, bool) else answer))
