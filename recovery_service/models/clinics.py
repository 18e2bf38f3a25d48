"""Clinics, the tenants."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, String, text
from sqlalchemy.orm import Mapped, mapped_column

from recovery_service.models.base import Base, Versioned, operational
from recovery_service.models.privacy import Privacy


class Clinic(Versioned, Base):
    """The tenant; every other row belongs to one.

    ``sandbox_now`` is where a sandbox has been moved to; until the real time has caught up
    it is what time it is there.
    """

    __tablename__ = "clinic"
    __table_args__ = (
        CheckConstraint("kind IN ('production', 'demo', 'sandbox')", name="kind"),
        CheckConstraint("visibility IN ('clinic', 'care_team')", name="visibility"),
        CheckConstraint("btrim(name) <> ''", name="name"),
        CheckConstraint("sandbox_now IS NULL OR kind = 'sandbox'", name="sandbox_now"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, info={"privacy": Privacy.OPERATIONAL})
    name: Mapped[str] = operational(String(200))
    locale: Mapped[str] = operational(String(16), default="en")
    kind: Mapped[str] = operational(String(16), default="production")
    visibility: Mapped[str] = operational(String(16), default="clinic")
    reminder_defaults: Mapped[dict[str, Any]] = operational(default=dict)
    sandbox_now: Mapped[datetime | None] = operational()
    scheduled_instruments: Mapped[list[Any]] = operational(
        default=list, server_default=text("'[]'")
    )
