"""Staff members and the care teams they form."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    Stamped,
    Synced,
    Versioned,
    contact,
    identifying,
    operational,
    secret,
)
from recovery_service.models.keys import of_clinic, within_clinic


class StaffMember(Synced, Versioned, Base):
    """A person who works for the clinic, with one or more roles.

    ``alert_mail`` is the least pressing tier of alert of which a mail is wanted, or `none`;
    ``alert_push`` the same of a push. So what is more pressing never comes by fewer ways.
    Phones hold the name, as the author of messages: ``changed_in`` is the name's alone.
    """

    __tablename__ = "staff_member"
    __table_args__ = (
        of_clinic(),
        UniqueConstraint("clinic_id", "email"),
        CheckConstraint("email = lower(email) AND email ~ '.@.'", name="email"),
        CheckConstraint(
            "cardinality(roles) > 0 AND roles <@ "
            "ARRAY['physiotherapist', 'surgeon', 'coordinator', 'admin']::varchar[]",
            name="roles",
        ),
        CheckConstraint(
            "alert_mail IN ('emergency', 'same_day', 'next_business_day', 'none')",
            name="alert_mail",
        ),
        CheckConstraint(
            "alert_push IN ('emergency', 'same_day', 'next_business_day') OR alert_push = 'none'",
            name="alert_push",
        ),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    email: Mapped[str] = contact(String(254))
    name: Mapped[str] = identifying(String(200))
    roles: Mapped[list[str]] = operational(ARRAY(String(32)))
    locale: Mapped[str] = operational(String(16), default="en")
    password_hash: Mapped[str | None] = secret(String(200))
    totp_seed: Mapped[bytes | None] = secret()
    totp_last_step: Mapped[int | None] = operational(BigInteger)
    disabled_at: Mapped[datetime | None] = operational()
    alert_mail: Mapped[str] = operational(
        String(20), default="next_business_day", server_default="next_business_day"
    )
    alert_push: Mapped[str] = operational(String(20), default="none", server_default="none")


class StaffDevice(Stamped, Base):
    """A browser in which a staff member is told of alerts; the client chooses its id."""

    __tablename__ = "staff_device"
    __table_args__ = (
        within_clinic("staff_member", "staff_id"),
        CheckConstraint("jsonb_typeof(subscription) = 'object'", name="subscription"),
        CheckConstraint("(retired_at IS NULL) = (retired_reason IS NULL)", name="retired"),
        Index("ix_staff_device_staff", "clinic_id", "staff_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    staff_id: Mapped[Reference]
    name: Mapped[str] = identifying(String(100), default="")
    subscription: Mapped[dict[str, Any]] = secret()
    retired_at: Mapped[datetime | None] = operational()
    retired_reason: Mapped[str | None] = operational(String(32))


class CareTeamMember(Base):
    """Which staff member follows which patient, from when until when (inclusive)."""

    __tablename__ = "care_team_member"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        within_clinic("staff_member", "staff_id"),
        UniqueConstraint("clinic_id", "patient_id", "staff_id", "from_date"),
        CheckConstraint("to_date >= from_date", name="dates"),
        Index("ix_care_team_member_staff", "clinic_id", "staff_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    staff_id: Mapped[Reference]
    lead: Mapped[bool] = operational(default=False)
    from_date: Mapped[date] = operational()
    to_date: Mapped[date | None] = operational()


class StaffAbsence(Stamped, Base):
    """Days on which a staff member is not there (both inclusive), and who stands in."""

    __tablename__ = "staff_absence"
    __table_args__ = (
        within_clinic("staff_member", "staff_id"),
        within_clinic("staff_member", "cover_id"),
        CheckConstraint("to_date >= from_date", name="dates"),
        CheckConstraint("cover_id <> staff_id", name="cover"),
        Index("ix_staff_absence_staff", "clinic_id", "staff_id", "to_date"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    staff_id: Mapped[Reference]
    from_date: Mapped[date] = operational()
    to_date: Mapped[date] = operational()
    cover_id: Mapped[OptionalReference]
