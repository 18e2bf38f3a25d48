"""Occurrences: planned happenings that fell due or were acted on, and what was done."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    JSON_OBJECT,
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    SerialKey,
    health,
    operational,
)
from recovery_service.models.keys import within_clinic


class Occurrence(Base):
    """One planned happening of an item; unique on lineage and ``occ_key``.

    ``state``: ``due`` and ``snoozed`` are open; ``done, skipped, missed,
    cancelled`` are terminal and say why in ``reason``. The key is internal:
    its insert cost is the loop's cost.
    """

    __tablename__ = "occurrence"
    __table_args__ = (
        within_clinic("schedule", "lineage_id"),
        UniqueConstraint("clinic_id", "lineage_id", "occ_key"),
        CheckConstraint(
            "state IN ('due', 'snoozed', 'done', 'skipped', 'missed', 'cancelled')", name="state"
        ),
        CheckConstraint("expires_at >= due_at", name="expires"),
        CheckConstraint(
            "state NOT IN ('skipped', 'missed', 'cancelled') OR reason IS NOT NULL",
            name="reason",
        ),
        CheckConstraint("(state IN ('due', 'snoozed')) = (closed_at IS NULL)", name="closed"),
        CheckConstraint("round >= 0", name="round"),
        Index(
            "ix_occurrence_open",
            "expires_at",
            postgresql_where=text("state IN ('due', 'snoozed')"),
        ),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[SerialKey]
    lineage_id: Mapped[Reference]
    occ_key: Mapped[str] = operational(String(48))
    local_date: Mapped[date] = operational()
    due_at: Mapped[datetime] = operational()
    expires_at: Mapped[datetime] = operational()
    state: Mapped[str] = operational(String(12), default="due")
    reason: Mapped[str | None] = operational(String(40))
    round: Mapped[int] = operational(SmallInteger, default=0)
    closed_at: Mapped[datetime | None] = operational()


class OccurrenceAction(Base):
    """What the patient did about an occurrence; the phone's id makes a retry harmless."""

    __tablename__ = "occurrence_action"
    __table_args__ = (
        within_clinic("occurrence", "occurrence_id"),
        CheckConstraint("action IN ('complete', 'skip', 'snooze', 'reopen')", name="action"),
        CheckConstraint("pain BETWEEN 0 AND 10", name="pain"),
        CheckConstraint("note IS NULL OR length(note) <= 2000", name="note"),
        CheckConstraint("source IN ('app', 'staff', 'check_in')", name="source"),
        Index("ix_occurrence_action_occurrence", "clinic_id", "occurrence_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    occurrence_id: Mapped[int] = operational(BigInteger)
    action: Mapped[str] = operational(String(12))
    at: Mapped[datetime] = operational()
    received_at: Mapped[datetime] = operational()
    minutes: Mapped[int | None] = operational()
    next_at: Mapped[datetime | None] = operational()
    reason: Mapped[str | None] = health(String(200))
    done: Mapped[dict[str, Any] | None] = health(JSON_OBJECT)
    pain: Mapped[int | None] = health(SmallInteger)
    note: Mapped[str | None] = health(Text)
    late: Mapped[bool] = operational(default=False)
    retired: Mapped[bool] = operational(default=False)
    source: Mapped[str] = operational(String(12), default="app")
    device_id: Mapped[OptionalReference]
