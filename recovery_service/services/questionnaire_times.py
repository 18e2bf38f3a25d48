"""Time points of questionnaires as schedules: which there are, and that answering closes them.

A row of `questionnaire_time` has the id of its schedule. From there on it is planned, moved,
held and ended like an item of the plan, by the same mechanism (`services.replanning`).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.instruments import Instrument
from recovery_service.domain.questionnaire_times import BASELINE_DAY, QUESTIONNAIRE, rule_of
from recovery_service.models import (
    Clinic,
    Episode,
    Questionnaire,
    QuestionnaireTime,
    Schedule,
)
from recovery_service.services import occurrence_rows
from recovery_service.services.replanning import Wanted
from recovery_service.services.templates import defaults_for
from recovery_service.services.unsent import cancel_unsent


class _Key(NamedTuple):
    episode_id: UUID
    instrument: str
    time_point: str


def plan_times(
    session: Session, content: Content, episodes: Sequence[Episode], *, now: datetime
) -> bool:
    """Write which time points these episodes of one clinic have; say whether anything changed.

    Set-based, whatever the number of episodes. The clinic is locked against a change of what
    it schedules, so that of a plan published at the same time nothing is left out.
    """
    if not episodes:
        return False
    clinic_id = episodes[0].clinic_id
    wanted = _wished(session, content, episodes, _asked_for(session, content, clinic_id), now=now)
    stored = {
        _Key(row.episode_id, row.instrument, row.time_point): row
        for row in session.scalars(
            select(QuestionnaireTime)
            .where(
                QuestionnaireTime.clinic_id == clinic_id,
                QuestionnaireTime.episode_id.in_([each.id for each in episodes]),
            )
            .execution_options(populate_existing=True)
        )
    }
    new = [values for key, values in wanted.items() if key not in stored]
    if new:
        session.execute(insert(QuestionnaireTime).on_conflict_do_nothing(), new)
    changed = [_follow(row, wanted.get(key)) for key, row in stored.items()]
    session.flush()
    return bool(new) or any(changed)


def _asked_for(session: Session, content: Content, clinic_id: UUID) -> list[Instrument]:
    """Return what the clinic schedules and has a form of; the setting stands still meanwhile."""
    codes = session.scalars(
        select(Clinic.scheduled_instruments)
        .where(Clinic.id == clinic_id)
        .with_for_update(read=True)
    ).one()
    if not codes:
        return []
    imported = set(
        session.scalars(
            select(Questionnaire.instrument).where(
                Questionnaire.clinic_id == clinic_id, Questionnaire.active
            )
        )
    )
    named = [content.instruments.get(code) for code in codes]
    return [one for one in named if one and (one.form is not None or one.code in imported)]


def _wished(
    session: Session,
    content: Content,
    episodes: Sequence[Episode],
    instruments: Sequence[Instrument],
    *,
    now: datetime,
) -> dict[_Key, dict[str, Any]]:
    """Return the rows that there should be; the baseline is of the time before any plan."""
    found: dict[_Key, dict[str, Any]] = {}
    if not instruments:
        return found
    for episode, template in zip(episodes, defaults_for(session, content, episodes), strict=True):
        for one in instruments:
            if episode.procedure not in one.procedures:
                continue
            for time in template.questionnaires:
                first = max(time.target_day, one.earliest_day)
                if time.target_day > BASELINE_DAY and first <= time.window_to:
                    key = _Key(episode.id, one.code, time.code)
                    found[key] = {
                        **key._asdict(), "clinic_id": episode.clinic_id, "id": new_id(now=now),
                        "title": dict(one.title), "target_day": first, "to_day": time.window_to,
                        "active": True, "created_at": now,
                    }  # fmt: skip
    return found


def _follow(row: QuestionnaireTime, wish: Mapping[str, Any] | None) -> bool:
    if wish is None:
        was, row.active = row.active, False
        return was
    names = ("title", "target_day", "to_day", "active")
    differs = any(getattr(row, name) != wish[name] for name in names)
    for name in names:
        setattr(row, name, wish[name])
    return differs


def wanted_times(session: Session, episode: Episode) -> list[Wanted]:
    """Return how the time points of an episode are to be scheduled; they count from surgery."""
    if episode.surgery_date is None:
        return []
    return [wanted_of(row) for row in times_of(session, episode.clinic_id, [episode.id])]


def times_of(
    session: Session, clinic_id: UUID, episode_ids: Sequence[UUID]
) -> Sequence[QuestionnaireTime]:
    """Return the time points that are asked for."""
    return session.scalars(
        select(QuestionnaireTime)
        .where(
            QuestionnaireTime.clinic_id == clinic_id,
            QuestionnaireTime.episode_id.in_(episode_ids),
            QuestionnaireTime.active,
        )
        .order_by(QuestionnaireTime.id)
        .execution_options(populate_existing=True)
    ).all()


def wanted_of(row: QuestionnaireTime) -> Wanted:
    """Return how one time point is to be scheduled."""
    return Wanted(row.id, QUESTIONNAIRE, rule_of(row.target_day, row.to_day))


def silence_times(session: Session, clinic_id: UUID, ids: Sequence[UUID], *, now: datetime) -> None:
    """Stop the schedules of what is asked for no more, and cancel what is open of it."""
    session.execute(
        update(Schedule)
        .where(Schedule.clinic_id == clinic_id, Schedule.id.in_(ids))
        .values(next_date=None, next_minute=None, next_due_at=None, revision=Schedule.revision + 1)
        .execution_options(synchronize_session=False)
    )
    rows = occurrence_rows.standing(session, clinic_id, ids, since=date.max)
    closed = occurrence_rows.close(session, clinic_id, rows, reason="item_removed", now=now)
    cancel_unsent(session, clinic_id, closed, reason="item_removed", now=now)
