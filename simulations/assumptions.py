"""What the cohort is drawn from, as `assumptions.toml` states it."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from recovery_service.domain.procedures import CERVICAL, LUMBAR, PROCEDURES

FILE = Path(__file__).with_name("assumptions.toml")
TIERS = ("emergency", "same_day", "next_business_day")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A published, remembered or interpolated point: pain 0-10, SD between patients."""

    day: int
    mean: float
    sd: float
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The course of one pain after one operation, straight on log(day + 1) between anchors."""

    procedure: str
    item: str
    source: tuple[str, ...]
    anchors: tuple[Anchor, ...]

    def at(self, day: int) -> tuple[float, float]:
        """Return mean and SD between patients of a day since surgery."""
        for before, after in pairwise(self.anchors):
            if before.day <= day <= after.day:
                span = math.log1p(after.day) - math.log1p(before.day)
                part = (math.log1p(day) - math.log1p(before.day)) / span
                mean = before.mean + part * (after.mean - before.mean)
                return mean, before.sd + part * (after.sd - before.sd)
        return self.anchors[-1].mean, self.anchors[-1].sd


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """An operation's share of the cohort and the stay after it, in days."""

    code: str
    share: float
    stay_mean: float
    stay_sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way in which something shows: answers, what is added to a pain, words in the note."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    adds: Mapping[str, float] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordinary:
    """Trouble that is none: it begins so often per 100 days, and lasts from so long to so long."""

    code: str
    procedures: frozenset[str]
    per_100_days: float
    from_day: int
    to_day: int
    days: tuple[int, int]
    on_opioid: bool
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Complication:
    """Something that a rule must answer: see the head of its part of the file."""

    code: str
    procedures: frozenset[str]
    rate: float
    onset: Mapping[str, Any]
    days: tuple[int, int]
    away: int
    tier: str
    rules: frozenset[str]
    tellings: int
    once: bool
    on_opioid: bool
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """All of it; `figures` by name."""

    procedures: tuple[Procedure, ...]
    courses: Mapping[tuple[str, str], Course]
    figures: Mapping[str, float]
    ordinary: tuple[Ordinary, ...]
    complications: tuple[Complication, ...]
    sources: Mapping[str, str]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """Read the tables; raises `ValueError` for one whose source is not listed."""
        _require_sources(raw)
        courses = [_course(table) for table in raw["pain"]]
        return cls(
            procedures=tuple(_procedure(table) for table in raw["procedures"]),
            courses={(one.procedure, one.item): one for one in courses},
            figures={name: table["value"] for name, table in raw["figures"].items()},
            ordinary=tuple(_ordinary(table) for table in raw["ordinary"]),
            complications=tuple(_complication(table) for table in raw["complications"]),
            sources=dict(raw["sources"]),
        )

    def pains(self, procedure: str) -> tuple[str, ...]:
        """Return the pain items of an operation, the main one first."""
        return tuple(item for name, item in self.courses if name == procedure)

    def pairs(self) -> tuple[tuple[Procedure, Complication], ...]:
        """Return every operation of the cohort with each of its complications."""
        return tuple(
            (procedure, complication)
            for procedure in self.procedures
            for complication in self.complications
            if procedure.code in complication.procedures
        )


@cache
def shipped() -> Assumptions:
    """Return the assumptions of the file beside this module."""
    return Assumptions.read(tomllib.loads(FILE.read_text(encoding="utf-8")))


def _require_sources(raw: Mapping[str, Any]) -> None:
    tables = [*raw["procedures"], *raw["pain"], *raw["ordinary"], *raw["complications"]]
    named = {f"{table.get('code') or table['item']}": table for table in tables}
    for name, table in {**named, **raw["figures"]}.items():
        unknown = set(table["source"]) - raw["sources"].keys()
        if unknown or not table["source"]:
            raise ValueError(f"{name}: no such source: {sorted(unknown)}")


def _procedure(table: Mapping[str, Any]) -> Procedure:
    stay = table["stay"]
    return Procedure(
        code=table["code"], share=table["share"], stay_mean=stay["mean"], stay_sd=stay["sd"]
    )


def _course(table: Mapping[str, Any]) -> Course:
    return Course(
        procedure=table["procedure"],
        item=table["item"],
        source=tuple(table["source"]),
        anchors=tuple(Anchor(**anchor) for anchor in table["anchors"]),
    )


def _ordinary(table: Mapping[str, Any]) -> Ordinary:
    return Ordinary(
        code=table["code"],
        procedures=_named(table["procedures"]),
        per_100_days=table["per_100_days"],
        from_day=table.get("from_day", 0),
        to_day=table.get("to_day", 1000),
        days=(table["days"][0], table["days"][1]),
        on_opioid=table.get("on_opioid", False),
        variants=tuple(Variant(**variant) for variant in table["variants"]),
    )


def _complication(table: Mapping[str, Any]) -> Complication:
    if table["tier"] not in TIERS:
        raise ValueError(f"{table['code']}: no such tier: {table['tier']}")
    return Complication(
        code=table["code"],
        procedures=_named(table["procedures"]),
        rate=table["rate"],
        onset=table["onset"],
        days=(table["days"][0], table["days"][1]),
        away=table.get("away", 0),
        tier=table["tier"],
        rules=frozenset(table["rules"]),
        tellings=table.get("tellings", 1),
        once=table.get("once", False),
        on_opioid=table.get("on_opioid", False),
        variants=tuple(Variant(**variant) for variant in table["variants"]),
    )


def _named(procedures: str | list[str]) -> frozenset[str]:
    if procedures == "all":
        return frozenset(PROCEDURES)
    if procedures in (LUMBAR, CERVICAL):
        return frozenset(name for name, regions in PROCEDURES.items() if procedures in regions)
    return frozenset(procedures)
