"""The cohort's drawings as SVG: trajectories and anchors, alerts by day, alerts by rule."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import vl_convert

from recovery_service.domain.red_flag_rules import TIERS, RedFlagRules
from simulations.assumptions import Assumptions
from simulations.cohort import Totals
from simulations.patients import LAST_DAY

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_COLOURS = {"emergency": "#b3261e", "same_day": "#d98200", "next_business_day": "#3b6ea5"}
_DAY: Mapping[str, Any] = {
    "field": "day",
    "type": "quantitative",
    "title": "Days after surgery",
}
_CONFIG: Mapping[str, Any] = {"font": "sans-serif", "view": {"stroke": None}}


def draw(folder: Path, load: Totals, assumptions: Assumptions, rules: RedFlagRules) -> list[Path]:
    """Write the drawings into a folder, which is made if need be; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    specifications = {
        "trajectories": trajectories(load, assumptions),
        "alerts_by_day": alerts_by_day(load),
        "alerts_by_rule": alerts_by_rule(load, rules),
    }
    written = []
    for name, specification in specifications.items():
        path = folder / f"{name}.svg"
        path.write_text(vl_convert.vegalite_to_svg(dict(specification)), encoding="utf-8")
        written.append(path)
    return written


def trajectories(load: Totals, assumptions: Assumptions) -> Mapping[str, Any]:
    """Draw mean and SD of each pain by day, and the anchors that they were drawn around."""
    pain = {"type": "quantitative", "title": "Pain, 0 to 10", "scale": {"domain": [0, 10]}}
    band = {"y": {"field": "low", **pain}, "y2": {"field": "high"}}
    of_cohort = {"filter": "datum.basis == 'cohort'"}
    of_anchors = {"filter": "datum.basis != 'cohort'"}
    basis = {"field": "basis", "type": "nominal", "title": "Anchor"}
    return {
        "$schema": _SCHEMA,
        "data": {"values": [*_cohort_points(load), *_anchor_points(assumptions)]},
        "facet": {"field": "course", "type": "nominal", "title": None},
        "columns": 2,
        "spec": {
            "width": 320,
            "height": 150,
            "encoding": {"x": _DAY},
            "layer": [
                {"transform": [of_cohort], "mark": {"type": "area", "opacity": 0.2},
                 "encoding": band},
                {"transform": [of_cohort], "mark": "line",
                 "encoding": {"y": {"field": "mean", **pain}}},
                {"transform": [of_anchors], "mark": {"type": "rule", "opacity": 0.6},
                 "encoding": {**band, "color": basis}},
                {"transform": [of_anchors], "mark": {"type": "point", "filled": True, "size": 50},
                 "encoding": {"y": {"field": "mean", **pain}, "color": basis}},
            ],
        },
        "config": _CONFIG,
    }  # fmt: skip


def alerts_by_day(load: Totals) -> Mapping[str, Any]:
    """Draw the share of each recovery day's check-ins that alert, by strictest tier."""
    values = [
        {"day": day, "tier": tier, "share": load.alerted[day, tier] / sent}
        for day, sent in sorted(load.sent.items())
        for tier in TIERS
    ]
    share = {"field": "share", "type": "quantitative", "title": "Check-ins that alert",
             "axis": {"format": "%"}}  # fmt: skip
    return {
        "$schema": _SCHEMA,
        "data": {"values": values},
        "width": 640,
        "height": 220,
        "mark": "bar",
        "encoding": {
            "x": {**_DAY, "scale": {"domain": [-1, LAST_DAY + 1], "nice": False}},
            "y": share,
            "color": _tier_colour(),
        },
        "config": _CONFIG,
    }


def alerts_by_rule(load: Totals, rules: RedFlagRules) -> Mapping[str, Any]:
    """Draw the alerts of each rule per 100 check-ins, with and without a planted cause."""
    values = [
        {"rule": rule.id, "cause": cause, "alerts": 100 * count / load.check_ins}
        for rule in rules.rules
        for cause, count in (
            ("planted", load.alerts[rule.id] - load.without_cause[rule.id]),
            ("none planted", load.without_cause[rule.id]),
        )
    ]
    return {
        "$schema": _SCHEMA,
        "data": {"values": values},
        "width": 520,
        "mark": "bar",
        "encoding": {
            "y": {"field": "rule", "type": "nominal", "sort": "-x", "title": None},
            "x": {"field": "alerts", "type": "quantitative", "title": "Alerts per 100 check-ins"},
            "color": {"field": "cause", "type": "nominal", "title": "Complication"},
        },
        "config": _CONFIG,
    }


def _tier_colour() -> dict[str, Any]:
    scale = {"domain": list(TIERS), "range": [_COLOURS[tier] for tier in TIERS]}
    return {"field": "tier", "type": "nominal", "title": "Strictest tier", "scale": scale}


def _cohort_points(load: Totals) -> Iterator[dict[str, Any]]:
    for (procedure, item, day), spread in sorted(load.pains.items()):
        yield _point(f"{procedure} · {item}", day, spread.mean, spread.sd, "cohort")


def _anchor_points(assumptions: Assumptions) -> Iterator[dict[str, Any]]:
    for (procedure, item), course in assumptions.courses.items():
        for one in course.anchors:
            yield _point(f"{procedure} · {item}", one.day, one.mean, one.sd, one.basis)


def _point(course: str, day: int, mean: float, sd: float, basis: str) -> dict[str, Any]:
    low, high = max(mean - sd, 0), min(mean + sd, 10)
    return {"course": course, "day": day, "mean": mean, "low": low, "high": high, "basis": basis}
