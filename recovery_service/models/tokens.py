"""Tokens and sessions: random secrets of which only hashes are kept."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from recovery_service.models.base import (
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    Stamped,
    operational,
    secret,
)
from recovery_service.models.keys import within_clinic
from recovery_service.models.privacy import Privacy


class TokenFamily(Stamped, Base):
    """All tokens that descend from one sign-in; revoking it ends them together."""

    __tablename__ = "token_family"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        within_clinic("device", "device_id"),
        within_clinic("staff_member", "staff_id"),
        CheckConstraint("(patient_id IS NULL) <> (staff_id IS NULL)", name="one_holder"),
        CheckConstraint(
            "revoke_reason IN ('session_expired', 'access_ended')", name="revoke_reason"
        ),
        Index("ix_token_family_patient", "clinic_id", "patient_id"),
        Index("ix_token_family_staff", "clinic_id", "staff_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[OptionalReference]
    device_id: Mapped[OptionalReference]
    staff_id: Mapped[OptionalReference]
    expires_at: Mapped[datetime | None] = operational()
    revoked_at: Mapped[datetime | None] = operational()
    revoke_reason: Mapped[str | None] = operational(String(32))


class AccessToken(Base):
    """A short-lived bearer token, looked up by its hash in every request."""

    __tablename__ = "access_token"
    __table_args__ = (
        within_clinic("token_family", "family_id"),
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash"),
        Index("ix_access_token_family", "clinic_id", "family_id"),
    )

    clinic_id: Mapped[ClinicKey]
    token_hash: Mapped[bytes] = mapped_column(primary_key=True, info={"privacy": Privacy.SECRET})
    family_id: Mapped[Reference]
    expires_at: Mapped[datetime] = operational()


class RefreshToken(Stamped, Base):
    """A rotating token; using an old one again revokes its family."""

    __tablename__ = "refresh_token"
    __table_args__ = (
        within_clinic("token_family", "family_id"),
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash"),
        Index("ix_refresh_token_family", "clinic_id", "family_id"),
    )

    clinic_id: Mapped[ClinicKey]
    token_hash: Mapped[bytes] = mapped_column(primary_key=True, info={"privacy": Privacy.SECRET})
    family_id: Mapped[Reference]
    parent_hash: Mapped[bytes | None] = secret()
    used_at: Mapped[datetime | None] = operational()
    expires_at: Mapped[datetime] = operational()


class StaffSession(Stamped, Base):
    """A signed-in browser of the dashboard."""

    __tablename__ = "staff_session"
    __table_args__ = (
        within_clinic("staff_member", "staff_id"),
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash"),
        Index("ix_staff_session_staff", "clinic_id", "staff_id"),
    )

    clinic_id: Mapped[ClinicKey]
    token_hash: Mapped[bytes] = mapped_column(primary_key=True, info={"privacy": Privacy.SECRET})
    staff_id: Mapped[Reference]
    csrf_token: Mapped[str] = secret(String(64))
    seen_at: Mapped[datetime] = operational()
    expires_at: Mapped[datetime] = operational()
