"""Whether somebody is better or worse than before their operation, or whether nobody can say.

A score moves without the person: a change counts only where it matters to patients and is
larger than the noise of measuring. Both numbers are the instrument's, with their sources.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from recovery_service.domain.instruments import HIGHER, Instrument

IMPROVED, WORSE = "improved", "worse"
NO_DETECTABLE_CHANGE = "no_detectable_change"
TOO_EARLY, NO_BASELINE = "too_early", "no_baseline"
STATES = (IMPROVED, WORSE, NO_DETECTABLE_CHANGE, TOO_EARLY, NO_BASELINE)
NOT_COMPARABLE = "not_comparable"
#: Why, as keys of the texts; what is not comparable has no baseline either.
REASONS = (*STATES, NOT_COMPARABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A score on a local date; `about` names what it rates, where patients choose that."""

    score: float
    day: date
    time_point: str | None = None
    about: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a score stands against the baseline.

    `points` is in the scale of the instrument, positive for better; `needed` is what it would
    have to reach either way. Both are None where nothing can be compared.
    """

    state: str
    reason: str
    points: float | None = None
    needed: float | None = None


def baseline_of(readings: Iterable[Reading], *, surgery: date | None) -> Reading | None:
    """Return the last reading before the operation, its day included."""
    if surgery is None:
        return None
    before = [one for one in readings if one.day <= surgery]
    return max(before, key=lambda one: one.day, default=None)


def change_since(
    instrument: Instrument, baseline: Reading | None, now: Reading, *, surgery: date | None
) -> Change:
    """Compare a reading after the operation with the one before it."""
    if surgery is None or baseline is None:
        return Change(state=NO_BASELINE, reason=NO_BASELINE)
    if (now.day - surgery).days < instrument.earliest_day:
        return Change(state=TOO_EARLY, reason=TOO_EARLY)
    if None not in (now.about, baseline.about) and now.about != baseline.about:
        return Change(state=NO_BASELINE, reason=NOT_COMPARABLE)
    moved = round(now.score - baseline.score, 6)
    points = moved if instrument.better == HIGHER else -moved
    needed = needed_points(instrument, baseline.score)
    state = NO_DETECTABLE_CHANGE
    if abs(points) >= needed:
        state = IMPROVED if points > 0 else WORSE
    return Change(state=state, reason=state, points=points + 0.0, needed=needed)


def needed_points(instrument: Instrument, baseline: float) -> float:
    """Return the change that both matters and can be told from noise, in points."""
    thresholds = [instrument.judged_by, *([instrument.detectable] if instrument.detectable else [])]
    return round(max(one.in_points(baseline) for one in thresholds), 6)
