"""What a plan template is made of; `plan_templates` reads one.

Days count from surgery (day 0), unless an item's rule says discharge.
"""

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Self

from recovery_service.domain.languages import Texts
from recovery_service.domain.recurrence_rules import Rule

DRAFT = "draft_pending_clinician_signoff"
GRADES = ("A", "B", "C", "D")
BY_DAY, BY_CLINICIAN = "day", "clinician"
ADVANCES = (BY_DAY, BY_CLINICIAN)


@dataclass(frozen=True, kw_only=True)
class Sourced:
    """A clinical fact and what it stands on.

    `source` holds keys of `config/sources.toml`. Grades: A trial or systematic
    review, B registry or cohort, C surgeon survey or hospital leaflet, D
    convention, which a clinician must always confirm. `why_confirm` tells staff
    what the sources disagree about.
    """

    source: tuple[str, ...]
    grade: str
    clinician_must_confirm: bool = False
    why_confirm: Texts | None = None


@dataclass(frozen=True, kw_only=True)
class Criterion(Sourced):
    """One thing that speaks for going on to a phase; `title` says what it means.

    Either an `item` of the check-in, whose last `entries` answers within `within_days`
    days are all from `at_least` to `at_most`, or all among `one_of`; or a `fact` that
    the service counts over these days.
    """

    code: str
    title: Texts
    item: str | None = None
    fact: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str, ...] = ()
    entries: int = 1
    within_days: int

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form; `Criterion.of` reads it back to an equal one."""
        why = dict(self.why_confirm) if self.why_confirm else None
        whole = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return whole | {
            "title": dict(self.title),
            "why_confirm": why,
            "source": list(self.source),
            "one_of": list(self.one_of),
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        lists = {name: tuple(stored[name]) for name in ("source", "one_of")}
        return cls(**{**stored, **lists})


@dataclass(frozen=True, kw_only=True)
class Gate(Sourced):
    """Why a phase begins with a clinician's word only, and from which day on it is asked for."""

    decide_from_day: int
    criteria: tuple[Criterion, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form, as a phase of a plan revision keeps it."""
        return {
            "advance": BY_CLINICIAN,
            "decide_from_day": self.decide_from_day,
            "criteria": [each.as_json() for each in self.criteria],
            "source": list(self.source),
            "grade": self.grade,
            "why_confirm": dict(self.why_confirm) if self.why_confirm else None,
        }


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of the recovery; both days are inclusive.

    Without a `gate` it begins by its day. With one it begins on its day at the earliest,
    and not before a clinician has accepted it.
    """

    code: str
    title: Texts
    from_day: int
    to_day: int
    gate: Gate | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form, as a plan revision keeps it."""
        return {
            "code": self.code,
            "title": dict(self.title),
            "from_day": self.from_day,
            "to_day": self.to_day,
        } | (self.gate.as_json() if self.gate else {})


@dataclass(frozen=True, kw_only=True)
class TemplateItem(Sourced):
    """One thing to do or to keep to.

    `code` is the name of its lineage within the template. `dose` has whole numbers
    under `sets, reps, minutes, hold_seconds, times_per_day, max_prompts_per_day` and
    a translated `note`, each of them optional. A follow-up may name the template's
    `appointment` that it asks to book.
    """

    code: str
    kind: str
    phase: str | None
    title: Texts
    instructions: Texts
    dose: Mapping[str, Any]
    rule: Rule
    appointment: str | None = None
    media: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Restriction(Sourced):
    """A limit that holds from one day to another (None: until a clinician lifts it).

    `limit` is in `unit` (`kg` or `min`); both are None for a rule without a number.
    `range_seen` is the span of limits that the sources give, in the same unit.
    """

    code: str
    limit: float | None = None
    unit: str | None = None
    range_seen: tuple[float, float] | None = None
    from_day: int
    to_day: int | None = None
    text: Texts


@dataclass(frozen=True, kw_only=True)
class TemplateAppointment(Sourced):
    """A follow-up visit or call; its window is in days since surgery, inclusive."""

    code: str
    title: Texts
    target_day: int
    window_from: int
    window_to: int
    mode: str = "in_person"
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class QuestionnaireTime(Sourced):
    """When a patient-reported outcome is due; the window is inclusive.

    Day 0 is the baseline, whose window begins before the operation.
    """

    code: str
    target_day: int
    window_from: int
    window_to: int


@dataclass(frozen=True, kw_only=True)
class PlanTemplate:
    """One version of the content for one procedure.

    `typical_stay_days` is the usual number of nights; None means that none is known,
    and that a surgery date cannot be assumed from the discharge date. `content_hash`
    is the SHA-256 (hex) of the raw content in canonical JSON: what a clinician signs.
    """

    code: str
    version: int
    procedure: str
    variant: str | None
    default: bool
    title: Texts
    status: str
    typical_stay_days: int | None
    phases: tuple[Phase, ...]
    items: tuple[TemplateItem, ...]
    restrictions: tuple[Restriction, ...]
    appointments: tuple[TemplateAppointment, ...]
    questionnaires: tuple[QuestionnaireTime, ...]
    content_hash: str
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    def phase_on(self, day: int) -> Phase | None:
        """Return the phase that holds this day since surgery, None before and after all."""
        return next((p for p in self.phases if p.from_day <= day <= p.to_day), None)

    def counts_from_surgery(self) -> bool:
        """Say whether anything in the plan needs the surgery date."""
        return bool(self.restrictions or self.appointments or self.questionnaires) or any(
            item.rule.anchor == "surgery" for item in self.items
        )

    def as_json(self) -> dict[str, Any]:
        """Return a copy of the raw content; parsing it gives an equal template."""
        return deepcopy(dict(self.raw))


def content_hash(raw: Mapping[str, Any]) -> str:
    """Return the SHA-256 of raw content in canonical JSON, in hex."""
    canonical = json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
