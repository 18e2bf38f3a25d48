"""The fields that several parts of a plan template share, read strictly."""

import re
from collections.abc import Container, Mapping
from typing import Any

from recovery_service.domain.content_fields import Fields
from recovery_service.domain.plan_template_parts import GRADES

LAST_DAY = 1000  # the last questionnaire is due two years after surgery
LARGEST_LIMIT = 1000
SOURCED = ("source", "grade", "clinician_must_confirm", "why_confirm")
WINDOW = ("target_day", "window_from", "window_to")
DOSE_LIMITS = {
    "sets": 20,
    "reps": 200,
    "minutes": 240,
    "hold_seconds": 600,
    "times_per_day": 24,
    "max_prompts_per_day": 24,
}
_LARGEST_MEDIUM = 500_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MEDIA = ("url", "sha256", "bytes", "type", "alt", "caption")


def sourced(table: Fields, sources: Container[str]) -> dict[str, Any]:
    """Return the fields of `Sourced`, as keywords."""
    keys = table.values("source")
    if not keys:
        table.refuse("missing source")
    for key in keys:
        if not isinstance(key, str) or key not in sources:
            table.refuse(f"unknown source {key!r}")
    grade = table.choice("grade", GRADES)
    confirm = table.flag("clinician_must_confirm")
    if not confirm and (grade == "D" or table.has("why_confirm")):
        table.refuse("clinician_must_confirm must be true for grade D and where why_confirm stands")
    return {
        "source": keys,
        "grade": grade,
        "clinician_must_confirm": confirm,
        "why_confirm": table.optional_texts("why_confirm"),
    }


def days(table: Fields) -> tuple[int, int]:
    """Return the first and the last day, both inclusive."""
    first, last = (table.integer(key, 0, LAST_DAY) for key in ("from_day", "to_day"))
    if last < first:
        table.refuse("wrong day range: to_day is before from_day")
    return first, last


def window(table: Fields, *, earliest: int) -> dict[str, Any]:
    """Return target day and window, as keywords."""
    found = {key: table.integer(key, earliest, LAST_DAY) for key in WINDOW}
    if not found["window_from"] <= found["target_day"] <= found["window_to"]:
        table.refuse("wrong day range: the target day must lie in its window")
    return found


def dose(table: Fields) -> dict[str, Any]:
    """Return the numbers of a dose and its note; without one it is empty."""
    if not table.has("dose"):
        return {}
    found = table.table("dose")
    found.only(*DOSE_LIMITS, "note")
    numbers = {
        key: found.integer(key, 1, most) for key, most in DOSE_LIMITS.items() if found.has(key)
    }
    return {**numbers, "note": dict(found.texts("note"))} if found.has("note") else numbers


def media(table: Fields) -> tuple[Mapping[str, Any], ...]:
    """Return the pictures and films; each has a text for who cannot see it."""
    return tuple(_medium(table, place) for place in range(len(table.values("media"))))


def _medium(table: Fields, place: int) -> dict[str, Any]:
    raw = table.values("media")[place]
    if not isinstance(raw, Mapping):
        table.refuse(f"media/{place} must be a table")
    medium = Fields(raw, table.file, table.item)
    medium.only(*_MEDIA)
    if not medium.text("url").startswith("https://"):
        medium.refuse("media url must be https")
    medium.text("type")
    medium.texts("alt")
    medium.optional_texts("caption")
    medium.optional_integer("bytes", 1, _LARGEST_MEDIUM)
    if medium.has("sha256") and not _SHA256.fullmatch(medium.text("sha256")):
        medium.refuse("sha256 must be 64 hexadecimal digits")
    return dict(raw)


def range_seen(table: Fields) -> tuple[float, float] | None:
    """Return the span of limits that the sources give, None where there is none."""
    seen = table.values("range_seen")
    if not seen:
        return None
    ordered = len(seen) == 2 and all(type(end) in (int, float) for end in seen)  # noqa: PLR2004
    if not ordered or not 0 <= seen[0] <= seen[1] <= LARGEST_LIMIT or not table.has("limit"):
        table.refuse("range_seen must be two numbers in order, beside a limit")
    return float(seen[0]), float(seen[1])
