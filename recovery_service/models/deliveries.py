"""Deliveries: one notification of one occurrence to one destination."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from recovery_service.models.base import (
    Base,
    ClinicKey,
    OptionalReference,
    Reference,
    SerialKey,
    operational,
)
from recovery_service.models.keys import within_clinic
from recovery_service.models.privacy import Privacy


class Delivery(Base):
    """One notification of one occurrence to one destination in one round.

    ``wake_at`` is when the row next deserves attention: while ``ready`` the
    moment before which it is not sent, while ``leased`` the end of the lease.
    One column and one partial index find both new work and work whose sender died;
    it begins with the channel, so that one whose provider is down hides nobody else's.

    ``cause`` says why it was written (`due`, `late` for a device that came after the
    moment, `takeover` for one that a device should have given, `snooze`, `nudge`,
    `failover`), ``reason`` why it ended as it did. One that another of the same moment
    carried along has that one's id in ``lead_id``.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        within_clinic("occurrence", "occurrence_id"),
        within_clinic("destination", "destination_id"),
        UniqueConstraint("clinic_id", "occurrence_id", "destination_id", "round"),
        CheckConstraint("state IN ('ready', 'leased', 'sent', 'dropped', 'dead')", name="state"),
        CheckConstraint("(state IN ('ready', 'leased')) = (settled_at IS NULL)", name="settled"),
        CheckConstraint("(state = 'leased') = (owner IS NOT NULL)", name="owner"),
        CheckConstraint("state NOT IN ('dropped', 'dead') OR reason IS NOT NULL", name="reason"),
        CheckConstraint("attempts >= 0 AND round >= 0", name="counts"),
        CheckConstraint(
            "cause IN ('due', 'late', 'takeover', 'snooze', 'nudge', 'failover')", name="cause"
        ),
        Index(
            "ix_delivery_channel_wake",
            "channel",
            "wake_at",
            postgresql_where=sql("state IN ('ready', 'leased')"),
        ),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[SerialKey]
    occurrence_id: Mapped[int] = operational(BigInteger)
    destination_id: Mapped[Reference]
    channel: Mapped[str] = operational(String(16))
    round: Mapped[int] = operational(SmallInteger, default=0)
    cause: Mapped[str] = operational(String(12), default="due", server_default="due")
    state: Mapped[str] = operational(String(8), default="ready")
    wake_at: Mapped[datetime] = operational()
    attempts: Mapped[int] = operational(SmallInteger, default=0)
    owner: Mapped[OptionalReference]
    reason: Mapped[str | None] = operational(String(40))
    lead_id: Mapped[int | None] = operational(BigInteger)
    settled_at: Mapped[datetime | None] = operational()
    delivered_at: Mapped[datetime | None] = operational()
    opened_at: Mapped[datetime | None] = operational()
    dismissed_at: Mapped[datetime | None] = operational()


class ReminderDay(Base):
    """What a patient was reminded of on one local date: the ledger of the day's budget.

    ``pushes`` and ``breaks`` count what went out against the budget and against the cap
    of posture reminders; one push to several devices counts once. ``led_by`` and
    ``led_round`` say whose push carries what falls due until ``carries_until``.
    """

    __tablename__ = "reminder_day"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        CheckConstraint("pushes >= 0 AND breaks >= 0", name="counts"),
        CheckConstraint(
            "(led_by IS NULL) = (carries_until IS NULL) AND (led_by IS NULL) = (led_round IS NULL)",
            name="led",
        ),
    )

    clinic_id: Mapped[ClinicKey]
    patient_id: Mapped[UUID] = mapped_column(
        primary_key=True, info={"privacy": Privacy.OPERATIONAL}
    )
    local_date: Mapped[date] = mapped_column(
        primary_key=True, info={"privacy": Privacy.OPERATIONAL}
    )
    pushes: Mapped[int] = operational(SmallInteger, default=0)
    breaks: Mapped[int] = operational(SmallInteger, default=0)
    led_by: Mapped[int | None] = operational(BigInteger)
    led_round: Mapped[int | None] = operational(SmallInteger)
    carries_until: Mapped[datetime | None] = operational()
