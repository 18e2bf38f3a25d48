"""Sites of a clinic, with the hours in which somebody answers."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from recovery_service.models.base import (
    Base,
    ClinicKey,
    PrimaryKey,
    Synced,
    Versioned,
    operational,
)
from recovery_service.models.keys import of_clinic, within_clinic
from recovery_service.models.privacy import Privacy


class Site(Synced, Versioned, Base):
    """A place of the clinic: zone, country, opening hours, phones.

    ``opening_hours``: ISO weekday ("1".."7") to a list of ["HH:MM", "HH:MM"].
    ``phones``: ``clinic, out_of_hours, emergency, crisis`` to E.164 or a short number.
    """

    __tablename__ = "site"
    __table_args__ = (
        of_clinic(),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
        CheckConstraint("btrim(name) <> ''", name="name"),
        CheckConstraint("jsonb_typeof(phones) = 'object'", name="phones"),
        CheckConstraint("jsonb_typeof(opening_hours) = 'object'", name="opening_hours"),
        Index("uq_site_default", "clinic_id", unique=True, postgresql_where=text("is_default")),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    name: Mapped[str] = operational(String(200))
    time_zone: Mapped[str] = operational(String(64))
    country: Mapped[str] = operational(String(2))
    opening_hours: Mapped[dict[str, Any]] = operational(default=dict)
    phones: Mapped[dict[str, Any]] = operational(default=dict)
    is_default: Mapped[bool] = operational(default=False)


class SiteHoliday(Base):
    """A day on which a site is closed."""

    __tablename__ = "site_holiday"
    __table_args__ = (within_clinic("site", "site_id", ondelete="CASCADE"),)

    clinic_id: Mapped[ClinicKey]
    site_id: Mapped[UUID] = mapped_column(primary_key=True, info={"privacy": Privacy.OPERATIONAL})
    day: Mapped[date] = mapped_column(Date, primary_key=True, info={"privacy": Privacy.OPERATIONAL})
    name: Mapped[str] = operational(String(200), default="")
