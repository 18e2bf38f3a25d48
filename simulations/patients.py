"""Who is in the cohort: one patient, drawn from the assumptions by a generator of their own."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from simulations.assumptions import Assumptions, Complication, Variant

LAST_DAY = 84


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A complication of one patient; days since surgery, both inclusive.

    `away_until`: the last day in hospital afterwards. `in_hospital`: it began before
    the discharge, so that no check-in could tell of it.
    """

    complication: Complication
    variant: Variant
    from_day: int
    to_day: int
    away_until: int
    in_hospital: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One patient. `levels`: how many SD above the mean, by pain item.

    `opioid_until`: the last day with one, -1 for none. `answered`: of the due
    check-ins, at the start. `sessions`: the share of the planned ones that is done.
    """

    number: int
    procedure: str
    discharge_day: int
    levels: Mapping[str, float]
    side: str
    limb: str
    opioid_until: int
    mood: float
    sessions: float
    answered: float
    thermometer: bool
    caregiver: bool
    planted: tuple[Planted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planting:
    """How complications are planted: at their rates, or one in each patient (`drill`).

    A drill goes through every operation with each of its complications in turn.
    """

    drill: bool = False


def draw_patient(
    number: int, assumptions: Assumptions, planting: Planting, random: Random
) -> Patient:
    """Draw the patient of that number; the generator decides all."""
    figures = assumptions.figures
    procedures = assumptions.procedures
    own = random.choices(procedures, [one.share for one in procedures])[0]
    drilled: Complication | None = None
    if planting.drill:
        pairs = assumptions.pairs()
        own, drilled = pairs[number % len(pairs)]
    stay = max(0, round(random.gauss(own.stay_mean, own.stay_sd)))
    opioid_until = _opioid_until(figures, random)
    planted = _planted(assumptions, drilled, own.code, stay, random)
    if any(one.complication.on_opioid for one in planted):
        opioid_until = max(opioid_until, *(one.to_day for one in planted))
    return Patient(
        number=number,
        procedure=own.code,
        discharge_day=stay,
        levels=_levels(assumptions, own.code, random),
        side=random.choice(("left", "right")),
        limb="arm" if own.code == "cervical_anterior" else "leg",
        opioid_until=opioid_until,
        mood=random.gauss(figures["mood_mean"], figures["mood_sd"]),
        sessions=_share(random, figures["sessions_share"], figures["sessions_share_sd"]),
        answered=_share(random, figures["answered_share"], figures["answered_share_sd"]),
        thermometer=random.random() < figures["thermometer_share"],
        caregiver=random.random() < figures["caregiver_share"],
        planted=planted,
    )


def _share(random: Random, mean: float, sd: float) -> float:
    """Draw a share of that mean and SD (a beta distribution)."""
    size = mean * (1 - mean) / sd**2 - 1
    return random.betavariate(mean * size, (1 - mean) * size)


def _levels(assumptions: Assumptions, procedure: str, random: Random) -> dict[str, float]:
    """Draw where the patient stands among others, alike for both pains."""
    correlation = assumptions.figures["pain_sites_correlation"]
    common = random.gauss(0, 1)
    shared, own = math.sqrt(correlation), math.sqrt(1 - correlation)
    return {
        item: shared * common + own * random.gauss(0, 1) for item in assumptions.pains(procedure)
    }


def _opioid_until(figures: Mapping[str, float], random: Random) -> int:
    if random.random() >= figures["opioid_share"]:
        return -1
    if random.random() < figures["opioid_long_share"]:
        return LAST_DAY
    return int(random.expovariate(math.log(2) / figures["opioid_median_days"]))


def _planted(
    assumptions: Assumptions,
    drilled: Complication | None,
    procedure: str,
    discharge_day: int,
    random: Random,
) -> tuple[Planted, ...]:
    """Plant at the rates, from surgery on; what is drilled begins after the discharge."""
    if drilled is not None:
        return (_one_planted(drilled, discharge_day, discharge_day, random),)
    chosen = [
        one
        for one in assumptions.complications
        if procedure in one.procedures and random.random() < one.rate
    ]
    return tuple(_one_planted(one, 0, discharge_day, random) for one in chosen)


def _one_planted(
    complication: Complication, earliest: int, discharge_day: int, random: Random
) -> Planted:
    first = max(_onset(complication.onset, random), earliest)
    last = min(first + random.randint(*complication.days) - 1, LAST_DAY)
    return Planted(
        complication=complication,
        variant=random.choice(complication.variants),
        from_day=first,
        to_day=last,
        away_until=last + complication.away,
        in_hospital=first < discharge_day,
    )


def _onset(onset: Mapping[str, object], random: Random) -> int:
    """Draw the day of the onset, by one of the three ways in which the file says it."""
    match onset:
        case {"days": [*chances]}:
            days, weights = zip(*chances, strict=True)
            return int(random.choices(days, weights)[0])
        case {"median": float() | int() as median, "spread": float() as spread, **ends}:
            day = random.lognormvariate(math.log(median + 1), spread) - 1
            return round(min(max(day, float(str(ends["earliest"]))), float(str(ends["latest"]))))
        case {"earliest": int() as earliest, "latest": int() as latest}:
            return random.randint(earliest, latest)
    raise ValueError(f"no such onset: {onset}")
