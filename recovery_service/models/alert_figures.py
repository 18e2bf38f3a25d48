"""What is counted of alerts: the budget by day, and where a phone judged otherwise."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recovery_service.models.base import Base, ClinicKey, PrimaryKey, Reference, operational
from recovery_service.models.keys import of_clinic, within_clinic
from recovery_service.models.privacy import Privacy

_TIERS = "('emergency', 'same_day', 'next_business_day')"


class AlertBudgetDay(Base):
    """Check-ins that a clinic received on one day (UTC), and how many of them alerted.

    A check-in counts once, under the strictest tier that it raised.
    """

    __tablename__ = "alert_budget_day"
    __table_args__ = (
        of_clinic(),
        CheckConstraint(
            "least(check_ins, emergency, same_day, next_business_day) >= 0", name="counts"
        ),
        Index("ix_alert_budget_day_counted", "counted_at"),
    )

    clinic_id: Mapped[ClinicKey]
    day: Mapped[date] = mapped_column(primary_key=True, info={"privacy": Privacy.OPERATIONAL})
    check_ins: Mapped[int] = operational()
    emergency: Mapped[int] = operational()
    same_day: Mapped[int] = operational()
    next_business_day: Mapped[int] = operational()
    counted_at: Mapped[datetime] = operational()


class VerdictDifference(Base):
    """A rule on which the phone and the service disagreed about one check-in.

    ``kind``: the phone `missed` it, `invented` it, or had it of another `tier`.
    """

    __tablename__ = "verdict_difference"
    __table_args__ = (
        within_clinic("check_in", "check_in_id"),
        UniqueConstraint("clinic_id", "check_in_id", "rule_id"),
        CheckConstraint(
            "kind = CASE WHEN device_tier IS NULL THEN 'missed' WHEN own_tier IS NULL"
            " THEN 'invented' ELSE 'tier' END",
            name="kind",
        ),
        CheckConstraint(
            f"device_tier IN {_TIERS} IS NOT FALSE AND own_tier IN {_TIERS} IS NOT FALSE"
            " AND device_tier IS DISTINCT FROM own_tier",
            name="tiers",
        ),
        Index("ix_verdict_difference_at", "at"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    check_in_id: Mapped[Reference]
    rule_id: Mapped[str] = operational(String(32))
    kind: Mapped[str] = operational(String(8))
    device_tier: Mapped[str | None] = operational(String(20))
    own_tier: Mapped[str | None] = operational(String(20))
    bundle_version: Mapped[str] = operational(String(80))
    at: Mapped[datetime] = operational()
