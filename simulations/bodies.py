"""How a patient is, day by day: what could be answered, asked or not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from simulations.assumptions import Assumptions, Ordinary, Variant
from simulations.patients import LAST_DAY, Patient, Planted

_COIN = 0.5  # what no rule reads is drawn plainly, here and below, and stands in no table
#: What follow-ups are answered with where nothing says otherwise.
_FOLLOW_UPS: Mapping[str, Any] = {
    "cannot_move": False,
    "weakness_onset": "days",
    "hours_since_urine": 4,
    "urine_discomfort": False,
    "rigors": False,
    "stiff_neck": False,
    "confusion": False,
    "slow_breathing": False,
    "head_injury": False,
    "can_stand": True,
    "fall_weakness": False,
    "distended_or_vomiting": False,
}
_WELL: Mapping[str, Any] = {
    "weakness_change": "same",
    "numbness_change": "same",
    "saddle_numb": False,
    "bladder_bowel": "normal",
    "hands_clumsy": False,
    "gait_unsteady": False,
    "electric_shocks": False,
    "chest": "none",
    "calf": "none",
    "headache": "none",
    "felt_feverish": False,
    "drowsiness": "none",
    "fall": False,
    "swallow": "normal",
    "voice": "normal",
    "breath": "normal",
    "neck_swelling": False,
    "sudden_movement": "none",
}
_HEALED_FROM = 21
_HIGHEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of one patient: the true answer to every question, and what is to be told.

    `pains` are those of the course alone, before trouble and complications.
    `sessions_share`: of the last 7 days at home; None while few were due. `idle`: a session
    was left out.
    """

    day: int
    answers: Mapping[str, Any]
    note: str | None
    pains: Mapping[str, int]
    felt: tuple[Planted, ...]
    sessions_share: float | None
    idle: bool


@dataclass(slots=True)
class _Body:
    """What one day leaves to the next."""

    deviations: dict[str, float] = field(default_factory=dict)
    days_since_bowels: int = 0
    trouble: list[tuple[int, Variant]] = field(default_factory=list)
    sessions: list[int] = field(default_factory=list)


def days_of(patient: Patient, assumptions: Assumptions, random: Random) -> Iterator[Day]:
    """Yield the days from surgery to the end of the twelfth week."""
    body = _Body()
    for day in range(LAST_DAY + 1):
        yield _day(patient, assumptions, body, day, random)


def _day(patient: Patient, assumptions: Assumptions, body: _Body, day: int, random: Random) -> Day:
    pains = _pains(patient, assumptions, body, day, random)
    on_opioid = day <= patient.opioid_until
    answers = {**_FOLLOW_UPS, **_WELL, **pains}
    answers |= _ordinary_answers(patient, assumptions.figures, body, day, random)
    _begin_trouble(patient, assumptions.ordinary, body, day, random, on_opioid=on_opioid)
    felt = tuple(
        one for one in patient.planted if one.from_day <= day <= one.to_day and not one.in_hospital
    )
    variants = [variant for _, variant in body.trouble] + [one.variant for one in felt]
    for variant in variants:
        _suffer(answers, variant, patient, tuple(pains))
    return Day(
        day=day,
        answers=answers,
        note=next((one.note for one in variants if one.note), None),
        pains=pains,
        felt=felt,
        sessions_share=_sessions_share(patient, assumptions.figures, body, day),
        idle=body.sessions[-1] < assumptions.figures["sessions_planned_a_day"],
    )


def _pains(
    patient: Patient, assumptions: Assumptions, body: _Body, day: int, random: Random
) -> dict[str, int]:
    """Return the day's pains: the mean, where the patient stands, and the day itself."""
    sd = assumptions.figures["pain_day_to_day_sd"]
    memory = assumptions.figures["pain_day_to_day_memory"]
    found: dict[str, int] = {}
    for item, level in patient.levels.items():
        mean, between = assumptions.courses[patient.procedure, item].at(day)
        fresh = random.gauss(0, sd * (1 - memory**2) ** 0.5)
        deviation = memory * body.deviations.get(item, 0.0) + fresh
        body.deviations[item] = deviation
        found[item] = _on_scale(mean + level * between + deviation)
    return found


