"""The patient's questionnaires: each form, and when it is due."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.local_time import local_date
from recovery_service.domain.occurrence_ids import encode
from recovery_service.domain.questionnaire_items import QuestionnaireForm
from recovery_service.domain.questionnaire_times import TimePoint, due_on, next_after, time_points
from recovery_service.models import Episode, QuestionnaireResponse
from recovery_service.services.questionnaire_answered import standing
from recovery_service.services.questionnaire_forms import Offered, offered
from recovery_service.services.questionnaire_times import times_of
from recovery_service.services.templates import default_for


@dataclass(frozen=True, slots=True, kw_only=True)
class MyQuestionnaire:
    """A form, the time point that is open and not answered, and the next one to open.

    `occurrence_id` is that of the due one in the agenda, where the clinic reminds of it.
    `carried` are the texts that the patient's first response gave, by link id: an instrument
    whose activities the patient named is about the same ones ever after.
    """

    offered: Offered
    due: TimePoint | None
    next: TimePoint | None
    occurrence_id: str | None = None
    carried: Mapping[str, str] = field(default_factory=dict)


def questionnaires_of_patient(
    session: Session,
    content: Content,
    episode: Episode,
    *,
    home_zone: str,
    language: str,
    now: datetime,
) -> list[MyQuestionnaire]:
    """Return every form of the operation, what is due first; a handful of statements."""
    today = local_date(home_zone, now)
    instruments = content.instruments.of_procedure(episode.procedure)
    forms = offered(session, episode.clinic_id, instruments, language)
    template = default_for(session, content, episode)
    answered = _answered(session, episode)
    times = {
        (row.instrument, row.time_point): row.id
        for row in times_of(session, episode.clinic_id, [episode.id])
    }
    first = _first_answers(session, episode, [one for one in forms if _texts(one.form)])
    found = []
    for one in forms:
        points = time_points(
            template.questionnaires,
            surgery=episode.surgery_date,
            earliest_day=one.instrument.earliest_day,
        )
        due = due_on(points, today, answered.get(one.instrument.code, ()))
        asked = times.get((one.instrument.code, due.code)) if due else None
        found.append(
            MyQuestionnaire(
                offered=one,
                due=due,
                occurrence_id=None if asked is None else encode(asked, "once"),
                next=next_after(points, today),
                carried=_carried(one.form, first.get(one.instrument.code)),
            )
        )
    return sorted(found, key=lambda each: each.due.closes if each.due else date.max)


def _answered(session: Session, episode: Episode) -> dict[str, list[str]]:
    """Return which time points each instrument was answered at."""
    rows = session.execute(
        select(
            QuestionnaireResponse.instrument,
            func.array_agg(QuestionnaireResponse.time_point.distinct()).label("codes"),
        )
        .where(
            QuestionnaireResponse.clinic_id == episode.clinic_id,
            QuestionnaireResponse.episode_id == episode.id,
            QuestionnaireResponse.time_point.is_not(None),
            standing(),
        )
        .group_by(QuestionnaireResponse.instrument)
    )
    return {row.instrument: row.codes for row in rows}


def _first_answers(
    session: Session, episode: Episode, forms: Iterable[Offered]
) -> dict[str, dict[str, Any]]:
    """Return the first answers of the forms that ask for texts of the patient's own."""
    codes = [one.instrument.code for one in forms]
    if not codes:
        return {}
    first = QuestionnaireResponse
    rows = session.execute(
        select(first.instrument, first.answers)
        .ext(distinct_on(first.instrument))
        .where(
            first.clinic_id == episode.clinic_id,
            first.episode_id == episode.id,
            first.instrument.in_(codes),
            first.answers.is_not(None),
            standing(),
        )
        .order_by(first.instrument, first.local_date, first.authored_at, first.id)
    )
    return {row.instrument: row.answers for row in rows}


def _texts(form: QuestionnaireForm) -> list[str]:
    return [name for name, item in form.questions().items() if item.type == "string"]


def _carried(form: QuestionnaireForm, answers: Mapping[str, Any] | None) -> dict[str, str]:
    given = answers or {}
    return {name: given[name] for name in _texts(form) if given.get(name)}
