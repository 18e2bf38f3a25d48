"""Recovery curves: published courses after an operation, and the rule that sets one against them.

They are entries of `config/recovery_curves.toml`; `recovery_curve_fields` reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from recovery_service.domain.corridor import Corridor, CorridorAnchor
from recovery_service.domain.languages import Texts
from recovery_service.domain.plan_template_parts import Sourced

LEVEL = "level"
CHANGE = "change"
KINDS = (CHANGE, LEVEL)


@dataclass(frozen=True, kw_only=True)
class StatusRule(Sourced):
    """So many weekly medians in a row, outside the mean by more than so many SD."""

    weeks: int
    deviations: float


@dataclass(frozen=True, kw_only=True)
class JudgedFrom(Sourced):
    """The first day since surgery whose answers to a question may be judged."""

    item: str
    procedures: frozenset[str]
    day: int


@dataclass(frozen=True, kw_only=True)
class Noise(Sourced):
    """What patients notice as a change, and the smallest that the scale can tell from noise."""

    item: str
    important_change: float
    detectable_change: float


@dataclass(frozen=True, kw_only=True)
class Anchor(Sourced):
    """A published point, already on the question's own scale (a change: in its units)."""

    day: int
    mean: float
    deviation: float | None
    label: str
    days_seen: tuple[int, int] | None


@dataclass(frozen=True, kw_only=True)
class BeforeSurgery:
    """What the people of a source had said before surgery."""

    mean: float
    deviation: float | None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The course of one question after one procedure, as one source tells it.

    `kind` is `level`, or `change` from the patient's own value before surgery. `people`
    says who they were, `caution` tells staff what is doubtful.
    """

    code: str
    procedure: str
    item: str
    kind: str
    minimum: float
    maximum: float
    before: BeforeSurgery | None
    anchors: tuple[Anchor, ...]
    people: Texts
    caution: Texts | None

    @property
    def sources(self) -> tuple[str, ...]:
        """The source keys of all anchors, each once."""
        return tuple(dict.fromkeys(key for anchor in self.anchors for key in anchor.source))

    def corridor(self, own_baseline: float | None, *, deviations: float) -> Corridor | None:
        """Return the course for a patient; a change has none without the patient's own value."""
        start = own_baseline if self.kind == CHANGE else 0.0
        if start is None:
            return None
        return Corridor(
            anchors=tuple(
                CorridorAnchor(
                    day=anchor.day,
                    mean=start + anchor.mean,
                    deviation=anchor.deviation,
                    label=anchor.label,
                )
                for anchor in self.anchors
            ),
            minimum=self.minimum,
            maximum=self.maximum,
            deviations=deviations,
        )


@dataclass(frozen=True, kw_only=True)
class RecoveryCurves:
    """All curves with the rule; immutable, and valid because it could be built."""

    version: int
    status: str
    content_hash: str
    rule: StatusRule
    judged_from: tuple[JudgedFrom, ...]
    noise: Mapping[str, Noise]
    curves: tuple[Curve, ...]

    def curves_for(self, procedure: str, item: str) -> tuple[Curve, ...]:
        """Return the curves of a question, those of changes first: the own baseline comes first."""
        found = [one for one in self.curves if (one.procedure, one.item) == (procedure, item)]
        return tuple(sorted(found, key=lambda one: KINDS.index(one.kind)))

    def first_judged_day(self, procedure: str, item: str) -> int | None:
        """Return the first day whose answers may be judged, None where nobody said one."""
        found = (
            one.day for one in self.judged_from if one.item == item and procedure in one.procedures
        )
        return next(found, None)
