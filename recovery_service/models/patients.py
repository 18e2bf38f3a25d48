"""Patients, and the numbers by which other systems know them."""

from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from recovery_service.models.base import (
    Base,
    ClinicKey,
    PrimaryKey,
    Reference,
    Versioned,
    identifying,
    operational,
)
from recovery_service.models.keys import of_clinic, within_clinic
from recovery_service.models.privacy import Privacy


class Patient(Versioned, Base):
    """A person in one clinic.

    ``preferences``: ``quiet_hours {from, to}``, ``reminder_times {item_or_kind: {slot: "HH:MM"}}``,
    ``channels {kind: [channel]}``, ``pause {from, to}``, ``sitting_breaks {enabled, most}``,
    ``failover`` (`sms`, `email`, `none`); what is absent is the clinic's default.
    ``plan_revision`` counts what a device that schedules reminders itself must know.
    """

    __tablename__ = "patient"
    __table_args__ = (
        of_clinic(),
        CheckConstraint("contact_mode IN ('app', 'phone', 'none')", name="contact_mode"),
        CheckConstraint("btrim(name) <> ''", name="name"),
        CheckConstraint("jsonb_typeof(preferences) = 'object'", name="preferences"),
        Index("ix_patient_newest", "clinic_id", "created_at"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    name: Mapped[str] = identifying(String(200))
    date_of_birth: Mapped[date] = identifying()
    time_zone: Mapped[str] = identifying(String(64))
    locale: Mapped[str] = operational(String(16))
    contact_mode: Mapped[str] = operational(String(8), default="app")
    preferences: Mapped[dict[str, Any]] = operational(default=dict)
    plan_revision: Mapped[int] = operational(default=0, server_default="0")


class PatientExternalId(Base):
    """A patient's number in another system, known once in a clinic."""

    __tablename__ = "patient_external_id"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        CheckConstraint("btrim(system) <> '' AND btrim(value) <> ''", name="not_blank"),
        Index("ix_patient_external_id_patient", "clinic_id", "patient_id"),
    )

    clinic_id: Mapped[ClinicKey]
    system: Mapped[str] = mapped_column(
        String(200), primary_key=True, info={"privacy": Privacy.OPERATIONAL}
    )
    value: Mapped[str] = mapped_column(
        String(200), primary_key=True, info={"privacy": Privacy.IDENTIFYING}
    )
    patient_id: Mapped[Reference]
