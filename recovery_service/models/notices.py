"""Notices to staff that an alert waits, to a patient that nobody has looked, or has answered."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Integer, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    Stamped,
    operational,
)
from recovery_service.models.keys import within_clinic

_STATES = "state IN ('ready', 'leased', 'sent', 'dropped', 'dead')"
_SETTLED = "(state IN ('ready', 'leased')) = (settled_at IS NULL)"
_ACTIVE = text("state IN ('ready', 'leased')")


class StaffNotice(Stamped, Base):
    """A mail or a push to a staff member that an alert waits; it says nothing of whom or of what.

    ``wake_at`` is the moment before which it is not sent, and the end of the lease while
    it is being sent. ``device_id`` is where a push goes; without one it is a mail.
    """

    __tablename__ = "staff_notice"
    __table_args__ = (
        within_clinic("alert", "alert_id"),
        within_clinic("staff_member", "staff_id"),
        within_clinic("staff_device", "device_id"),
        CheckConstraint("cause IN ('raised', 'worsened', 'escalated', 'assigned')", name="cause"),
        CheckConstraint(_STATES, name="state"),
        CheckConstraint(_SETTLED, name="settled"),
        Index(
            "uq_staff_notice_once",
            "clinic_id",
            "alert_id",
            "staff_id",
            "cause",
            "created_at",
            "device_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_staff_notice_wake", "wake_at", postgresql_where=_ACTIVE),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    alert_id: Mapped[Reference]
    staff_id: Mapped[Reference]
    cause: Mapped[str] = operational(String(16))
    state: Mapped[str] = operational(String(8), default="ready")
    wake_at: Mapped[datetime] = operational()
    attempts: Mapped[int] = operational(SmallInteger, default=0)
    reason: Mapped[str | None] = operational(String(32))
    settled_at: Mapped[datetime | None] = operational()
    device_id: Mapped[OptionalReference]


class PatientNotice(Stamped, Base):
    """A push, text or mail to a patient that nobody has looked yet; a neutral line.

    One for each escalation (``event_id``) and destination. ``wake_at`` is as in `StaffNotice`.
    """

    __tablename__ = "patient_notice"
    __table_args__ = (
        within_clinic("alert", "alert_id"),
        within_clinic("alert_event", "event_id"),
        within_clinic("destination", "destination_id"),
        UniqueConstraint("clinic_id", "alert_id", "event_id", "destination_id"),
        CheckConstraint(_STATES, name="state"),
        CheckConstraint(_SETTLED, name="settled"),
        Index("ix_patient_notice_wake", "channel", "wake_at", postgresql_where=_ACTIVE),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    alert_id: Mapped[Reference]
    event_id: Mapped[Reference]
    destination_id: Mapped[Reference]
    channel: Mapped[str] = operational(String(16))
    state: Mapped[str] = operational(String(8), default="ready")
    wake_at: Mapped[datetime] = operational()
    attempts: Mapped[int] = operational(SmallInteger, default=0)
    reason: Mapped[str | None] = operational(String(32))
    settled_at: Mapped[datetime | None] = operational()


class MessageNotice(Stamped, Base):
    """A push to a patient's device that the care team has written; a neutral line.

    ``number`` is that of the message in the episode's thread: who has read so far is not told.
    ``wake_at`` is as in `StaffNotice`.
    """

    __tablename__ = "message_notice"
    __table_args__ = (
        within_clinic("episode", "episode_id"),
        within_clinic("destination", "destination_id"),
        UniqueConstraint("clinic_id", "episode_id", "number", "destination_id"),
        CheckConstraint(_STATES, name="state"),
        CheckConstraint(_SETTLED, name="settled"),
        CheckConstraint("number > 0", name="number"),
        Index("ix_message_notice_wake", "channel", "wake_at", postgresql_where=_ACTIVE),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    episode_id: Mapped[Reference]
    number: Mapped[int] = operational(Integer)
    destination_id: Mapped[Reference]
    channel: Mapped[str] = operational(String(16))
    state: Mapped[str] = operational(String(8), default="ready")
    wake_at: Mapped[datetime] = operational()
    attempts: Mapped[int] = operational(SmallInteger, default=0)
    reason: Mapped[str | None] = operational(String(32))
    settled_at: Mapped[datetime | None] = operational()
