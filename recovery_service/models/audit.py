"""The audit trail: who saw or changed what. Identifiers only, never values."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    operational,
)
from recovery_service.models.keys import of_clinic


class AuditEvent(Base):
    """One thing that somebody saw or did; the application cannot change or delete it."""

    __tablename__ = "audit_event"
    __table_args__ = (
        of_clinic(),
        CheckConstraint("actor_kind IN ('staff', 'patient', 'system')", name="actor_kind"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    at: Mapped[datetime] = operational()
    actor_kind: Mapped[str] = operational(String(8))
    actor_id: Mapped[OptionalReference]
    action: Mapped[str] = operational(String(64))
    subject_kind: Mapped[str] = operational(String(32))
    subject_id: Mapped[str | None] = operational(String(80))
    patient_id: Mapped[OptionalReference]
    request_id: Mapped[str | None] = operational(String(64))
