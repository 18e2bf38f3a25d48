"""Plan templates: clinical content for one procedure, from which a plan is made.

A template is data (`config/plan_templates/*.toml`, or a clinic's own copy). Parsing is
the only way to one, and refuses with `ContentError` whatever a patient's plan could
not carry: the texts name the file and the item for the clinician who corrects it.
"""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from recovery_service.domain.content_fields import ContentError, Fields, each_once
from recovery_service.domain.plan_template_fields import (
    LARGEST_LIMIT,
    LAST_DAY,
    SOURCED,
    WINDOW,
    days,
    dose,
    media,
    range_seen,
    sourced,
    window,
)
from recovery_service.domain.plan_template_parts import (
    DRAFT,
    Phase,
    PlanTemplate,
    QuestionnaireTime,
    Restriction,
    Sourced,
    TemplateAppointment,
    TemplateItem,
    content_hash,
)
from recovery_service.domain.plan_template_phases import parse_phases
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.domain.recurrence_rules import InvalidRule, Rule
from recovery_service.domain.reminder_kinds import PLANNABLE, REMINDER_KINDS
from recovery_service.domain.slot_names import require_neutral

__all__ = [
    "ContentError",
    "Phase",
    "PlanTemplate",
    "QuestionnaireTime",
    "Restriction",
    "Sourced",
    "TemplateAppointment",
    "TemplateItem",
    "content_hash",
    "parse_template",
]

#: Clinicians enter medication for one patient; no template may carry any.
TEMPLATE_KINDS = tuple(kind for kind in PLANNABLE if kind != "medication")
MODES = ("in_person", "phone", "video")
UNITS = ("kg", "min")
LONGEST_STAY = 90

_HEAD = ("code", "version", "procedure", "variant", "default", "title", "status")
_LISTS = ("phases", "items", "restrictions", "appointments", "questionnaires")
_ITEM = ("kind", "phase", "appointment", "title", "instructions", "dose", "rule", "media")
_RESTRICTION = ("limit", "unit", "range_seen", "from_day", "to_day", "text")


def parse_template(raw: Mapping[str, Any], *, file: str, sources: Container[str]) -> PlanTemplate:
    """Read a template strictly; `sources` holds the source keys that exist.

    Raises `ContentError` naming the file and the item that is wrong.
    """
    top = Fields(raw, file, "template")
    top.only(*_HEAD, "typical_stay_days", *_LISTS)
    phases = parse_phases(top, sources)
    appointments = _once_each(top, "appointments")
    items = _once_each(top, "items")
    if not items:
        top.refuse("has no items")
    return PlanTemplate(
        code=top.code(),
        version=top.integer("version", 1, 10_000),
        procedure=top.choice("procedure", PROCEDURES),
        variant=top.code("variant") if top.has("variant") else None,
        default=top.flag("default", default=not top.has("variant")),
        title=top.texts("title"),
        status=top.choice("status", (DRAFT,)),
        typical_stay_days=top.optional_integer("typical_stay_days", 0, LONGEST_STAY),
        phases=phases,
        items=tuple(
            _item(table, sources, phases, {one.code() for one in appointments}) for table in items
        ),
        restrictions=_restrictions(top, sources),
        appointments=tuple(_appointment(table, sources) for table in appointments),
        questionnaires=tuple(
            _questionnaire(table, sources) for table in _once_each(top, "questionnaires")
        ),
        content_hash=content_hash(raw),
        raw=raw,
    )


def _once_each(top: Fields, key: str) -> tuple[Fields, ...]:
    tables = top.tables(key)
    each_once(tables)
    return tables


def _item(
    table: Fields, sources: Container[str], phases: Sequence[Phase], appointments: Container[str]
) -> TemplateItem:
    table.only("code", *_ITEM, *SOURCED)
    kind = table.choice("kind", TEMPLATE_KINDS)
    rule = _rule(table, kind)
    return TemplateItem(
        code=table.code(),
        kind=kind,
        phase=_phase_of(table, rule, phases),
        title=table.texts("title"),
        instructions=table.texts("instructions"),
        dose=dose(table),
        rule=rule,
        appointment=_appointment_of(table, kind, appointments),
        media=media(table),
        **sourced(table, sources),
    )


def _rule(table: Fields, kind: str) -> Rule:
    behaviour = REMINDER_KINDS[kind]
    try:
        rule = Rule.parse(
            table.table("rule").raw,
            identity=behaviour.identity,
            quiet=behaviour.quiet,
            priority=behaviour.priority,
        )
        require_neutral(rule)
    except InvalidRule as refusal:
        table.refuse(f"rule{refusal.pointer} {refusal.message}")
    if rule.anchor == "surgery" and rule.from_day == 0:
        table.refuse("wrong day range: day 0 is the operation itself")
    return rule


def _phase_of(table: Fields, rule: Rule, phases: Sequence[Phase]) -> str | None:
    if not table.has("phase"):
        return None
    known = {phase.code: phase for phase in phases}
    phase = known[table.choice("phase", known)]
    last = rule.to_day
    if rule.anchor != "surgery":
        table.refuse("an item of a phase must count from surgery")
    if rule.from_day < phase.from_day or last is None or last > phase.to_day:
        table.refuse(f"wrong day range: {phase.code} is days {phase.from_day} to {phase.to_day}")
    return phase.code


def _appointment_of(table: Fields, kind: str, appointments: Container[str]) -> str | None:
    if not table.has("appointment"):
        return None
    code = table.code("appointment")
    if kind != "follow_up" or code not in appointments:
        table.refuse(f"only a follow_up can ask to book, and {code!r} must be an appointment")
    return code


def _restrictions(top: Fields, sources: Container[str]) -> tuple[Restriction, ...]:
    found: list[Restriction] = []
    for table in top.tables("restrictions"):
        one = _restriction(table, sources)
        if any(_overlap(one, other) for other in found if other.code == one.code):
            table.refuse(f"overlaps another {one.code}")
        found.append(one)
    return tuple(found)


def _restriction(table: Fields, sources: Container[str]) -> Restriction:
    table.only("code", *_RESTRICTION, *SOURCED)
    if table.has("limit") != table.has("unit"):
        table.refuse("limit and unit belong together")
    first, last = (
        days(table) if table.has("to_day") else (table.integer("from_day", 0, LAST_DAY), None)
    )
    return Restriction(
        code=table.code(),
        limit=table.number("limit", 0, LARGEST_LIMIT) if table.has("limit") else None,
        unit=table.choice("unit", UNITS) if table.has("unit") else None,
        range_seen=range_seen(table),
        from_day=first,
        to_day=last,
        text=table.texts("text"),
        **sourced(table, sources),
    )


def _overlap(one: Restriction, other: Restriction) -> bool:
    earlier, later = sorted((one, other), key=lambda restriction: restriction.from_day)
    return earlier.to_day is None or earlier.to_day >= later.from_day


def _appointment(table: Fields, sources: Container[str]) -> TemplateAppointment:
    table.only("code", "title", "mode", "optional", *WINDOW, *SOURCED)
    return TemplateAppointment(
        code=table.code(),
        title=table.texts("title"),
        mode=table.choice("mode", MODES) if table.has("mode") else "in_person",
        optional=table.flag("optional"),
        **window(table, earliest=0),
        **sourced(table, sources),
    )


def _questionnaire(table: Fields, sources: Container[str]) -> QuestionnaireTime:
    table.only("code", *WINDOW, *SOURCED)
    return QuestionnaireTime(
        code=table.code(), **window(table, earliest=-30), **sourced(table, sources)
    )
