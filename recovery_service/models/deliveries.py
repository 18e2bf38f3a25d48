"""Deliveries: one notification of one occurrence to one destination."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    Base,
    ClinicKey,
    OptionalReference,
    Reference,
    SerialKey,
    operational,
)
from recovery_service.models.keys import within_clinic


class Delivery(Base):
    """One notification of one occurrence to one destination in one round.

    ``wake_at`` is when the row next deserves attention: while ``ready`` the
    moment before which it is not sent, while ``leased`` the end of the lease.
    One column and one partial index find both new work and work whose sender died.
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
        Index("ix_delivery_wake", "wake_at", postgresql_where=sql("state IN ('ready', 'leased')")),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[SerialKey]
    occurrence_id: Mapped[int] = operational(BigInteger)
    destination_id: Mapped[Reference]
    round: Mapped[int] = operational(SmallInteger, default=0)
    state: Mapped[str] = operational(String(8), default="ready")
    wake_at: Mapped[datetime] = operational()
    attempts: Mapped[int] = operational(SmallInteger, default=0)
    owner: Mapped[OptionalReference]
    reason: Mapped[str | None] = operational(String(40))
    settled_at: Mapped[datetime | None] = operational()
    delivered_at: Mapped[datetime | None] = operational()
    opened_at: Mapped[datetime | None] = operational()
    dismissed_at: Mapped[datetime | None] = operational()
