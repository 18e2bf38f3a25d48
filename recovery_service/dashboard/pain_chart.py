"""The pain chart: defined once as Vega-Lite, drawn on the server, coloured by the style sheet."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import orjson
import vl_convert
from markupsafe import Markup

from recovery_service.services.progress import Series
from recovery_service.services.recovery_standing import Reference

PAIN = ("nrs_back", "nrs_leg", "nrs_neck", "nrs_arm")

# Colours are the style sheet's own tokens, so that one drawing serves light and dark.
_COLOURS = [f"var(--series-{number})" for number in (1, 2, 3, 4)]
_SHAPES = ["circle", "square", "triangle-up", "diamond"]
_WIDTH, _HEIGHT = 640, 190
_STEPS = 60


def pain_series(series: Sequence[Series]) -> list[Series]:
    """Return the pain questions among the series of an episode."""
    return [one for one in series if one.item in PAIN]


def drawn_reference(one: Series) -> Reference | None:
    """Return the published course that the chart draws: the first with a band, else with a line."""
    lines = [each for each in one.references if len(each.corridor.anchors) > 1]
    return next((each for each in lines if each.corridor.banded), next(iter(lines), None))


def pain_chart(series: Sequence[Series], names: Sequence[str], surgery: date | None) -> Markup:
    """Return the drawing as SVG without a style attribute; `names` go with `series`."""
    values = [
        {"name": name, "day": _place(point.date, surgery), "value": point.value}
        for one, name in zip(series, names, strict=True)
        for point in one.points
    ]
    expected = [] if surgery is None else _expected(series, names, surgery)
    spec = _spec(values, expected, list(names), by_day=surgery is not None)
    return Markup(_drawn(orjson.dumps(spec)))  # noqa: S704 - drawn here, of numbers and our words


def _expected(
    series: Sequence[Series], names: Sequence[str], surgery: date
) -> list[dict[str, Any]]:
    """Return what is expected on the days that the answers span; ends are None without a band."""
    days = [(point.date - surgery).days for one in series for point in one.points]
    first, last = min(days), max(days)
    shown = (*range(first, last, max(1, (last - first) // _STEPS)), last)
    drawn = [(name, drawn_reference(one)) for one, name in zip(series, names, strict=True)]
    return [
        {"name": name, "day": each.day, "value": each.value, "low": each.low, "high": each.high}
        for name, reference in drawn
        if reference is not None
        for each in reference.corridor.course(shown)
        if first <= each.day <= last
    ]


@lru_cache(maxsize=512)
def _drawn(spec: bytes) -> str:
    """Draw a specification; the same content is drawn once."""
    drawing: str = vl_convert.vegalite_to_svg(orjson.loads(spec))
    return drawing


def _place(day: date, surgery: date | None) -> int | str:
    return day.isoformat() if surgery is None else (day - surgery).days


def _spec(
    values: list[dict[str, Any]],
    expected: list[dict[str, Any]],
    names: list[str],
    *,
    by_day: bool,
) -> dict[str, Any]:
    across = {
        "field": "day",
        "type": "quantitative" if by_day else "temporal",
        "title": "Days after surgery" if by_day else None,
        "axis": {"tickMinStep": 1, "grid": False, "format": "d" if by_day else "%d %b"},
        "scale": {"zero": False, "nice": False, "padding": 12},
    }
    up = {
        "field": "value",
        "type": "quantitative",
        "title": "Pain, 0 to 10",
        "scale": {"domain": [0, 10]},
        "axis": {"values": [0, 2, 4, 6, 8, 10]},
    }
    legend = {"orient": "top", "title": None, "symbolSize": 70}
    colour = {
        "field": "name", "type": "nominal", "legend": legend, "sort": names,
        "scale": {"domain": names, "range": _COLOURS[: len(names)]},
    }  # fmt: skip
    shape = colour | {"scale": {"domain": names, "range": _SHAPES[: len(names)]}}
    told = {
        "data": {"values": values},
        "mark": {"type": "line", "point": {"filled": True, "size": 34}, "strokeWidth": 2},
        "encoding": {"x": across, "y": up, "color": colour, "shape": shape},
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": _WIDTH,
        "height": _HEIGHT,
        "background": None,
        "layer": [*_courses(expected, across, up, colour), told],
        "config": {
            "font": "system-ui, sans-serif",
            "view": {"stroke": None},
            "axis": {
                "labelColor": "var(--muted)", "titleColor": "var(--muted)",
                "gridColor": "var(--line)", "domainColor": "var(--line)",
                "tickColor": "var(--line)", "labelFontSize": 12, "titleFontSize": 12,
                "titleFontWeight": "normal",
            },
            "legend": {"labelColor": "var(--ink)", "labelFontSize": 13},
        },
    }  # fmt: skip


def _courses(
    expected: list[dict[str, Any]],
    across: dict[str, Any],
    up: dict[str, Any],
    colour: dict[str, Any],
) -> list[dict[str, Any]]:
    """Return the layers below the answers: bands, and dashed lines where there is no band."""
    bands = [each for each in expected if each["low"] is not None]
    lines = [each for each in expected if each["low"] is None]
    layers = []
    if bands:
        layers.append(
            {
                "data": {"values": bands},
                # The upper edge has a line of its own: two bands overlap, and it is what counts.
                "mark": {
                    "type": "area", "fillOpacity": 0.1,
                    "line": {"strokeWidth": 1, "strokeOpacity": 0.6},
                },
                "encoding": {
                    "x": across,
                    "y": up | {"field": "high"},
                    "y2": {"field": "low"},
                    "color": colour,
                },
            }
        )  # fmt: skip
    if lines:
        layers.append(
            {
                "data": {"values": lines},
                "mark": {"type": "line", "strokeDash": [4, 4], "strokeOpacity": 0.6},
                "encoding": {"x": across, "y": up, "color": colour},
            }
        )
    return layers
