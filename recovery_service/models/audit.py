"""The audit trail: who saw or changed what. Identifiers only, never values."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, text
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
        # Who touched this patient, and whom this person touched: asked in a hurry.
        Index(
            "ix_audit_event_patient",
            "clinic_id",
            "patient_id",
            "id",
            postgresql_where=text("patient_id IS NOT NULL"),
        ),
        Index("ix_audit_event_actor", "clinic_id", "actor_id", "id"),
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
