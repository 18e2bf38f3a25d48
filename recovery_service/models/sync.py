"""What phones need to stay in step: what they sent, what was refused, what is gone."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    JSON_OBJECT,
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    Synced,
    column,
    health,
    operational,
)
from recovery_service.models.keys import within_clinic
from recovery_service.models.privacy import Privacy


class SyncOperation(Base):
    """An operation of a phone whose effect has no row of its own to be known by.

    By it a repeat is told from something new, for as long as tombstones live.
    """

    __tablename__ = "sync_operation"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        within_clinic("device", "device_id"),
        CheckConstraint("jsonb_typeof(payload) = 'object'", name="payload"),
        Index("ix_sync_operation_received", "received_at"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    device_id: Mapped[OptionalReference]
    type: Mapped[str] = operational(String(32))
    payload: Mapped[dict[str, Any]] = health()
    received_at: Mapped[datetime] = operational()


class RejectedReport(Base):
    """A check-in that could not be stored as one; staff look at it instead.

    ``payload`` is what the phone sent under ``operation_id``, ``errors`` what was wrong with
    it: `[{pointer, message}]`. ``content_hash`` tells a repeat from another attempt.
    """

    __tablename__ = "rejected_report"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        within_clinic("episode", "episode_id"),
        within_clinic("device", "device_id"),
        within_clinic("staff_member", "seen_by"),
        Index(
            "uq_rejected_report_content",
            "clinic_id",
            "patient_id",
            "operation_id",
            "content_hash",
            unique=True,
        ),
        CheckConstraint("jsonb_typeof(errors) = 'array'", name="errors"),
        CheckConstraint("content_hash ~ '^[0-9a-f]{64}$'", name="content_hash"),
        CheckConstraint("(seen_at IS NULL) = (seen_by IS NULL)", name="seen"),
        Index("ix_rejected_report_episode", "clinic_id", "episode_id", "received_at"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    episode_id: Mapped[Reference]
    device_id: Mapped[OptionalReference]
    operation_id: Mapped[Reference]
    payload: Mapped[Any | None] = health(JSONB(none_as_null=True))
    content_hash: Mapped[str] = operational(String(64))
    code: Mapped[str] = operational(String(64))
    errors: Mapped[list[Any]] = health(JSON_OBJECT)
    received_at: Mapped[datetime] = operational()
    seen_at: Mapped[datetime | None] = operational()
    seen_by: Mapped[OptionalReference]


class Tombstone(Synced, Base):
    """A row that phones may hold and that is gone; written by a trigger, purged after a while."""

    __tablename__ = "tombstone"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        Index("ix_tombstone_patient", "clinic_id", "patient_id"),
        Index("ix_tombstone_deleted", "deleted_at"),
    )

    clinic_id: Mapped[ClinicKey]
    collection: Mapped[str] = column(Privacy.OPERATIONAL, String(64), primary_key=True)
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    deleted_at: Mapped[datetime] = operational()