def _on_scale(value: float) -> int:
    return round(min(max(value, 0), _HIGHEST))


def _ordinary_answers(
    patient: Patient, figures: Mapping[str, float], body: _Body, day: int, random: Random
) -> dict[str, Any]:
    on_opioid = day <= patient.opioid_until
    regular = figures["bowels_daily_on_opioid" if on_opioid else "bowels_daily"]
    body.days_since_bowels = 0 if random.random() < regular else min(body.days_since_bowels + 1, 14)
    planned = int(figures["sessions_planned_a_day"])
    done = sum(random.random() < patient.sessions for _ in range(planned))
    body.sessions.append(done)
    mild = on_opioid and random.random() < figures["mild_drowsiness_share"]
    return {
        "weakness_side": patient.side,
        "weakness_limb": patient.limb,
        "numbness_side": patient.side,
        "numbness_limb": patient.limb,
        "wound": "healed" if day >= _HEALED_FROM else "dry",
        "temp_c": round(random.gauss(36.7, 0.3), 1),
        "drowsiness": "mild" if mild else "none",
        "opioid_doses": random.randint(1, 4) if on_opioid else 0,
        "other_pain_medicine": random.random() < _COIN,
        "days_since_bowels": body.days_since_bowels,
        "distended_or_vomiting": random.random() < figures["distension_share"],
        "walk_min": max(0, round(random.gauss(10 + day / 2, 5))),
        "sit_tol_min": max(5, round(random.gauss(20 + day / 3, 5))),
        "sessions_done": done,
        "sleep_h": min(max(round(random.gauss(13, 2)) / 2, 0.0), 12.0),
        "mood": _on_scale(random.gauss(patient.mood, figures["mood_day_to_day_sd"])),
        "confidence": _on_scale(random.gauss(7, 1.5)),
    }


def _begin_trouble(
    patient: Patient,
    ordinary: tuple[Ordinary, ...],
    body: _Body,
    day: int,
    random: Random,
    *,
    on_opioid: bool,
) -> None:
    """Let yesterday's trouble end and today's begin."""
    body.trouble = [(until, variant) for until, variant in body.trouble if until >= day]
    for one in ordinary:
        if patient.procedure not in one.procedures or not one.from_day <= day <= one.to_day:
            continue
        if random.random() < one.per_100_days / 100 and (on_opioid or not one.on_opioid):
            until = day + random.randint(*one.days) - 1
            body.trouble.append((until, random.choice(one.variants)))


def _suffer(
    answers: dict[str, Any], variant: Variant, patient: Patient, pains: tuple[str, ...]
) -> None:
    """Change the day's answers by something that is felt."""
    answers.update(told_answers(variant, patient))
    for which, more in variant.adds.items():
        item = pain_item(which, pains)
        answers[item] = _on_scale(answers[item] + more)


def told_answers(variant: Variant, patient: Patient) -> dict[str, Any]:
    """Return the answers of a variant, on the patient's own side and limb."""
    own = {"own_side": patient.side, "own_limb": patient.limb}
    return {item: own.get(str(answer), answer) for item, answer in variant.answers.items()}


def pain_item(which: str, pains: tuple[str, ...]) -> str:
    """Return the item that `main` or `radiating` stands for."""
    return pains[0] if which == "main" else pains[-1]


def _sessions_share(
    patient: Patient, figures: Mapping[str, float], body: _Body, day: int
) -> float | None:
    """Return the share of the sessions at home that was done in 7 days; None if few were due."""
    planned = int(figures["sessions_planned_a_day"])
    week = body.sessions[patient.discharge_day :][-7:]
    due = planned * len(week)
    return (
        sum(week) / due
        if due >= figures["least_sessions"] and day >= patient.discharge_day
        else None
    )
