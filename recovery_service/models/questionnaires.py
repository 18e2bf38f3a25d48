"""A clinic's licensed questionnaires, and what patients answered."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Float,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    Stamped,
    health,
    operational,
)
from recovery_service.models.keys import within_clinic


class Questionnaire(Stamped, Base):
    """One imported version of an instrument in one language; the content never changes.

    ``content`` is the FHIR R4 resource as the clinic gave it; of an instrument one version
    in a language is ``active`` at most, and that one is offered to patients.
    """

    __tablename__ = "questionnaire"
    __table_args__ = (
        within_clinic("staff_member", "created_by"),
        UniqueConstraint("clinic_id", "instrument", "content_hash"),
        CheckConstraint("jsonb_typeof(content) = 'object'", name="content"),
        CheckConstraint("content_hash ~ '^[0-9a-f]{64}$'", name="content_hash"),
        Index(
            "uq_questionnaire_active",
            "clinic_id",
            "instrument",
            "language",
            unique=True,
            postgresql_where=text("active"),
        ),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    instrument: Mapped[str] = operational(String(64))
    language: Mapped[str] = operational(String(8))
    url: Mapped[str | None] = operational(String(255))
    version: Mapped[str | None] = operational(String(64))
    title: Mapped[dict[str, Any]] = operational()
    content: Mapped[dict[str, Any]] = operational()
    content_hash: Mapped[str] = operational(String(64))
    active: Mapped[bool] = operational(default=False)
    created_by: Mapped[Reference]


class QuestionnaireTime(Base):
    """A time point at which an episode is asked for an instrument; its schedule has its id.

    Days count from surgery: it is due on ``target_day`` and matters until the end of
    ``to_day``. One that is not ``active`` is not asked for any more; what was asked stays.
    """

    __tablename__ = "questionnaire_time"
    __table_args__ = (
        within_clinic("episode", "episode_id"),
        UniqueConstraint(
            "clinic_id",
            "episode_id",
            "instrument",
            "time_point",
            name="uq_questionnaire_time_point",
        ),
        CheckConstraint("target_day > 0 AND to_day >= target_day", name="days"),
        CheckConstraint("jsonb_typeof(title) = 'object'", name="title"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    episode_id: Mapped[Reference]
    instrument: Mapped[str] = health(String(64))
    time_point: Mapped[str] = operational(String(64))
    title: Mapped[dict[str, Any]] = health()
    target_day: Mapped[int] = operational()
    to_day: Mapped[int] = operational()
    active: Mapped[bool] = operational(default=True)
    created_at: Mapped[datetime] = operational()


class QuestionnaireResponse(Base):
    """One answered questionnaire, or a score that staff took from paper; append-only.

    ``answers`` maps link ids to boolean, number, code, text or null; without them the row is
    a score alone. ``score`` is in the instrument's scale; None: too little was answered.
    ``supersedes`` names an earlier response that this one corrects.
    ``local_date`` is that of ``authored_at`` in the patient's zone.
    """

    __tablename__ = "questionnaire_response"
    __table_args__ = (
        within_clinic("episode", "episode_id"),
        within_clinic("questionnaire", "questionnaire_id"),
        within_clinic("staff_member", "entered_by"),
        CheckConstraint("source IN ('app', 'staff')", name="source"),
        CheckConstraint("(source = 'staff') = (entered_by IS NOT NULL)", name="entered_by"),
        CheckConstraint(
            "answers IS NOT NULL OR (source = 'staff' AND score IS NOT NULL)", name="says"
        ),
        CheckConstraint("jsonb_typeof(answers) = 'object'", name="answers"),
        CheckConstraint("jsonb_typeof(issues) = 'array'", name="issues"),
        Index(
            "ix_questionnaire_response_episode",
            "clinic_id",
            "episode_id",
            "instrument",
            "local_date",
        ),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    episode_id: Mapped[Reference]
    instrument: Mapped[str] = health(String(64))
    questionnaire_id: Mapped[OptionalReference]
    form_version: Mapped[str | None] = operational(String(64))
    time_point: Mapped[str | None] = operational(String(64))
    local_date: Mapped[date] = health()
    authored_at: Mapped[datetime] = operational()
    received_at: Mapped[datetime] = operational()
    answers: Mapped[dict[str, Any] | None] = health()
    score: Mapped[float | None] = health(Float(53))
    complete: Mapped[bool] = health()
    issues: Mapped[list[Any]] = operational(default=list)
    supersedes: Mapped[OptionalReference]
    source: Mapped[str] = operational(String(16), default="app")
    entered_by: Mapped[OptionalReference]
