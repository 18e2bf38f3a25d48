"""The instruments of the service: how each is scored, and when a change of it is one."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from recovery_service.domain.check_in_items import named_procedures
from recovery_service.domain.content_fields import Fields, each_once
from recovery_service.domain.languages import Texts
from recovery_service.domain.plan_template_fields import LAST_DAY, SOURCED, sourced
from recovery_service.domain.plan_template_parts import DRAFT, Sourced, content_hash
from recovery_service.domain.questionnaire_items import Condition, FormItem, QuestionnaireForm

BUILT_IN, LICENSED, CHECK_IN = "built_in", "licensed", "check_in"
ORIGINS = (BUILT_IN, LICENSED, CHECK_IN)
LOWER, HIGHER = "lower", "higher"
MEAN, PERCENT, COUNT, GIVEN, MEDIAN = "mean", "percent", "count", "given", "median"
#: How an instrument of each origin may be scored.
SCORINGS: Mapping[str, tuple[str, ...]] = {
    BUILT_IN: (MEAN,),
    LICENSED: (PERCENT, COUNT, GIVEN),
    CHECK_IN: (MEDIAN,),
}
_SIZE = 10_000
_MOST_ITEMS = 200
_HASH_DIGITS = 12
_KEYS = (
    "code", "origin", "item", "procedures", "title", "licence", "scale", "better", "scoring",
    "scored_items", "ordinals", "earliest_day", "loinc", "important", "detectable", "items",
)  # fmt: skip
_OF_IMPORTS = ("scored_items", "ordinals")


@dataclass(frozen=True, kw_only=True)
class Threshold(Sourced):
    """How much a score has to change: in points of its scale, or in % of the baseline."""

    points: float | None = None
    percent: float | None = None

    def in_points(self, baseline: float) -> float:
        """Return the threshold in points for somebody with this baseline."""
        if self.points is not None:
            return self.points
        return abs(baseline) * (self.percent or 0) / 100


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How answers become a score; see `config/instruments.toml` for the kinds.

    `scored_items` and `ordinals` are inclusive ranges that an imported form must keep to.
    """

    kind: str
    least_answered: int = 0
    decimals: int = 0
    scored_items: tuple[int, int] | None = None
    ordinals: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Instrument(Sourced):
    """One instrument. `form` is set where its items are shipped, `item` where check-ins ask it."""

    code: str
    origin: str
    procedures: frozenset[str]
    title: Texts
    licence: Texts
    minimum: float
    maximum: float
    better: str
    scoring: Scoring
    earliest_day: int
    loinc: str | None
    important: tuple[Threshold, ...]
    judged_by: Threshold
    detectable: Threshold | None
    item: str | None = None
    form: QuestionnaireForm | None = None

    @property
    def importable(self) -> bool:
        """Say whether a clinic may bring its licensed questionnaire."""
        return self.scoring.kind in (PERCENT, COUNT)


@dataclass(frozen=True, kw_only=True)
class Instruments:
    """All instruments by code."""

    version: int
    status: str
    content_hash: str
    by_code: Mapping[str, Instrument]

    def get(self, code: str) -> Instrument | None:
        """Return the instrument of a code, None where there is none."""
        return self.by_code.get(code)

    def of_procedure(self, procedure: str) -> tuple[Instrument, ...]:
        """Return the instruments of an operation in the order of the file."""
        return tuple(one for one in self.by_code.values() if procedure in one.procedures)


def parse_instruments(
    raw: Mapping[str, Any],
    *,
    sources: Container[str],
    asked: Container[str],
    file: str = "instruments.toml",
) -> Instruments:
    """Read the registry strictly; raises `ContentError` naming the file and the instrument.

    `asked` holds the codes of the check-in's items.
    """
    top = Fields(raw, file, "instruments")
    top.only("version", "status", "instruments")
    tables = top.tables("instruments")
    each_once(tables)
    if not tables:
        top.refuse("has no instruments")
    version = top.integer("version", 1, 10_000)
    return Instruments(
        version=version,
        status=top.choice("status", (DRAFT,)),
        content_hash=content_hash(raw),
        by_code={table.code(): _instrument(table, sources, asked) for table in tables},
    )


def _instrument(table: Fields, sources: Container[str], asked: Container[str]) -> Instrument:
    table.only(*_KEYS, *SOURCED)
    origin = table.choice("origin", ORIGINS)
    scale = table.table("scale")
    scale.only("min", "max", "decimals")
    low = scale.number("min", -_SIZE, _SIZE)
    important, judged_by = _important(table, sources)
    return Instrument(
        code=table.code(),
        origin=origin,
        procedures=named_procedures(table),
        title=table.texts("title"),
        licence=table.texts("licence"),
        minimum=low,
        maximum=scale.number("max", low + 1, _SIZE),
        better=table.choice("better", (LOWER, HIGHER)),
        scoring=_scoring(table, origin, scale),
        earliest_day=table.integer("earliest_day", 0, LAST_DAY),
        loinc=table.text("loinc") if table.has("loinc") else None,
        important=important,
        judged_by=judged_by,
        detectable=_detectable(table, sources),
        item=_item_of_check_ins(table, origin, asked),
        form=_form(table, origin, scale),
        **sourced(table, sources),
    )


