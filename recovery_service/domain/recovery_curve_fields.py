"""Reading recovery curves strictly.

Parsing is the only way to curves, and refuses with `ContentError` naming the file and
the curve. Published numbers are converted here, once, to the question's own scale.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from recovery_service.domain.check_in_items import Catalogue, CheckInItem, named_procedures
from recovery_service.domain.content_fields import Fields, each_once
from recovery_service.domain.corridor import FOUND, LABELS, MEMORY
from recovery_service.domain.plan_template_fields import LAST_DAY, SOURCED, sourced
from recovery_service.domain.plan_template_parts import DRAFT, content_hash
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.domain.recovery_curves import (
    CHANGE,
    KINDS,
    Anchor,
    BeforeSurgery,
    Curve,
    JudgedFrom,
    Noise,
    RecoveryCurves,
    StatusRule,
)

_LARGEST_SCALE = 1000
_MOST_WEEKS = 2  # as many as the caseload looks back
_MOST_DEVIATIONS = 3
_PREFIXES = {FOUND: "F:", MEMORY: "M:"}
_CURVE = (
    "code", "procedure", "item", "kind", "published_maximum", "before_surgery", "anchors",
    "people", "caution",
)  # fmt: skip


def parse_curves(
    raw: Mapping[str, Any],
    *,
    catalogue: Catalogue,
    sources: Container[str],
    file: str = "recovery_curves.toml",
) -> RecoveryCurves:
    """Read the curves strictly; raises `ContentError` naming the file and the curve."""
    top = Fields(raw, file, "recovery_curves")
    top.only("version", "status", "rule", "judged_from", "noise", "curves")
    tables = top.tables("curves")
    each_once(tables)
    if not tables:
        top.refuse("has no curves")
    read = RecoveryCurves(
        version=top.integer("version", 1, 10_000),
        status=top.choice("status", (DRAFT,)),
        content_hash=content_hash(raw),
        rule=_rule(Fields(top.table("rule").raw, file, "rule"), sources),
        judged_from=tuple(
            _judged_from(table, catalogue, sources) for table in top.tables("judged_from")
        ),
        noise={one.item: one for one in _noises(top, catalogue, sources)},
        curves=tuple(_curve(table, catalogue, sources) for table in tables),
    )
    _check(top, tables, read)
    return read


def _rule(table: Fields, sources: Container[str]) -> StatusRule:
    table.only("weeks", "deviations", *SOURCED)
    return StatusRule(
        weeks=table.integer("weeks", 2, _MOST_WEEKS),
        deviations=table.number("deviations", 0.5, _MOST_DEVIATIONS),
        **sourced(table, sources),
    )


def _judged_from(table: Fields, catalogue: Catalogue, sources: Container[str]) -> JudgedFrom:
    table.only("item", "procedures", "day", *SOURCED)
    procedures = named_procedures(table)
    for procedure in procedures:
        numeric_item(table, catalogue, procedure)
    return JudgedFrom(
        item=table.text("item"),
        procedures=procedures,
        day=table.integer("day", 0, LAST_DAY),
        **sourced(table, sources),
    )


def _noises(top: Fields, catalogue: Catalogue, sources: Container[str]) -> list[Noise]:
    found: dict[str, Noise] = {}
    for table in top.tables("noise"):
        table.only("item", "important_change", "detectable_change", *SOURCED)
        item = numeric_item(table, catalogue)
        if item.code in found:
            table.refuse(f"a second noise of {item.code}")
        span = _span(item)
        found[item.code] = Noise(
            item=item.code,
            important_change=table.number("important_change", 0, span),
            detectable_change=table.number("detectable_change", 0, span),
            **sourced(table, sources),
        )
    return list(found.values())


def _curve(table: Fields, catalogue: Catalogue, sources: Container[str]) -> Curve:
    table.only(*_CURVE)
    procedure = table.choice("procedure", PROCEDURES)
    item = numeric_item(table, catalogue, procedure)
    kind = table.choice("kind", KINDS)
    published = table.number("published_maximum", 1, _LARGEST_SCALE)
    assert item.minimum is not None and item.maximum is not None  # noqa: S101, PT018 - a number
    scale = _Scale(published, _span(item) / published, item.minimum, changes=kind == CHANGE)
    anchors = tuple(_anchor(each, scale, sources) for each in _anchors(table))
    if not anchors:
        table.refuse("has no anchors")
    if any(later.day <= earlier.day for earlier, later in pairwise(anchors)):
        table.refuse("the days of the anchors must ascend")
    return Curve(
        code=table.code(),
        procedure=procedure,
        item=item.code,
        kind=kind,
        minimum=item.minimum,
        maximum=item.maximum,
        before=_before(table, scale),
        anchors=anchors,
        people=table.texts("people"),
        caution=table.optional_texts("caution"),
    )


@dataclass(frozen=True)
class _Scale:
    """From the source's scale (0 to `published`) to the question's own."""

    published: float
    factor: float
    minimum: float
    changes: bool

    def mean(self, table: Fields) -> float:
        low = -self.published if self.changes else 0
        value = table.number("mean", low, self.published) * self.factor
        return value if self.changes else self.minimum + value

    def deviation(self, table: Fields) -> float | None:
        if not table.has("sd"):
            return None
        return table.number("sd", 0, self.published) * self.factor


def _anchors(table: Fields) -> list[Fields]:
    found = []
    for each in table.tables("anchors"):
        place = f"{table.item}/day {each.raw.get('day', '?')}"
        found.append(Fields(each.raw, table.file, place))
    return found


def _anchor(table: Fields, scale: _Scale, sources: Container[str]) -> Anchor:
    table.only("day", "days_seen", "mean", "sd", "label", *SOURCED)
    day = table.integer("day", 1, LAST_DAY)
    label = table.choice("label", LABELS)
    facts = sourced(table, sources)
    if not all(key.startswith(_PREFIXES[label]) for key in facts["source"]):
        table.refuse("found needs a source that was read (F:), memory one that was not (M:)")
    return Anchor(
        day=day,
        mean=scale.mean(table),
        deviation=scale.deviation(table),
        label=label,
        days_seen=_days_seen(table, day),
        **facts,
    )


def _days_seen(table: Fields, day: int) -> tuple[int, int] | None:
    seen = table.values("days_seen")
    if not seen:
        return None
    whole = len(seen) == 2 and all(type(end) is int for end in seen)  # noqa: PLR2004 - two ends
    if not whole or not seen[0] <= day <= seen[1]:
        table.refuse("days_seen must be two days in order, with the day between them")
    return seen[0], seen[1]


def _before(table: Fields, scale: _Scale) -> BeforeSurgery | None:
    if not table.has("before_surgery"):
        return None
    found = table.table("before_surgery")
    found.only("mean", "sd")
    if scale.changes:
        table.refuse("before_surgery belongs to a level")
    return BeforeSurgery(mean=scale.mean(found), deviation=scale.deviation(found))


def numeric_item(table: Fields, catalogue: Catalogue, procedure: str | None = None) -> CheckInItem:
    """Return the question under `item`: one that asks for a number, and of this procedure."""
    name = table.text("item")
    item = catalogue.items.get(name)
    if item is None:
        table.refuse(f"unknown item {name!r}")
    if item.type not in ("integer", "decimal"):
        table.refuse(f"{name} asks for no number")
    if procedure is not None and procedure not in item.procedures:
        table.refuse(f"{name} is not asked after {procedure}")
    return item


def _span(item: CheckInItem) -> float:
    assert item.minimum is not None and item.maximum is not None  # noqa: S101, PT018 - a number
    return item.maximum - item.minimum


def _check(top: Fields, tables: tuple[Fields, ...], read: RecoveryCurves) -> None:
    """Refuse what each curve allows and all together do not."""
    judged = [(one.item, procedure) for one in read.judged_from for procedure in one.procedures]
    for twice in {pair for pair in judged if judged.count(pair) > 1}:
        top.refuse(f"judged_from says two days for {twice[0]} after {twice[1]}")
    seen: set[tuple[str, str, str]] = set()
    for table, curve in zip(tables, read.curves, strict=True):
        key = (curve.procedure, curve.item, curve.kind)
        if key in seen:
            table.refuse("a second curve of this procedure, item and kind")
        seen.add(key)
        if (curve.item, curve.procedure) not in judged:
            table.refuse("judged_from says no day for this item and procedure")
