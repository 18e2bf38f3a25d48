"""The phases of a plan template: by day, or only with a clinician's word, on stated criteria."""

from collections.abc import Container, Iterable
from typing import Any

from recovery_service.domain.check_in_items import Catalogue, CheckInItem
from recovery_service.domain.content_fields import ContentError, Fields, each_once
from recovery_service.domain.plan_template_fields import SOURCED, days, sourced
from recovery_service.domain.plan_template_parts import (
    ADVANCES,
    BY_CLINICIAN,
    BY_DAY,
    Criterion,
    Gate,
    Phase,
    PlanTemplate,
)

#: What the service counts by itself. `sessions_share`: exercises done of those due, 0 to 1;
#: `open_alerts`: how many nobody has resolved, at this moment.
FACTS = ("sessions_share", "open_alerts")
MOST_ENTRIES = 7
LONGEST = 28

_PHASE = ("code", "title", "from_day", "to_day")
_GATE = ("advance", "decide_from_day", "criteria", *SOURCED)
_CRITERION = ("code", "title", "item", "fact", "at_least", "at_most", "in", "entries")


def parse_phases(top: Fields, sources: Container[str]) -> tuple[Phase, ...]:
    """Read the phases; they follow each other from day 0 on, so that every day has one."""
    phases: list[Phase] = []
    expected = 0
    tables = top.tables("phases")
    each_once(tables)
    for table in tables:
        table.only(*_PHASE, *_GATE)
        first, last = days(table)
        if first != expected:
            table.refuse(f"wrong day range: it must begin on day {expected}")
        phases.append(
            Phase(
                code=table.code(),
                title=table.texts("title"),
                from_day=first,
                to_day=last,
                gate=_gate(table, phases, first, sources),
            )
        )
        expected = last + 1
    if not phases:
        top.refuse("has no phases")
    return tuple(phases)


def refuse_what_no_form_asks(template: PlanTemplate, catalogue: Catalogue, *, file: str) -> None:
    """Refuse a criterion that no patient could meet; raises `ContentError`.

    Its item must be asked of the procedure, as often as it wants entries, up to the first
    day on which the phase may be decided; its limits must be answers that there are.
    """
    for phase in template.phases:
        if phase.gate is None:
            continue
        for criterion in phase.gate.criteria:
            item = criterion.item and catalogue.items.get(criterion.item)
            wrong = None
            if criterion.item is not None:
                wrong = (
                    _wrong(criterion, item, template.procedure, phase.gate, catalogue)
                    if isinstance(item, CheckInItem)
                    else f"there is no question {criterion.item!r}"
                )
            if wrong is not None:
                raise ContentError(file, f"phases/{phase.code}/criteria/{criterion.code}", wrong)


def _gate(
    table: Fields, before: Iterable[Phase], first: int, sources: Container[str]
) -> Gate | None:
    advance = table.choice("advance", ADVANCES) if table.has("advance") else BY_DAY
    if advance != BY_CLINICIAN:
        if any(table.has(key) for key in _GATE if key != "advance"):
            table.refuse("only a phase that a clinician confirms has criteria and a source")
        return None
    previous = list(before)
    if not previous:
        table.refuse("the first phase begins by itself: there is none to stay in")
    gate = Gate(
        decide_from_day=table.integer("decide_from_day", previous[-1].from_day, first),
        criteria=_criteria(table, sources),
        **sourced(table, sources),
    )
    if not gate.clinician_must_confirm:
        table.refuse("clinician_must_confirm must be true where a clinician lets a phase begin")
    return gate


def _criteria(table: Fields, sources: Container[str]) -> tuple[Criterion, ...]:
    tables = tuple(
        Fields(one.raw, one.file, f"{table.item}/{one.item}") for one in table.tables("criteria")
    )
    each_once(tables)
    return tuple(_criterion(one, sources) for one in tables)


def _criterion(table: Fields, sources: Container[str]) -> Criterion:
    table.only(*_CRITERION, "within_days", *SOURCED)
    if table.has("item") == table.has("fact"):
        table.refuse("needs either an item or a fact")
    limits = [key for key in ("at_least", "at_most", "in") if table.has(key)]
    if not limits or ("in" in limits and len(limits) > 1):
        table.refuse("needs at_least, at_most, both, or in")
    fact = table.choice("fact", FACTS) if table.has("fact") else None
    _require_limits(table, fact, limits)
    return Criterion(
        code=table.code(),
        title=table.texts("title"),
        item=table.code("item") if table.has("item") else None,
        fact=fact,
        one_of=_answers(table),
        entries=table.integer("entries", 1, MOST_ENTRIES) if table.has("entries") else 1,
        within_days=1 if fact == "open_alerts" else table.integer("within_days", 1, LONGEST),
        **_range(table),
        **sourced(table, sources),
    )


def _require_limits(table: Fields, fact: str | None, limits: list[str]) -> None:
    if fact is not None and table.has("entries"):
        table.refuse("a fact has no entries")
    if fact == "sessions_share" and limits != ["at_least"]:
        table.refuse("sessions_share has at_least and within_days, and nothing else")
    if fact == "open_alerts" and (limits != ["at_most"] or table.has("within_days")):
        table.refuse("open_alerts has at_most, and nothing else")


def _range(table: Fields) -> dict[str, Any]:
    most = 1 if table.raw.get("fact") == "sessions_share" else 1000
    found = {
        key: table.number(key, 0, most) if table.has(key) else None
        for key in ("at_least", "at_most")
    }
    low, high = found["at_least"], found["at_most"]
    if low is not None and high is not None and low > high:
        table.refuse("at_least is above at_most")
    return found


def _answers(table: Fields) -> tuple[str, ...]:
    answers = table.values("in")
    if table.has("in") and (not answers or not all(isinstance(one, str) for one in answers)):
        table.refuse("in must be a list of answers")
    return tuple(answers)


def _wrong(
    criterion: Criterion, item: CheckInItem, procedure: str, gate: Gate, catalogue: Catalogue
) -> str | None:
    """Return what is wrong with a criterion of an item, None where nothing is."""
    if procedure not in item.procedures:
        return f"{item.code!r} is not asked after this procedure"
    if item.show_if is not None:
        return f"{item.code!r} is asked only after another answer"
    last = gate.decide_from_day
    window = range(max(0, last - criterion.within_days + 1), last + 1)
    asked = len(window) if item.always else sum(map(catalogue.is_due, window))
    if asked < criterion.entries:
        return f"{item.code!r} is asked {asked} times in these days, not {criterion.entries}"
    return _impossible(criterion, item)


def _impossible(criterion: Criterion, item: CheckInItem) -> str | None:
    if item.minimum is None or item.maximum is None:
        known = {one.code for one in item.codes}
        strange = sorted(set(criterion.one_of) - known)
        if strange or not criterion.one_of:
            return f"{item.code!r} has answers to choose from: name some of them under in"
        return None
    limits = [one for one in (criterion.at_least, criterion.at_most) if one is not None]
    if not limits or not all(item.minimum <= one <= item.maximum for one in limits):
        return f"{item.code!r} is a number from {item.minimum:g} to {item.maximum:g}"
    return None
