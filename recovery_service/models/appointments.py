"""Appointments: follow-ups from to be booked to attended."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    Synced,
    Versioned,
    health,
    operational,
)
from recovery_service.models.keys import within_clinic


class Appointment(Synced, Versioned, Base):
    """One follow-up of an episode; the window holds the local dates it should fall in.

    ``target_day, from_day, to_day`` are the template's days since surgery; while
    the appointment is to be booked, its window moves with the surgery date.
    ``response`` is what the patient said last about the time that stands.
    """

    __tablename__ = "appointment"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        within_clinic("episode", "episode_id"),
        within_clinic("site", "site_id"),
        CheckConstraint(
            "state IN ('to_book', 'booked', 'attended', 'missed', 'cancelled', 'outcome_unknown')",
            name="state",
        ),
        CheckConstraint(
            "state IN ('to_book', 'cancelled') OR starts_at IS NOT NULL", name="starts_at"
        ),
        CheckConstraint("minutes BETWEEN 5 AND 480", name="minutes"),
        CheckConstraint("mode IN ('in_person', 'phone', 'video')", name="mode"),
        CheckConstraint("window_to >= window_from", name="window"),
        CheckConstraint(
            "response IN ('confirm', 'request_change', 'booked_elsewhere')", name="response"
        ),
        CheckConstraint("(response IS NULL) = (responded_at IS NULL)", name="responded"),
        Index(
            "uq_appointment_template",
            "clinic_id",
            "episode_id",
            "kind",
            unique=True,
            postgresql_where=text("from_template"),
        ),
        Index("ix_appointment_patient", "clinic_id", "patient_id", "starts_at"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    episode_id: Mapped[Reference]
    site_id: Mapped[Reference]
    kind: Mapped[str] = operational(String(64))
    state: Mapped[str] = operational(String(16), default="to_book")
    from_template: Mapped[bool] = operational(default=False)
    title: Mapped[dict[str, Any]] = health(default=dict)
    target_day: Mapped[int | None] = operational()
    from_day: Mapped[int | None] = operational()
    to_day: Mapped[int | None] = operational()
    window_from: Mapped[date | None] = operational()
    window_to: Mapped[date | None] = operational()
    starts_at: Mapped[datetime | None] = operational()
    minutes: Mapped[int | None] = operational()
    location: Mapped[str | None] = operational(String(200))
    mode: Mapped[str] = operational(String(16), default="in_person")
    preparation: Mapped[str | None] = health(Text)
    created_by: Mapped[OptionalReference]
    response: Mapped[str | None] = operational(String(16))
    responded_at: Mapped[datetime | None] = operational()


class AppointmentResponse(Base):
    """What the patient said about an appointment; the phone's id makes a retry harmless."""

    __tablename__ = "appointment_response"
    __table_args__ = (
        within_clinic("appointment", "appointment_id"),
        CheckConstraint(
            "response IN ('confirm', 'request_change', 'booked_elsewhere')", name="response"
        ),
        Index("ix_appointment_response_appointment", "clinic_id", "appointment_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    appointment_id: Mapped[Reference]
    response: Mapped[str] = operational(String(16))
    starts_at: Mapped[datetime | None] = operational()
    received_at: Mapped[datetime] = operational()
    device_id: Mapped[OptionalReference]
