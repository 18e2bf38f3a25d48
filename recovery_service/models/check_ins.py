"""Check-ins: what the patient reported, append-only."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    JSON_OBJECT,
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    Synced,
    health,
    identifying,
    operational,
)
from recovery_service.models.keys import within_clinic


class CheckIn(Synced, Base):
    """One report for a local date; several a day are kept, corrections supersede.

    ``recorded_at`` is the device's clock, ``received_at`` ours. ``answers``
    maps item codes to boolean, number, code or null (asked, not answered).
    ``issues`` says what was odd about the report; nothing is refused for it.
    ``device_verdict`` is what the phone had found by itself, by the rules it had:
    `{version, findings: [{rule, tier}]}`.
    """

    __tablename__ = "check_in"
    __table_args__ = (
        within_clinic("episode", "episode_id"),
        within_clinic("device", "device_id"),
        within_clinic("staff_member", "entered_by"),
        CheckConstraint("source IN ('app', 'staff_phone', 'sms', 'caregiver')", name="source"),
        CheckConstraint("note IS NULL OR length(note) <= 2000", name="note"),
        CheckConstraint("jsonb_typeof(answers) = 'object'", name="answers"),
        CheckConstraint("jsonb_typeof(issues) = 'array'", name="issues"),
        CheckConstraint("source <> 'staff_phone' OR entered_by IS NOT NULL", name="entered_by"),
        Index("ix_check_in_episode", "clinic_id", "episode_id", "local_date", "recorded_at"),
        Index("ix_check_in_received", "received_at", postgresql_using="brin"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    episode_id: Mapped[Reference]
    local_date: Mapped[date] = health()
    recorded_at: Mapped[datetime] = operational()
    received_at: Mapped[datetime] = operational()
    time_zone: Mapped[str] = identifying(String(64))
    form_version: Mapped[str] = operational(String(32))
    answers: Mapped[dict[str, Any]] = health()
    note: Mapped[str | None] = health(Text)
    issues: Mapped[list[Any]] = operational(default=list)
    supersedes: Mapped[OptionalReference]
    source: Mapped[str] = operational(String(16), default="app")
    reported_by: Mapped[str | None] = identifying(String(100))
    entered_by: Mapped[OptionalReference]
    device_id: Mapped[OptionalReference]
    device_verdict: Mapped[dict[str, Any] | None] = health(JSON_OBJECT)
