"""Clinics, the tenants."""

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, String, text
from sqlalchemy.orm import Mapped, mapped_column

from recovery_service.models.base import Base, Versioned, operational
from recovery_service.models.privacy import Privacy


class Clinic(Versioned, Base):
    """The tenant; every other row belongs to one."""

    __tablename__ = "clinic"
    __table_args__ = (
        CheckConstraint("kind IN ('production', 'demo', 'sandbox')", name="kind"),
        CheckConstraint("visibility IN ('clinic', 'care_team')", name="visibility"),
        CheckConstraint("btrim(name) <> ''", name="name"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, info={"privacy": Privacy.OPERATIONAL})
    name: Mapped[str] = operational(String(200))
    locale: Mapped[str] = operational(String(16), default="en")
    kind: Mapped[str] = operational(String(16), default="production")
    visibility: Mapped[str] = operational(String(16), default="clinic")
    reminder_defaults: Mapped[dict[str, Any]] = operational(default=dict)
    scheduled_instruments: Mapped[list[Any]] = operational(
        default=list, server_default=text("'[]'")
    )
