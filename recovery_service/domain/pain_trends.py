"""Pain over two weeks: which questions a procedure asks, and this week against the one before."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from recovery_service.domain.procedures import CERVICAL, LUMBAR, PROCEDURES

WEEK = timedelta(days=7)

_PAIN_ITEMS = {LUMBAR: ("nrs_back", "nrs_leg"), CERVICAL: ("nrs_neck", "nrs_arm")}
_MAIN_PAIN = {
    "lumbar_microdiscectomy": "nrs_leg",
    "lumbar_decompression": "nrs_leg",
    "cervical_anterior": "nrs_arm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PainTrend:
    """The median of one pain item (0-10) in the last 7 local days and in the 7 before."""

    item: str
    now: float | None
    before: float | None


def pain_items(procedure: str) -> tuple[str, ...]:
    """Return the pain questions of the procedure's regions, the one that leads first."""
    asked = [item for region in sorted(PROCEDURES[procedure], reverse=True)
             for item in _PAIN_ITEMS[region]]  # fmt: skip
    main = _MAIN_PAIN.get(procedure, asked[0])
    return (main, *(item for item in asked if item != main))


def pain_trend(item: str, values: Iterable[tuple[date, float]], *, today: date) -> PainTrend:
    """Compare the last 7 local days, today included, with the 7 before."""
    days = [(day, value) for day, value in values if day <= today]
    now = [value for day, value in days if day > today - WEEK]
    before = [value for day, value in days if today - 2 * WEEK < day <= today - WEEK]
    return PainTrend(
        item=item, now=median(now) if now else None, before=median(before) if before else None
    )
