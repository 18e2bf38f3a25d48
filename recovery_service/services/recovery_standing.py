"""Where a recovery stands, of the pain questions of its procedure, and what it is set against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from recovery_service.domain.content import Content
from recovery_service.domain.corridor import Corridor, Expected
from recovery_service.domain.languages import in_language
from recovery_service.domain.pain_trends import pain_items
from recovery_service.domain.recovery_curves import BeforeSurgery, Curve
from recovery_service.domain.recovery_status import BEHIND, Measure, Standing, overall, standing_of
from recovery_service.services.progress_words import (
    own_change_in_words,
    standing_in_words,
    status_for_reader,
)

#: Days since surgery on which a course is shown, beside those of its anchors.
_SHOWN_DAYS = (*range(7, 85, 7), *range(90, 731, 30))


class Operated(Protocol):
    """An episode, as far as its expected course needs it."""

    @property
    def procedure(self) -> str:
        """The operation."""
        ...

    @property
    def surgery_date(self) -> date | None:
        """Day 0."""
        ...

    @property
    def baseline(self) -> Mapping[str, Any]:
        """What was known before, by item."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A published course; `corridor` holds it for this patient, `course` its points to draw.

    `caution` is for staff.
    """

    code: str
    kind: str
    people: str
    caution: str | None
    sources: tuple[str, ...]
    before_surgery: BeforeSurgery | None
    corridor: Corridor
    course: tuple[Expected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBaseline:
    """The last 7 days against the patient's own value before surgery."""

    before: float
    now: float
    change: float
    verdict: str | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingView:
    """A status with its reason, as its reader gets it."""

    item: str
    status: str
    reason: str
    sentence: str
    own_baseline: OwnBaseline | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Whom it is told to, and in which language."""

    language: str
    for_staff: bool


def standings(
    content: Content,
    episode: Operated,
    values: Mapping[str, Mapping[date, float]],
    *,
    today: date,
) -> tuple[Standing, ...]:
    """Return where each pain question stands, the one that leads first; `values` are by item."""
    surgery = episode.surgery_date
    found = []
    for item in pain_items(episode.procedure):
        by_day = (
            {}
            if surgery is None
            else {(day - surgery).days: value for day, value in values.get(item, {}).items()}
        )
        found.append(
            standing_of(
                _measure(content, episode, item),
                by_day,
                content.curves.rule,
                today=None if surgery is None else (today - surgery).days,
            )
        )
    return tuple(found)


def behind_items(
    content: Content,
    episode: Operated,
    values: Mapping[str, Mapping[date, float]],
    today: date,
) -> list[str]:
    """Return the pain questions that are behind: those a physiotherapist should look at.

    `values` need to reach back only as many weeks as the rule compares.
    """
    found = standings(content, episode, values, today=today)
    return [one.item for one in found if one.status == BEHIND]


def view_standing(content: Content, standing: Standing, reader: Reader) -> StandingView:
    """Return a standing in words."""
    return StandingView(
        item=standing.item,
        status=status_for_reader(standing.status, for_staff=reader.for_staff),
        reason=standing.reason,
        sentence=standing_in_words(content, standing, reader.language, for_staff=reader.for_staff),
        own_baseline=_own_baseline(content, standing, reader),
    )


def view_overall(content: Content, found: Sequence[Standing], reader: Reader) -> StandingView:
    """Return the standing that speaks for the recovery."""
    return view_standing(content, overall(found), reader)


def references(
    content: Content, episode: Operated, item: str, reader: Reader
) -> tuple[Reference, ...]:
    """Return the published courses of a question; without a surgery date there are no days."""
    if episode.surgery_date is None:
        return ()
    return tuple(
        Reference(
            code=curve.code,
            kind=curve.kind,
            people=in_language(curve.people, reader.language),
            caution=in_language(curve.caution, reader.language)
            if curve.caution and reader.for_staff
            else None,
            sources=tuple(content.sources[key] for key in curve.sources),
            before_surgery=curve.before,
            corridor=corridor,
            course=corridor.course(_SHOWN_DAYS),
        )
        for curve, corridor in _corridors(content, episode, item)
    )


def _measure(content: Content, episode: Operated, item: str) -> Measure:
    return Measure(
        item=item,
        corridors=[corridor for _, corridor in _corridors(content, episode, item)],
        first_day=content.curves.first_judged_day(episode.procedure, item),
        baseline=episode.baseline.get(item),
        noise=content.curves.noise.get(item),
    )


def _corridors(content: Content, episode: Operated, item: str) -> list[tuple[Curve, Corridor]]:
    """Return the curves that hold for the patient, those from the own baseline first."""
    rule, own = content.curves.rule, episode.baseline.get(item)
    found = []
    for curve in content.curves.curves_for(episode.procedure, item):
        corridor = curve.corridor(own, deviations=rule.deviations)
        if corridor is not None:
            found.append((curve, corridor))
    return found


def _own_baseline(content: Content, standing: Standing, reader: Reader) -> OwnBaseline | None:
    own = standing.own
    if own is None:
        return None
    return OwnBaseline(
        before=own.before,
        now=own.now,
        change=own.change,
        verdict=own.verdict and status_for_reader(own.verdict, for_staff=reader.for_staff),
        sentence=own_change_in_words(
            content, standing, own, reader.language, for_staff=reader.for_staff
        ),
    )
