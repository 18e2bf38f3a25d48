"""Messages between a patient and the care team: one thread an episode, append-only."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    Synced,
    health,
    operational,
)
from recovery_service.models.keys import within_clinic


class MessageThread(Base):
    """What an episode's thread has come to: its row is locked by whoever writes or reads on.

    Messages are numbered from 1, without gaps. ``*_last`` is the number of the latest that a
    side wrote, ``*_read`` the highest that it has read of the other side's, ``*_read_at`` when.
    The staff of a clinic read as one: what one of them has read is read.
    """

    __tablename__ = "message_thread"
    __table_args__ = (
        within_clinic("episode", "episode_id"),
        within_clinic("patient", "patient_id"),
        UniqueConstraint("clinic_id", "episode_id"),
        CheckConstraint(
            "last_number >= 0 AND patient_last BETWEEN 0 AND last_number "
            "AND staff_last BETWEEN 0 AND last_number",
            name="numbers",
        ),
        CheckConstraint(
            "patient_read BETWEEN 0 AND last_number AND staff_read BETWEEN 0 AND last_number",
            name="read",
        ),
        Index("ix_message_thread_patient", "clinic_id", "patient_id"),
        Index("ix_message_thread_latest", "clinic_id", "last_at", "episode_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    episode_id: Mapped[Reference]
    patient_id: Mapped[Reference]
    last_number: Mapped[int] = operational(Integer, default=0)
    last_at: Mapped[datetime] = operational()
    patient_last: Mapped[int] = operational(Integer, default=0)
    patient_read: Mapped[int] = operational(Integer, default=0)
    patient_read_at: Mapped[datetime | None] = operational()
    staff_last: Mapped[int] = operational(Integer, default=0)
    staff_read: Mapped[int] = operational(Integer, default=0)
    staff_read_at: Mapped[datetime | None] = operational()


class Message(Synced, Base):
    """One message; the client chooses its id, and nobody can change or delete it.

    ``written_at`` is the client's clock, ``received_at`` ours. ``sounds`` says which word
    list it met, ``urgent`` or ``crisis``; None says only that it met neither.
    """

    __tablename__ = "message"
    __table_args__ = (
        within_clinic("episode", "episode_id"),
        within_clinic("staff_member", "staff_id"),
        within_clinic("device", "device_id"),
        UniqueConstraint("clinic_id", "episode_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("sender IN ('patient', 'staff')", name="sender"),
        CheckConstraint("(sender = 'staff') = (staff_id IS NOT NULL)", name="written_by"),
        CheckConstraint("length(text) BETWEEN 1 AND 4000", name="text"),
        CheckConstraint("sounds IN ('urgent', 'crisis')", name="sounds"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    episode_id: Mapped[Reference]
    number: Mapped[int] = operational(Integer)
    sender: Mapped[str] = operational(String(8))
    staff_id: Mapped[OptionalReference]
    device_id: Mapped[OptionalReference]
    text: Mapped[str] = health(Text)
    sounds: Mapped[str | None] = health(String(8))
    written_at: Mapped[datetime] = operational()
    received_at: Mapped[datetime] = operational()


class MessageWithdrawal(Synced, Base):
    """A staff message that was entered in error: kept, and shown to nobody any more."""

    __tablename__ = "message_withdrawal"
    __table_args__ = (
        within_clinic("message", "message_id"),
        within_clinic("staff_member", "staff_id"),
        UniqueConstraint("clinic_id", "message_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    message_id: Mapped[Reference]
    staff_id: Mapped[Reference]
    at: Mapped[datetime] = operational()
