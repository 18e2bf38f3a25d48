"""Check-ins in brief, so that a vignette fits on a line.

`"1-3: nrs_leg=2 | 4: nrs_leg=6"` are four check-ins on days since surgery 1, 2, 3 and 4;
several of one day follow each other by the hour. The last day is the one that is judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.red_flag_condition_fields import FACTS
from recovery_service.domain.red_flags import Finding, Situation, evaluate

CONTENT = Content.parse(read_content())
RULES = CONTENT.red_flags
ITEMS = CONTENT.check_ins.items
SURGERY = date(2026, 3, 2)
EPISODE = UUID(int=1)
OTHER_EPISODE = UUID(int=2)
PROCEDURES = {
    "disc": "lumbar_microdiscectomy",
    "decompression": "lumbar_decompression",
    "fusion": "lumbar_fusion_mis",
    "neck": "cervical_anterior",
    "cement": "vertebral_augmentation",
    "deformity": "deformity_correction",
    "tumour": "spinal_tumour",
}
TIERS = {"emergency": "E", "same_day": "S", "next_business_day": "N"}
WORDS = {"yes": True, "no": False, "open_question": None}


@dataclass(frozen=True, kw_only=True)
class Told:
    """A stored check-in, as far as rules read it."""

    id: UUID
    local_date: date
    recorded_at: datetime
    received_at: datetime
    answers: dict[str, Any]
    episode_id: UUID = EPISODE
    supersedes: UUID | None = None
    issues: Sequence[dict[str, Any]] = field(default=())
    note: str | None = None


def told(number: int, day: int, answers: str | dict[str, Any], **more: Any) -> Told:
    """Return a check-in of a day since surgery, later by a minute for each number."""
    on = SURGERY + timedelta(days=day)
    at = datetime(on.year, on.month, on.day, 8, tzinfo=UTC) + timedelta(minutes=number)
    given = answers if isinstance(answers, dict) else read(answers)
    values: dict[str, Any] = {"recorded_at": at, "received_at": at, "answers": given} | more
    return Told(id=UUID(int=number), local_date=on, **values)


def read(answers: str) -> dict[str, Any]:
    pairs = (pair.split("=") for pair in answers.split())
    return {item: _value(item, word) for item, word in pairs}


def _value(item: str, word: str) -> Any:
    if word in WORDS:
        return WORDS[word]
    if item in FACTS or ITEMS[item].type in ("integer", "decimal"):
        return float(word) if "." in word else int(word)
    return word


def course(text: str) -> list[Told]:
    """Return the check-ins of a course in brief."""
    found: list[Told] = []
    for part in text.split("|"):
        days, _, answers = part.partition(":")
        first, _, last = days.strip().partition("-")
        for day in range(int(first), int(last or first) + 1):
            found.append(told(len(found) + 1, day, answers))
    return found


def judged(
    who: str, history: Sequence[Told], *, day: int | None = None, known: bool = True
) -> tuple[Finding, ...]:
    """Return the findings on a day (None: the last); `known`: the surgery date is."""
    facts = {name: each.answers[name] for each in history for name in FACTS if name in each.answers}
    on = max(each.local_date for each in history) if day is None else SURGERY + timedelta(days=day)
    situation = Situation(
        episode_id=EPISODE,
        procedure=PROCEDURES[who],
        surgery_date=SURGERY if known else None,
        local_date=on,
        facts=facts,
    )
    return evaluate(RULES, history, situation)


def brief(findings: Sequence[Finding]) -> str:
    """Return rules and tiers in brief, in their order: `CES1:E MOT1:S`."""
    return " ".join(f"{one.rule_id}:{TIERS[one.tier]}" for one in findings)


def found(who: str, text: str, **more: Any) -> str:
    """Return what a course in brief leads to, in brief."""
    return brief(judged(who, course(text), **more))
