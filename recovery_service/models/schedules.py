"""Schedules: when a plan item speaks next; one row per item, however long the plan."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from recovery_service.models.base import (
    Base,
    ClinicKey,
    PrimaryKey,
    Reference,
    identifying,
    operational,
)
from recovery_service.models.keys import of_clinic, within_clinic
from recovery_service.models.privacy import Privacy


class ScheduleRule(Base):
    """A rule with the patient's own times applied, kept once per content hash."""

    __tablename__ = "schedule_rule"
    __table_args__ = (of_clinic(), CheckConstraint("length(hash) = 64", name="hash"))

    clinic_id: Mapped[ClinicKey]
    hash: Mapped[str] = mapped_column(
        String(64), primary_key=True, info={"privacy": Privacy.OPERATIONAL}
    )
    rule: Mapped[dict[str, Any]] = operational()


class Schedule(Base):
    """Where one item's reminders stand; its id is the item's lineage.

    ``next_date`` and ``next_minute`` are the place of the occurrence that comes next
    (:class:`recovery_service.domain.recurrence.Place`); ``next_due_at`` is when the
    worker looks at the row again, and null when nothing is to come: finished, held, ended.
    """

    __tablename__ = "schedule"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        within_clinic("episode", "episode_id"),
        within_clinic("schedule_rule", "rule_hash", to=("hash",)),
        CheckConstraint("remind_via IN ('push', 'device', 'none')", name="remind_via"),
        CheckConstraint("(next_date IS NULL) = (next_minute IS NULL)", name="next"),
        CheckConstraint("next_due_at IS NULL OR next_date IS NOT NULL", name="due"),
        CheckConstraint("next_minute BETWEEN 0 AND 1439", name="minute"),
        CheckConstraint("failures >= 0", name="failures"),
        Index("ix_schedule_due", "next_due_at", postgresql_where=text("next_due_at IS NOT NULL")),
        Index("ix_schedule_patient", "clinic_id", "patient_id"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    episode_id: Mapped[Reference]
    kind: Mapped[str] = operational(String(32))
    remind_via: Mapped[str] = operational(String(8))
    rule_hash: Mapped[str] = operational(String(64))
    anchor_date: Mapped[date] = operational()
    time_zone: Mapped[str] = identifying(String(64))
    opens_at: Mapped[datetime] = operational()
    next_date: Mapped[date | None] = operational()
    next_minute: Mapped[int | None] = operational(SmallInteger)
    next_due_at: Mapped[datetime | None] = operational()
    revision: Mapped[int] = operational(default=1)
    failures: Mapped[int] = operational(SmallInteger, default=0)
