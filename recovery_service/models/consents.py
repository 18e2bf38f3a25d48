"""What a patient agreed to when enrolling."""

from datetime import datetime

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped

from recovery_service.models.base import Base, ClinicKey, PrimaryKey, Reference, operational
from recovery_service.models.keys import within_clinic


class Consent(Base):
    """One document in one version, agreed to on one device."""

    __tablename__ = "consent"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        within_clinic("device", "device_id"),
        UniqueConstraint("clinic_id", "patient_id", "device_id", "document", "document_version"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    device_id: Mapped[Reference]
    document: Mapped[str] = operational(String(64))
    document_version: Mapped[str] = operational(String(32))
    given_at: Mapped[datetime] = operational()
