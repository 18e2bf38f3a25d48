"""Where a recovery stands: weekly medians against the corridor, and against its own beginning.

What counts, from when, and how far outside is content (`config/recovery_curves.toml`).
A status orders what a physiotherapist looks at. It decides nothing about treatment,
and says nothing about safety: that is for the red-flag rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from recovery_service.domain.corridor import Corridor, Expected
from recovery_service.domain.recovery_curves import Noise, StatusRule

AHEAD = "ahead"
ON_TRACK = "on_track"
BEHIND = "behind"
TOO_EARLY = "too_early"
NO_REFERENCE = "no_reference"
STATUSES = (AHEAD, ON_TRACK, BEHIND, TOO_EARLY, NO_REFERENCE)

#: Every reason with the status that it gives.
REASONS = {
    "above_corridor": BEHIND,
    "below_corridor": AHEAD,
    "within_corridor": ON_TRACK,
    "one_week_outside": ON_TRACK,
    "low_before_surgery": ON_TRACK,
    "before_first_day": TOO_EARLY,
    "one_week_only": TOO_EARLY,
    "no_corridor": NO_REFERENCE,
    "no_corridor_yet": NO_REFERENCE,
    "no_surgery_date": NO_REFERENCE,
    "no_recent_answers": NO_REFERENCE,
}

BETTER = "better"
PERHAPS_BETTER = "perhaps_better"
NO_CLEAR_CHANGE = "no_clear_change"
WORSE = "worse"

DAYS_A_WEEK = 7
#: Interpolated numbers carry the noise of binary fractions: the edge itself is inside.
_EDGE = 1e-9
_ABOVE, _WITHIN, _BELOW = 1, 0, -1


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekMedian:
    """The median of the answers of 7 days; `day` is the newest one's, since surgery."""

    value: float
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnChange:
    """The last 7 days against the patient's own value before surgery.

    `change` is negative for less pain. `verdict` is None before answers may be judged,
    and where nobody knows the scale's noise.
    """

    before: float
    now: float
    verdict: str | None

    @property
    def change(self) -> float:
        """The difference, now less before."""
        return self.now - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The status of one question, why, and the numbers of the reason."""

    item: str
    status: str
    reason: str
    own: OwnChange | None
    facts: Mapping[str, float | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What one question is set against.

    `corridors` come in the order in which they are asked; the first with a band on a day
    stands for it. `first_day` is the first whose answers may be judged.
    """

    item: str
    corridors: Sequence[Corridor]
    first_day: int | None
    baseline: float | None
    noise: Noise | None

    def band_on(self, day: int) -> Expected | None:
        """Return what is expected on a day, where it has a band."""
        expected = (corridor.at(day) for corridor in self.corridors)
        return next((one for one in expected if one is not None and one.low is not None), None)


def week_medians(
    values: Mapping[int, float], *, today: int, weeks: int
) -> tuple[WeekMedian | None, ...]:
    """Return the medians of the last 7 days (today included), the 7 before, and so on.

    `values` are by day since surgery, and so is `today`.
    """
    found: list[WeekMedian | None] = []
    for week in range(weeks):
        last = today - week * DAYS_A_WEEK
        days = [day for day in values if last - DAYS_A_WEEK < day <= last]
        found.append(
            WeekMedian(value=float(median(values[day] for day in days)), day=max(days))
            if days
            else None
        )
    return tuple(found)


def standing_of(
    measure: Measure, values: Mapping[int, float], rule: StatusRule, *, today: int | None
) -> Standing:
    """Return where one question stands; `today` is None where the surgery date is unknown."""
    if today is None:
        return _standing(measure, "no_surgery_date")
    weeks = week_medians(values, today=today, weeks=rule.weeks)
    own = _own_change(measure, weeks[0])
    reason, facts = _reason(measure, weeks, own, today=today)
    return _standing(measure, reason, own=own, facts=facts)


def overall(standings: Sequence[Standing]) -> Standing:
    """Return the one that speaks for the recovery; the leading question comes first in the list.

    What lags behind is never hidden by what does well.
    """
    order = (BEHIND, AHEAD, ON_TRACK)
    behind = (one for one in standings if one.status == BEHIND)
    decided = (one for one in standings if one.status in order)
    early = (one for one in standings if one.status == TOO_EARLY)
    return next(behind, None) or next(decided, None) or next(early, None) or standings[0]


def _standing(
    measure: Measure,
    reason: str,
    *,
    own: OwnChange | None = None,
    facts: Mapping[str, float | int] | None = None,
) -> Standing:
    return Standing(
        item=measure.item, status=REASONS[reason], reason=reason, own=own, facts=facts or {}
    )


def _reason(
    measure: Measure, weeks: Sequence[WeekMedian | None], own: OwnChange | None, *, today: int
) -> tuple[str, dict[str, float | int]]:
    """Return the reason with its numbers; what cannot be judged is said before any comparison."""
    newest, first = weeks[0], measure.first_day
    if first is None or not any(corridor.banded for corridor in measure.corridors):
        return "no_corridor", {}
    if (newest.day if newest else today) < first:
        return "before_first_day", {"day": first}
    if newest is None:
        return "no_recent_answers", {}
    band = measure.band_on(newest.day)
    if band is None:
        return "no_corridor_yet", {"day": newest.day}
    facts: dict[str, float | int] = {"median": newest.value, "day": newest.day, **_ends(band)}
    places = [_place(measure, week) for week in weeks]
    return _compared(places, measure, own), facts


def _compared(places: Sequence[int | None], measure: Measure, own: OwnChange | None) -> str:
    newest, earlier = places[0], places[1:]
    if newest == _WITHIN:
        return "within_corridor"
    if any(place is not None and place != newest for place in earlier):
        return "one_week_outside"
    if None in earlier:
        return "one_week_only"
    if newest == _ABOVE:
        return "above_corridor"
    if own is not None and measure.noise is not None and own.verdict != BETTER:
        # Who had little pain before surgery is not ahead for having little now.
        return "low_before_surgery"
    return "below_corridor"


def _place(measure: Measure, week: WeekMedian | None) -> int | None:
    """Tell above, within and below apart; None without answers or without a band."""
    band = None if week is None else measure.band_on(week.day)
    if week is None or band is None or band.low is None or band.high is None:
        return None
    if week.value > band.high + _EDGE:
        return _ABOVE
    return _BELOW if week.value < band.low - _EDGE else _WITHIN


def _ends(band: Expected) -> dict[str, float]:
    assert band.low is not None and band.high is not None  # noqa: S101, PT018 - it has a band
    return {"low": band.low, "high": band.high}


def _own_change(measure: Measure, newest: WeekMedian | None) -> OwnChange | None:
    if measure.baseline is None or newest is None:
        return None
    judged = measure.first_day is not None and newest.day >= measure.first_day
    verdict = None
    if judged and measure.noise is not None:
        verdict = _verdict(newest.value - measure.baseline, measure.noise)
    return OwnChange(before=measure.baseline, now=newest.value, verdict=verdict)


def _verdict(change: float, noise: Noise) -> str:
    if change >= noise.detectable_change:
        return WORSE
    if -change >= noise.detectable_change:
        return BETTER
    return PERHAPS_BETTER if -change >= noise.important_change else NO_CLEAR_CHANGE