def _scoring(table: Fields, origin: str, scale: Fields) -> Scoring:
    raw = table.table("scoring")
    raw.only("kind", "least_answered")
    kind = raw.choice("kind", SCORINGS[origin])
    imported = kind in (PERCENT, COUNT)
    if any(table.has(key) != imported for key in _OF_IMPORTS):
        table.refuse(
            "scored_items and ordinals belong to what can be imported, and to nothing else"
        )
    items = _range(table, "scored_items", 1, _MOST_ITEMS) if imported else None
    ordinals = _range(table, "ordinals", 0, _SIZE) if imported else None
    most = items[0] if items else _MOST_ITEMS
    if items and ordinals:
        top = 100 if kind == PERCENT else items[1] * ordinals[1]
        if ordinals[0] != 0 or (scale.raw["min"], scale.raw["max"]) != (0, top):
            table.refuse(f"ordinals must begin at 0, and the scale must go from 0 to {top}")
    return Scoring(
        kind=kind,
        least_answered=0 if kind == GIVEN else raw.integer("least_answered", 1, most),
        decimals=scale.integer("decimals", 0, 3),
        scored_items=items,
        ordinals=ordinals,
    )


def _range(table: Fields, key: str, low: int, high: int) -> tuple[int, int]:
    ends = table.values(key)
    whole = len(ends) == 2 and all(type(end) is int for end in ends)  # noqa: PLR2004
    if not whole or not low <= ends[0] <= ends[1] <= high or not ends[1]:
        table.refuse(f"{key} must be two whole numbers in order from {low} to {high}")
    return ends[0], ends[1]


def _important(table: Fields, sources: Container[str]) -> tuple[tuple[Threshold, ...], Threshold]:
    """Return the changes that matter, and the one that judges."""
    found = tuple(_threshold(table, raw, sources) for raw in table.values("important"))
    used = [
        one
        for one, raw in zip(found, table.values("important"), strict=True)
        if Fields(raw, table.file, table.item).flag("used")
    ]
    if len(used) != 1:
        table.refuse("exactly one important change must be used")
    return found, used[0]


def _detectable(table: Fields, sources: Container[str]) -> Threshold | None:
    if not table.has("detectable"):
        return None
    return _threshold(table, table.table("detectable").raw, sources)


def _threshold(table: Fields, raw: Any, sources: Container[str]) -> Threshold:
    one = Fields(raw, table.file, table.item)
    one.only("points", "percent", "used", *SOURCED)
    if one.has("points") == one.has("percent"):
        one.refuse("a threshold needs either points or percent")
    kind = "points" if one.has("points") else "percent"
    size: dict[str, Any] = {kind: one.number(kind, 0.1, _SIZE)}
    return Threshold(**size, **sourced(one, sources))


def _item_of_check_ins(table: Fields, origin: str, asked: Container[str]) -> str | None:
    if table.has("item") != (origin == CHECK_IN):
        table.refuse("item belongs to the origin check_in, and to no other")
    if origin != CHECK_IN:
        return None
    if (item := table.code("item")) not in asked:
        table.refuse(f"no check-in asks {item!r}")
    return item


def _form(table: Fields, origin: str, scale: Fields) -> QuestionnaireForm | None:
    tables = table.tables("items")
    if bool(tables) != (origin == BUILT_IN):
        table.refuse("items belong to the origin built_in, and to no other")
    if origin != BUILT_IN:
        return None
    items: dict[str, FormItem] = {}
    for place, one in enumerate(tables):
        item = _item(Fields(one.raw, table.file, f"{table.item}/items/{place}"), items)
        items[item.link_id] = item
    scored = [item for item in items.values() if item.scored]
    ends = (scale.raw["min"], scale.raw["max"])
    if not scored or any((item.minimum, item.maximum) != ends for item in scored):
        table.refuse("there must be scored items, each a number of the instrument's scale")
    return QuestionnaireForm(
        title=table.texts("title"),
        items=tuple(items.values()),
        version=content_hash({"items": table.raw["items"]})[:_HASH_DIGITS],
    )


def _item(table: Fields, before: Mapping[str, FormItem]) -> FormItem:
    table.only("link_id", "type", "text", "min", "max", "scored", "required", "shown_after")
    link_id = table.code("link_id")
    if link_id in before:
        table.refuse(f"duplicate link_id {link_id!r}")
    kind = table.choice("type", ("string", "integer"))
    low = table.integer("min", 0, _SIZE) if kind == "integer" else None
    conditions: tuple[Condition, ...] = ()
    if table.has("shown_after"):
        if (question := table.text("shown_after")) not in before:
            table.refuse(f"shown_after names {question!r}, which is no item above")
        conditions = (Condition(question=question, operator="exists", answer=True),)
    return FormItem(
        link_id=link_id,
        type=kind,
        text=table.texts("text"),
        required=table.flag("required"),
        scored=table.flag("scored"),
        minimum=low,
        maximum=None if low is None else table.integer("max", low + 1, _SIZE),
        conditions=conditions,
    )
