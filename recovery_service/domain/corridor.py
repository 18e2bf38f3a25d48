"""The corridor: the expected course through published anchors, and how wide it is.

Piecewise linear on log(day + 1), because recoveries are fast at first and slow later.
Nothing is claimed outside the anchors, and no width where nobody measured one.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from math import log

FOUND = "found"
MEMORY = "memory"
INTERPOLATED = "interpolated"
LABELS = (FOUND, MEMORY)

#: A band needs a measurement at either end.
LEAST_FOUND = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CorridorAnchor:
    """A published point: days since surgery, and mean and standard deviation on the scale."""

    day: int
    mean: float
    deviation: float | None
    label: str

    @property
    def measured(self) -> bool:
        """Say whether a band may stand on it."""
        return self.label == FOUND and self.deviation is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is expected on a day; `low` and `high` are None where there is no band."""

    day: int
    value: float
    low: float | None
    high: float | None
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corridor:
    """Anchors in order of their days, on a scale from `minimum` to `maximum`.

    The band reaches `deviations` standard deviations to either side.
    """

    anchors: tuple[CorridorAnchor, ...]
    minimum: float
    maximum: float
    deviations: float = 1.0

    @property
    def banded(self) -> bool:
        """Say whether there is a band anywhere."""
        return sum(anchor.measured for anchor in self.anchors) >= LEAST_FOUND

    def at(self, day: int) -> Expected | None:
        """Return what is expected on a day since surgery; None outside the anchors' reach."""
        place = bisect_left(self.anchors, day, key=lambda anchor: anchor.day)
        if place == len(self.anchors) or (place == 0 and self.anchors[0].day != day):
            return None
        after = self.anchors[place]
        if after.day == day:
            spread = after.deviation if after.measured and self.banded else None
            return self._expected(day, after.mean, spread, after.label)
        before = self.anchors[place - 1]
        share = (log(day + 1) - log(before.day + 1)) / (log(after.day + 1) - log(before.day + 1))
        spread = None
        if before.deviation is not None and after.deviation is not None:
            spread = _between(before.deviation, after.deviation, share)
        return self._expected(
            day,
            _between(before.mean, after.mean, share),
            spread if before.measured and after.measured else None,
            INTERPOLATED,
        )

    def course(self, days: Iterable[int]) -> tuple[Expected, ...]:
        """Return what is expected on the anchors' days and on those of `days` in reach."""
        wanted = sorted({*days, *(anchor.day for anchor in self.anchors)})
        return tuple(point for day in wanted if (point := self.at(day)) is not None)

    def _expected(self, day: int, mean: float, spread: float | None, label: str) -> Expected:
        reach = None if spread is None else self.deviations * spread
        return Expected(
            day=day,
            value=self._clipped(mean),
            low=None if reach is None else self._clipped(mean - reach),
            high=None if reach is None else self._clipped(mean + reach),
            label=label,
        )

    def _clipped(self, value: float) -> float:
        return min(max(value, self.minimum), self.maximum)


def _between(first: float, last: float, share: float) -> float:
    return first + (last - first) * share
