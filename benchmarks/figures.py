"""Figures: measured in rounds that alternate, kept as medians with their spread."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the results.

    `n` is how many rounds were measured, `spread` the lowest and the highest of them,
    `aim` what the figure is meant to reach, `limit` what it must stay below (None: it is only
    told).
    """

    name: str
    value: float
    unit: str
    n: int
    spread: tuple[float, float]
    aim: float | None = None
    limit: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> tuple[str, ...]:
        """The figure as cells of a table."""
        low, high = self.spread
        aim = "" if self.aim is None else f"≥ {self.aim:g}"
        if self.limit is not None:
            aim = f"≤ {self.limit:g}"
        return (
            self.name,
            f"{self.value:,.2f}",
            self.unit,
            f"{low:,.2f}-{high:,.2f}",
            str(self.n),
            aim,
        )


def alternate(
    contestants: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Let the contestants take turns and return what each reached in each round.

    A machine's speed drifts within minutes, so only what ran side by side compares; every
    other round runs backwards, so that nobody always goes first.
    """
    reached: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        names = list(contestants)
        order = names if number % 2 == 0 else names[::-1]
        for name in order:
            reached[name].append(contestants[name]())
            print(
                f"  round {number + 1} of {rounds}: {name} {reached[name][-1]:,.0f}/s", flush=True
            )
    return reached


def ratio(
    name: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    aim: float | None = None,
    **detail: Any,
) -> Figure:
    """Return how many times faster ours was: the median of the rounds' own ratios."""
    each = [one / other for one, other in zip(ours, theirs, strict=True)]
    rates = {"ours_per_s": round(median(ours), 1), "theirs_per_s": round(median(theirs), 1)}
    return absolute(name, each, "ratio", digits=3, aim=aim, **rates, **detail)


def absolute(
    name: str,
    measured: Sequence[float],
    unit: str,
    *,
    digits: int = 1,
    aim: float | None = None,
    limit: float | None = None,
    **detail: Any,
) -> Figure:
    """Return the median of what the rounds measured."""
    return Figure(
        name=name,
        value=round(median(measured), digits),
        unit=unit,
        n=len(measured),
        spread=(round(min(measured), digits), round(max(measured), digits)),
        aim=aim,
        limit=limit,
        detail=detail,
    )


def save(figures: Sequence[Figure], machine: Mapping[str, Any], path: Path = RESULTS) -> None:
    """Write the figures beside those of earlier runs; each says on what machine it was taken."""
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for figure in figures:
        row = asdict(figure)
        row["detail"]["machine"] = dict(machine)
        kept[row.pop("name")] = row
    path.write_text(json.dumps(dict(sorted(kept.items())), indent=2, ensure_ascii=False) + "\n")


def table(figures: Sequence[Figure], machine: Mapping[str, Any]) -> str:
    """Return the figures as text, under the name of the machine."""
    rows = [("figure", "value", "unit", "spread", "rounds", "aim"), *(one.line for one in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    named = ", ".join(f"{key} {value}" for key, value in machine.items())
    return "\n".join([named, "", *(line.rstrip() for line in lines)])
