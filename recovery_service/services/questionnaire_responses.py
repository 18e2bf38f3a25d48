"""Answered questionnaires: checked against their form, scored, and stored once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.check_ins import CLOCK_SUSPECT, UNKNOWN_FORM_VERSION, clock_is_suspect
from recovery_service.domain.content import Content
from recovery_service.domain.instruments import CHECK_IN, Instrument
from recovery_service.domain.local_time import local_date
from recovery_service.domain.questionnaire_answers import check_answers
from recovery_service.domain.questionnaire_scores import rounded, score
from recovery_service.domain.questionnaire_times import TimePoint, time_point_on, time_points
from recovery_service.errors import ClientIdReused, Invalid, InvalidField, NoSuchObject
from recovery_service.models import Episode, QuestionnaireResponse
from recovery_service.services.device_plan import devices_owed_sync
from recovery_service.services.questionnaire_closing import settle_answered
from recovery_service.services.questionnaire_forms import Offered, form_answered
from recovery_service.services.templates import default_for

OFF_WINDOW = "off_window"
Behind = tuple[date, datetime, UUID] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQuestionnaireResponse:
    """What came in: answers by link id, or a score that staff took from paper.

    `questionnaire` is the licensed version that was answered, `form_version` what names the
    content of a shipped form, `supersedes` an earlier response that this one corrects.
    """

    id: UUID
    instrument: str
    authored_at: datetime
    questionnaire: UUID | None = None
    form_version: str | None = None
    time_point: str | None = None
    answers: Mapping[str, Any] | None = None
    score: float | None = None
    supersedes: UUID | None = None


def record_response(
    session: Session,
    content: Content,
    actor: Actor,
    episode: Episode,
    new: NewQuestionnaireResponse,
    *,
    home_zone: str,
    now: datetime,
) -> tuple[QuestionnaireResponse, bool]:
    """Store a response; the same one again is the one that stands (then True).

    Never refused for its age, its window, or what was left out. Raises Invalid (an answer that
    its question cannot have), InvalidField, ClientIdReused.
    """
    instrument = content.instruments.get(new.instrument)
    if instrument is None or instrument.origin == CHECK_IN:
        raise InvalidField("/instrument", _no_answers(instrument))
    mine = actor.kind == "patient"
    suspect = mine and clock_is_suspect(new.authored_at, received_at=now)
    day = local_date(home_zone, now if suspect else new.authored_at)
    if not mine and day > local_date(home_zone, now):
        raise InvalidField("/authored_at", "Lies ahead.")
    values = _said(session, actor, instrument, new)
    point, issues = _placed(session, content, episode, instrument, new, day)
    if suspect:
        issues.append({"code": CLOCK_SUSPECT})
    values |= {
        "clinic_id": actor.clinic_id,
        "id": new.id,
        "episode_id": episode.id,
        "instrument": instrument.code,
        "time_point": point,
        "local_date": day,
        "authored_at": new.authored_at,
        "received_at": now,
        "issues": [*values["issues"], *issues],
        "supersedes": new.supersedes,
        "source": "app" if mine else "staff",
        "entered_by": None if mine else actor.id,
    }
    row, repeated = _stored(session, values, new)
    if settle_answered(session, episode, now=now):
        devices_owed_sync(
            session, actor.clinic_id, episode.patient_id, but_not=actor.device_id, now=now
        )
    return row, repeated


def _no_answers(instrument: Instrument | None) -> str:
    if instrument is None:
        return "There is no such instrument."
    return "This is asked by check-ins; send one of these."


def _said(
    session: Session,
    actor: Actor,
    instrument: Instrument,
    new: NewQuestionnaireResponse,
) -> dict[str, Any]:
    """Return answers and score as they are kept."""
    if new.answers is None:
        return _from_paper(instrument, new) | {"issues": []}
    form = form_answered(session, actor.clinic_id, instrument, new.questionnaire)
    checked = check_answers(form.form, new.answers)
    if checked.errors:
        raise Invalid(errors=checked.errors)
    scored = score(form.form, instrument.scoring, checked.answers)
    return {
        "questionnaire_id": form.questionnaire_id,
        "form_version": new.form_version,
        "answers": checked.answers,
        "score": scored.score,
        "complete": scored.complete,
        "issues": _version_issues(form, new),
    }


def _version_issues(form: Offered, new: NewQuestionnaireResponse) -> list[dict[str, str]]:
    known = new.form_version in (None, form.form_version)
    return [] if known else [{"code": UNKNOWN_FORM_VERSION}]


def _from_paper(instrument: Instrument, new: NewQuestionnaireResponse) -> dict[str, Any]:
    if new.score is None:
        raise InvalidField("/answers", "Give either answers or a score.")
    if not instrument.minimum <= new.score <= instrument.maximum:
        span = f"{instrument.minimum:g} to {instrument.maximum:g}"
        raise InvalidField("/score", f"Must be a number from {span}.")
    exact = rounded(Decimal(str(new.score)), instrument.scoring)
    if exact != new.score:
        raise InvalidField("/score", f"Has at most {instrument.scoring.decimals} decimals.")
    return {
        "questionnaire_id": None,
        "form_version": None,
        "answers": None,
        "score": exact,
        "complete": True,
    }


def points_of(
    session: Session, content: Content, episode: Episode, instrument: Instrument
) -> tuple[TimePoint, ...]:
    """Return the time points of an instrument in an episode."""
    template = default_for(session, content, episode)
    return time_points(
        template.questionnaires,
        surgery=episode.surgery_date,
        earliest_day=instrument.earliest_day,
    )


def _placed(
    session: Session,
    content: Content,
    episode: Episode,
    instrument: Instrument,
    new: NewQuestionnaireResponse,
    day: date,
) -> tuple[str | None, list[dict[str, str]]]:
    """Return the time point that a response belongs to: the one it names, or its day's."""
    points = points_of(session, content, episode, instrument)
    if new.time_point is None:
        found = time_point_on(points, day)
        return (found.code if found else None), []
    named = next((one for one in points if one.code == new.time_point), None)
    if named is None and points:
        raise InvalidField("/time_point", "There is no such time point.")
    off = named is not None and not named.holds(day)
    return new.time_point, [{"code": OFF_WINDOW}] if off else []


