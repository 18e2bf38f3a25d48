"""When an item is asked: FHIR's enableWhen, read, checked for circles, and judged.

A condition on a question that is not asked itself is judged as if it were not answered. What
stands below an item is asked only where the item is.
"""

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any

from recovery_service.domain.fhir_elements import Faults
from recovery_service.domain.questionnaire_items import Condition, FormItem, QuestionnaireForm

MOST_CONDITIONS = 20
EXISTS = "exists"
_SIZES: Mapping[str, Callable[[Any, Any], bool]] = {">": gt, "<": lt, ">=": ge, "<=": le}
_SAME = ("=", "!=")
_OPERATORS = (EXISTS, *_SAME, *_SIZES)
#: Which answer[x] compares with a question of which type.
_ANSWERS = {
    "boolean": "answerBoolean",
    "integer": "answerInteger",
    "decimal": "answerDecimal",
    "string": "answerString",
    "choice": "answerCoding",
}
_KINDS: Mapping[str, tuple[type, ...]] = {
    "answerBoolean": (bool,),
    "answerInteger": (int,),
    "answerDecimal": (int, float),
    "answerString": (str,),
}


def conditions_of(
    raw: Mapping[str, Any], pointer: str, asked: Mapping[str, FormItem], faults: Faults
) -> tuple[Condition, ...]:
    """Read the conditions of an item; `asked` are the questions of the form by link id."""
    listed = raw.get("enableWhen", [])
    if not isinstance(listed, list) or len(listed) > MOST_CONDITIONS:
        faults.add(f"{pointer}/enableWhen", f"Must be at most {MOST_CONDITIONS} conditions.")
        return ()
    behaviour = raw.get("enableBehavior")
    if behaviour not in ("all", "any") and (behaviour is not None or len(listed) > 1):
        faults.add(f"{pointer}/enableBehavior", "Several conditions need all or any.")
    found = [
        _condition(one, f"{pointer}/enableWhen/{place}", asked, faults)
        for place, one in enumerate(listed)
    ]
    return tuple(one for one in found if one is not None)


def _condition(
    raw: Any, at: str, asked: Mapping[str, FormItem], faults: Faults
) -> Condition | None:
    if not isinstance(raw, Mapping):
        faults.add(at, "Must be a condition.")
        return None
    name, operator = raw.get("question"), raw.get("operator")
    question = asked.get(name) if isinstance(name, str) else None
    if question is None:
        faults.add(f"{at}/question", "Names no question of this form.")
        return None
    if operator not in _OPERATORS:
        faults.add(f"{at}/operator", f"Must be one of {' '.join(_OPERATORS)}.")
        return None
    if operator in _SIZES and question.type not in ("integer", "decimal"):
        faults.add(f"{at}/operator", "Only numbers are greater or less.")
        return None
    answer = _answer(raw, at, operator, question, faults)
    if answer is None:
        return None
    return Condition(question=question.link_id, operator=operator, answer=answer)


def _answer(
    raw: Mapping[str, Any], at: str, operator: str, question: FormItem, faults: Faults
) -> bool | float | str | None:
    wanted = "answerBoolean" if operator == EXISTS else _ANSWERS[question.type]
    given = [name for name in raw if name.startswith("answer")]
    if given != [wanted]:
        faults.add(at, f"Must have {wanted}, and no other answer.")
        return None
    value: Any = raw[wanted]
    if wanted == "answerCoding":
        option = question.option(value.get("code")) if isinstance(value, Mapping) else None
        if option is None or value.get("system", option.system) != option.system:
            faults.add(f"{at}/{wanted}", "Names no answer of that question.")
            return None
        return option.code
    if type(value) not in _KINDS[wanted]:
        faults.add(f"{at}/{wanted}", "Has the wrong type.")
        return None
    return value  # type: ignore[no-any-return]


def note_circles(form: QuestionnaireForm, pointers: Mapping[str, str], faults: Faults) -> None:
    """Note where it depends on an item itself whether it is asked, by conditions and groups."""
    leads = _leads(form)
    conditional = {item.link_id for item, _ in form.walk() if item.conditions}
    settled: set[str] = set()
    for start in leads:
        circle = _circle(start, leads, (), settled)
        if circle:
            first = next(name for name in circle if name in conditional)
            faults.add(f"{pointers[first]}/enableWhen", f"Circular: {' → '.join(circle)}.")
            return


def _leads(form: QuestionnaireForm) -> dict[str, list[str]]:
    """Return on which items it depends whether an item is asked."""
    return {
        item.link_id: [one.question for one in item.conditions]
        + ([parent.link_id] if parent else [])
        for item, parent in form.walk()
    }


def _circle(
    name: str, leads: Mapping[str, list[str]], path: tuple[str, ...], settled: set[str]
) -> tuple[str, ...]:
    """Return the items of a circle that is reached from here, its first item at both ends."""
    if name in path:
        return (*path[path.index(name) :], name)
    if name in settled:
        return ()
    for other in leads[name]:
        circle = _circle(other, leads, (*path, name), settled)
        if circle:
            return circle
    settled.add(name)
    return ()


def enabled(form: QuestionnaireForm, answers: Mapping[str, Any]) -> frozenset[str]:
    """Return the link ids of what is asked of somebody with these answers."""
    items = {item.link_id: (item, parent) for item, parent in form.walk()}
    known: dict[str, bool] = {}

    def asked(name: str) -> bool:
        if name not in known:
            item, parent = items[name]
            known[name] = (parent is None or asked(parent.link_id)) and _holds(item)
        return known[name]

    def _holds(item: FormItem) -> bool:
        if not item.conditions:
            return True
        met = (_met(one, answers.get(one.question) if asked(one.question) else None)
               for one in item.conditions)  # fmt: skip
        return any(met) if item.any_of else all(met)

    return frozenset(name for name in items if asked(name))


def _met(condition: Condition, answer: Any) -> bool:
    if condition.operator == EXISTS:
        return (answer is not None) == condition.answer
    if answer is None:
        return False
    if condition.operator in _SIZES:
        return _SIZES[condition.operator](answer, condition.answer)
    same: bool = answer == condition.answer
    return same == (condition.operator == "=")
