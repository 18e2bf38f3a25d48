"""What the demo's patients answer in a check-in: today's form, filled in."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from recovery_service.cli.demo_clinic_people import Story
from recovery_service.domain.check_in_forms import form_for
from recovery_service.domain.check_in_items import Catalogue

_WOUND_HEALS = 12
_BAD, _POOR, _MILD = 7, 5, 3
# What is answered by most people on most days; pain, walking and sleep follow the course.
_ORDINARY: Mapping[str, Any] = {
    "bladder_bowel": "normal",
    "chest": "none",
    "calf": "none",
    "headache": "none",
    "drowsiness": "none",
    "swallow": "normal",
    "voice": "normal",
    "breath": "normal",
    "sudden_movement": "none",
}


def answers_of(
    story: Story, day: int, catalogue: Catalogue, *, since_surgery: int, chance: Random
) -> dict[str, Any]:
    """Return answers to the questions of the day; follow-ups only where they are shown."""
    form = form_for(
        catalogue, procedure=story.procedure, days_since_surgery=since_surgery, language="en"
    )
    said = _told(story, day, chance)
    return {
        item["code"]: said.get(item["code"], _plain(item))
        for item in form.items
        if "show_if" not in item
    }


def _told(story: Story, day: int, chance: Random) -> dict[str, Any]:
    axial, limb = _pain(story.axial, day, chance), _pain(story.limb, day, chance)
    worst = max(axial, limb)
    better = {"weakness_change": "better", "numbness_change": "better"}
    same = {"weakness_change": "same", "numbness_change": "worse" if worst >= _BAD else "same"}
    return {
        **_ORDINARY,
        **(better if worst < _POOR else same),
        "nrs_back": axial,
        "nrs_neck": axial,
        "nrs_leg": limb,
        "nrs_arm": limb,
        "wound": "healed" if day >= _WOUND_HEALS else "dry",
        "temp_c": round(36.4 + chance.random() * 0.6, 1),
        "opioid_doses": max(0, worst - _MILD) if day < _WOUND_HEALS else 0,
        "other_pain_medicine": worst > _MILD,
        "days_since_bowels": chance.choice((0, 1, 1, 2)),
        "walk_min": max(5, 10 + 3 * day - 4 * worst),
        "sit_tol_min": max(10, 25 + 2 * day - 3 * worst),
        "sessions_done": chance.choice((3, 4, 5)) if chance.random() < story.diligence else 1,
        "sleep_h": round(8 - worst * 0.4 + chance.random(), 1),
        "mood": max(0, 9 - worst + chance.choice((-1, 0, 0))),
        "confidence": max(0, min(10, 8 - worst // 2 + day // 10)),
    }


def _pain(course: Sequence[tuple[int, float]], day: int, chance: Random) -> int:
    """Return the pain of a day: on the line between the points around it, give or take."""
    before = max((point for point in course if point[0] <= day), default=course[0])
    after = min((point for point in course if point[0] > day), default=before)
    span = max(after[0] - before[0], 1)
    value = before[1] + (after[1] - before[1]) * (day - before[0]) / span
    return max(0, min(10, round(value + chance.choice((-0.4, 0, 0, 0.4)))))


def _plain(item: Mapping[str, Any]) -> Any:
    """Return the harmless answer of an item that nobody thought of here."""
    if item["type"] == "boolean":
        return False
    return item["codes"][0]["code"] if item["type"] == "code" else None