def _stored(
    session: Session, values: dict[str, Any], new: NewQuestionnaireResponse
) -> tuple[QuestionnaireResponse, bool]:
    made = session.scalar(
        insert(QuestionnaireResponse)
        .values(values)
        .on_conflict_do_nothing()
        .returning(QuestionnaireResponse.id)
    )
    row = session.get_one(QuestionnaireResponse, (values["clinic_id"], new.id))
    if made is not None:
        return row, False
    if row.episode_id != values["episode_id"]:
        raise ClientIdReused("questionnaire response", new.id, None)
    if not _says_the_same(row, values, new):
        raise ClientIdReused("questionnaire response", new.id, as_json(row))
    return row, True


def _says_the_same(
    row: QuestionnaireResponse, values: Mapping[str, Any], new: NewQuestionnaireResponse
) -> bool:
    """Compare what was sent; what we made of it may have changed with the content since."""
    said = ["instrument", "questionnaire_id", "form_version", "answers", "supersedes", "source"]
    if new.answers is None:
        said.append("score")
    if new.time_point is not None:
        said.append("time_point")
    same = all(getattr(row, name) == values[name] for name in said)
    return same and row.authored_at == new.authored_at.astimezone(UTC)


def responses_of(
    session: Session, episode: Episode, *, limit: int, behind: Behind = None
) -> Sequence[QuestionnaireResponse]:
    """Return the responses of an episode, newest first, one more than `limit`."""
    order = (
        QuestionnaireResponse.local_date,
        QuestionnaireResponse.authored_at,
        QuestionnaireResponse.id,
    )
    wanted = select(QuestionnaireResponse).where(
        QuestionnaireResponse.clinic_id == episode.clinic_id,
        QuestionnaireResponse.episode_id == episode.id,
    )
    if behind is not None:
        wanted = wanted.where(tuple_(*order) < behind)
    newest_first = wanted.order_by(*(column.desc() for column in order))
    return session.scalars(newest_first.limit(limit + 1)).all()


def response_in_scope(
    session: Session, episode: Episode, response_id: UUID
) -> QuestionnaireResponse:
    """Return a response of the episode; raises NoSuchObject."""
    row = session.get(QuestionnaireResponse, (episode.clinic_id, response_id))
    if row is None or row.episode_id != episode.id:
        raise NoSuchObject("questionnaire response")
    return row


def as_json(row: QuestionnaireResponse) -> dict[str, Any]:
    """Return a response as the API shows it."""
    return {column.key: getattr(row, column.key) for column in row.__table__.c}
