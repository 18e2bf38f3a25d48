"""Answering a questionnaire closes its time point, however early or late the answer came."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.recurrence import Place, Rule, occurrences_from
from recovery_service.models import (
    Episode,
    Occurrence,
    QuestionnaireResponse,
    QuestionnaireTime,
    Schedule,
    ScheduleRule,
)
from recovery_service.services import occurrence_rows
from recovery_service.services.questionnaire_answered import standing
from recovery_service.services.unsent import cancel_unsent

ANSWERED = "questionnaire_answered"
_ONCE = "once"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A time point with its schedule, and whether an answer to it stands."""

    schedule: Schedule
    rule: Rule
    answered: bool


def settle_answered(session: Session, episode: Episode, *, now: datetime) -> bool:
    """Close what of an episode was answered, however early or late; say whether anything was.

    What an answer had closed that was since corrected to be of another time is open again.
    """
    return settle_all(session, episode.clinic_id, [episode.id], now=now)


def settle_all(
    session: Session, clinic_id: UUID, episode_ids: Sequence[UUID], *, now: datetime
) -> bool:
    """Do so for many episodes of one clinic, in the same few statements."""
    asked = _asked(session, clinic_id, episode_ids)
    if not asked:
        return False
    rows = _rows(session, clinic_id, [each.schedule.id for each in asked])
    ahead = [each for each in asked if each.answered and each.schedule.id not in rows]
    _write_ahead(session, ahead, now=now)
    met = [(each, rows[each.schedule.id]) for each in asked if each.schedule.id in rows]
    closed = [row for each, row in met if each.answered and row.state != "done"]
    opened = [row for each, row in met if not each.answered and row.reason == ANSWERED]
    for row in closed:
        row.state, row.reason, row.closed_at = "done", ANSWERED, now
    for row in opened:
        over = row.expires_at <= now
        row.state, row.reason = ("missed", "not_answered") if over else ("due", None)
        row.closed_at = now if over else None
    session.flush()
    cancel_unsent(session, clinic_id, [row.id for row in closed], reason="done", now=now)
    return bool(ahead or closed or opened)


def _rows(session: Session, clinic_id: UUID, lineages: Sequence[UUID]) -> dict[UUID, Occurrence]:
    """Return their occurrences, locked behind what of them is unsent."""
    occurrence_rows.standing(session, clinic_id, lineages, since=date.max)
    found = session.scalars(
        select(Occurrence)
        .where(
            Occurrence.clinic_id == clinic_id,
            Occurrence.lineage_id.in_(lineages),
            Occurrence.occ_key == _ONCE,
        )
        .order_by(Occurrence.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.lineage_id: row for row in found}


def _asked(session: Session, clinic_id: UUID, episode_ids: Sequence[UUID]) -> list[_Asked]:
    answered = (
        select(QuestionnaireResponse.id)
        .where(
            QuestionnaireResponse.clinic_id == QuestionnaireTime.clinic_id,
            QuestionnaireResponse.episode_id == QuestionnaireTime.episode_id,
            QuestionnaireResponse.instrument == QuestionnaireTime.instrument,
            QuestionnaireResponse.time_point == QuestionnaireTime.time_point,
            standing(),
        )
        .exists()
    )
    found = session.execute(
        select(Schedule, ScheduleRule.rule, answered)
        .join(
            QuestionnaireTime,
            (QuestionnaireTime.clinic_id == Schedule.clinic_id)
            & (QuestionnaireTime.id == Schedule.id),
        )
        .join(
            ScheduleRule,
            (ScheduleRule.clinic_id == Schedule.clinic_id)
            & (ScheduleRule.hash == Schedule.rule_hash),
        )
        .where(
            QuestionnaireTime.clinic_id == clinic_id,
            QuestionnaireTime.episode_id.in_(episode_ids),
        )
        .order_by(Schedule.id)
        .with_for_update(of=Schedule, key_share=True)
        .execution_options(populate_existing=True)
    )
    return [_Asked(schedule, Rule.parse(rule), yes) for schedule, rule, yes in found]


def _write_ahead(session: Session, asked: Iterable[_Asked], *, now: datetime) -> None:
    """Write what was answered before it fell due as done: the loop passes over it."""
    values = []
    for each in asked:
        row = each.schedule
        place = Place(row.anchor_date, 0)
        planned = next(occurrences_from(each.rule, row.anchor_date, row.time_zone, place), None)
        if planned is not None:
            values.append(
                {
                    "clinic_id": row.clinic_id,
                    "lineage_id": row.id,
                    "occ_key": _ONCE,
                    "local_date": planned.local_date,
                    "due_at": planned.due_at,
                    "expires_at": planned.expires_at,
                    "state": "done",
                    "reason": ANSWERED,
                    "closed_at": now,
                }
            )
    if values:
        session.execute(insert(Occurrence).on_conflict_do_nothing(), values)
