"""The days of a plan on the patient's own calendar, as far as phases and rests let them come."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from recovery_service.domain.progression import Progression
from recovery_service.domain.recurrence_rules import Rule
from recovery_service.models import Episode
from recovery_service.services.resting_items import Rests


@dataclass(frozen=True, slots=True)
class RecoveryCalendar:
    """Recovery days on the patient's calendar, as far as the phases have come."""

    episode: Episode
    today: date
    progression: Progression

    def item(self, rule: Rule, phase: str | None) -> dict[str, Any]:
        """Return the local dates of an item, and whether it waits with its phase."""
        waits = self.progression.is_behind(phase)
        span = self._span(rule.anchor, rule.from_day, rule.to_day)
        return span | {"waits": waits, "current": span["current"] and not waits}

    def resting(self, span: dict[str, Any], lineage: UUID, rests: Rests) -> dict[str, Any]:
        """Add whether an item rests under a restriction today, and until when, if that is known."""
        until, day = rests.get(lineage), self._day
        rests_now = lineage in rests and day is not None and (until is None or day <= until)
        ends = None
        if rests_now and until is not None:
            ends = self._anchor("surgery") + timedelta(days=until)
        return span | {
            "rests": rests_now,
            "rests_until": ends,
            "current": span["current"] and not rests_now,
        }

    def phase(self, phase: Mapping[str, Any]) -> dict[str, Any]:
        """Return the local dates of a phase; one that holds for another ends with it."""
        progression = self.progression
        last = None if phase == progression.holding else phase["to_day"]
        return self._span("surgery", phase["from_day"], last) | {
            "waits": progression.is_behind(phase["code"]),
            "current": phase == progression.on(self._day),
        }

    def limit(self, first: int, last: int | None) -> dict[str, Any]:
        """Return the local dates of a restriction: none is lifted while a phase waits."""
        span = self._span("surgery", first, last)
        waiting, day = self.progression.waiting, self._day
        if waiting is None or day is None:
            return span | {"waits": False}
        lived, gate = self.progression.day_held(day), waiting["from_day"] - 1
        if last is not None and first <= gate <= last <= max(gate, day):
            span["to_date"] = None  # nobody knows yet until when
        current = first <= lived and (last is None or lived <= last)
        return span | {"waits": first > gate, "current": current}

    def _span(self, anchor: str, first: int, last: int | None) -> dict[str, Any]:
        begins = self._anchor(anchor)
        since = begins + timedelta(days=first)
        until = None if last is None else begins + timedelta(days=last)
        current = since <= self.today and (until is None or self.today <= until)
        return {"from_date": since, "to_date": until, "current": current}

    @property
    def _day(self) -> int | None:
        surgery = self.episode.surgery_date
        return None if surgery is None else (self.today - surgery).days

    def _anchor(self, anchor: str) -> date:
        surgery = self.episode.surgery_date
        return surgery if anchor == "surgery" and surgery else self.episode.discharge_date
