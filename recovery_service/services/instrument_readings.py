"""The scores of an episode by instrument, and how each stands against its own baseline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import chain
from statistics import median
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from recovery_service.domain.check_ins import newest_by_date
from recovery_service.domain.content import Content
from recovery_service.domain.instrument_change import Change, Reading, baseline_of, change_since
from recovery_service.domain.instruments import CHECK_IN, Instrument
from recovery_service.domain.questionnaire_scores import rounded
from recovery_service.domain.questionnaire_times import BASELINE_DAY, TimePoint, time_points
from recovery_service.domain.series import Told, values_of
from recovery_service.models import CheckIn, Episode, QuestionnaireResponse
from recovery_service.services.questionnaire_answered import standing
from recovery_service.services.templates import default_for

# The week around a time point, and the week up to the operation.
_EITHER_SIDE = timedelta(days=3)
_WEEK = timedelta(days=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A reading and its change against the baseline."""

    reading: Reading
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentCourse:
    """One instrument in one episode: the baseline, and what came after it, oldest first."""

    instrument: Instrument
    baseline: Reading | None
    readings: tuple[Judged, ...]


def instrument_courses(
    session: Session, content: Content, episode: Episode, *, today: date
) -> list[InstrumentCourse]:
    """Return the instruments of the operation that have a score or are asked by check-ins.

    Of each instrument the newest response of each time point counts: three statements and at
    most a few rows, whatever the history's length.
    """
    template = default_for(session, content, episode)
    instruments = content.instruments.of_procedure(episode.procedure)
    points = {
        one.code: time_points(
            template.questionnaires, surgery=episode.surgery_date, earliest_day=one.earliest_day
        )
        for one in instruments
    }
    answered = _answered(session, episode, instruments)
    weeks = _weeks_of_check_ins(session, episode, instruments, points, today)
    found = []
    for one in instruments:
        readings = weeks[one.code] if one.origin == CHECK_IN else answered.get(one.code, [])
        if readings:
            found.append(_course(one, readings, episode))
    return found


def _course(
    instrument: Instrument, readings: Iterable[Reading], episode: Episode
) -> InstrumentCourse:
    surgery = episode.surgery_date
    baseline = baseline_of(readings, surgery=surgery) or _known_before(instrument, episode)
    after = sorted(
        (one for one in readings if surgery is None or one.day > surgery), key=lambda one: one.day
    )
    return InstrumentCourse(
        instrument=instrument,
        baseline=baseline,
        readings=tuple(
            Judged(reading=one, change=change_since(instrument, baseline, one, surgery=surgery))
            for one in after
        ),
    )


def _known_before(instrument: Instrument, episode: Episode) -> Reading | None:
    """Return what the clinic wrote down of the time before the operation."""
    score = episode.baseline.get(instrument.code)
    if (
        not isinstance(score, int | float)
        or isinstance(score, bool)
        or episode.surgery_date is None
    ):
        return None
    return Reading(score=float(score), day=episode.surgery_date)


def _answered(
    session: Session, episode: Episode, instruments: Iterable[Instrument]
) -> dict[str, list[Reading]]:
    """Return the newest score of each time point, and the last one up to the operation."""
    known = {one.code: one for one in instruments}
    response = QuestionnaireResponse
    columns = (
        response.id, response.instrument, response.score, response.local_date,
        response.time_point, response.answers,
    )  # fmt: skip
    scored = select(*columns).where(
        response.clinic_id == episode.clinic_id,
        response.episode_id == episode.id,
        response.score.is_not(None),
        response.instrument.in_(known),
        standing(),
    )
    newest = (
        response.local_date.desc(), response.authored_at.desc(), response.received_at.desc(),
        response.id.desc(),
    )  # fmt: skip
    by_point = scored.ext(distinct_on(response.instrument, response.time_point)).order_by(
        response.instrument, response.time_point, *newest
    )
    before = scored.ext(distinct_on(response.instrument)).order_by(response.instrument, *newest)
    rows = {row.id: row for row in session.execute(by_point)}
    if episode.surgery_date is not None:
        last = before.where(response.local_date <= episode.surgery_date)
        rows |= {row.id: row for row in session.execute(last)}
    found: dict[str, list[Reading]] = {}
    for row in rows.values():
        found.setdefault(row.instrument, []).append(_reading(row, known[row.instrument]))
    return found


def _reading(row: Any, instrument: Instrument) -> Reading:
    return Reading(
        score=row.score,
        day=row.local_date,
        time_point=row.time_point,
        about=_about(instrument, row.answers),
    )


def _about(instrument: Instrument, answers: Mapping[str, Any] | None) -> frozenset[str] | None:
    """Return which activities were rated, as the patient named them; None where none are named."""
    if instrument.form is None or answers is None:
        return None
    questions = instrument.form.questions()
    named = {
        str(answers[one.question]).casefold()
        for item in questions.values()
        if item.scored and answers.get(item.link_id) is not None
        for one in item.conditions
        if questions[one.question].type == "string" and answers.get(one.question)
    }
    return frozenset(named) or None


def _weeks_of_check_ins(
    session: Session,
    episode: Episode,
    instruments: Iterable[Instrument],
    points: Mapping[str, tuple[TimePoint, ...]],
    today: date,
) -> dict[str, list[Reading]]:
    """Return the median of the week around each time point whose day has come."""
    asked = [one for one in instruments if one.origin == CHECK_IN]
    weeks = {
        one.code: [_week(point) for point in points[one.code] if point.target <= today]
        for one in asked
    }
    spans = {(first, last) for first, last, _ in chain.from_iterable(weeks.values())}
    counting = newest_by_date(_told(session, episode, spans)) if spans else {}
    found: dict[str, list[Reading]] = {}
    for one in asked:
        values = values_of(one.item or "", counting)
        found[one.code] = [
            Reading(
                score=rounded(Decimal(str(median(told))), one.scoring), day=day, time_point=code
            )
            for first, last, (code, day) in weeks[one.code]
            if (told := [value for on, value in values.items() if first <= on <= last])
            and len(told) >= one.scoring.least_answered
        ]
    return found


def _week(point: TimePoint) -> tuple[date, date, tuple[str, date]]:
    """Return the first and last day of a time point's week, and which point it is."""
    if point.day <= BASELINE_DAY:
        return point.target - _WEEK, point.target, (point.code, point.target)
    return point.target - _EITHER_SIDE, point.target + _EITHER_SIDE, (point.code, point.target)


def _told(session: Session, episode: Episode, spans: Iterable[tuple[date, date]]) -> list[Told]:
    rows = session.execute(
        select(
            CheckIn.id,
            CheckIn.local_date,
            CheckIn.recorded_at,
            CheckIn.received_at,
            CheckIn.supersedes,
            CheckIn.issues,
            CheckIn.answers,
        ).where(
            CheckIn.clinic_id == episode.clinic_id,
            CheckIn.episode_id == episode.id,
            or_(*(CheckIn.local_date.between(first, last) for first, last in spans)),
        )
    )
    return [Told(**row) for row in rows.mappings()]
