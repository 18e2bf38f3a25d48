"""Episodes: one operation and its recovery."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    Versioned,
    health,
    operational,
)
from recovery_service.models.keys import within_clinic


class Episode(Versioned, Base):
    """One operation and its recovery; a patient has at most one that has not ended.

    Dates are local dates of the patient's zone. ``baseline`` holds what was
    known before the operation: ``nrs_*`` 0-10 and ``psfs`` 0-10. ``monitored_until`` is
    the last date on which staff look at what is reported; None: the policy's own.
    """

    __tablename__ = "episode"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        within_clinic("site", "site_id"),
        CheckConstraint("discharge_date >= surgery_date", name="discharge_after_surgery"),
        CheckConstraint("state IN ('open', 'on_hold', 'ended')", name="state"),
        CheckConstraint("side IN ('left', 'right', 'both')", name="side"),
        CheckConstraint(
            "(state = 'ended') = (end_reason IS NOT NULL AND ended_on IS NOT NULL)", name="ended"
        ),
        CheckConstraint(
            "end_reason IN ('completed', 'transferred', 'withdrew', 'deceased', "
            "'entered_in_error', 'superseded')",
            name="end_reason",
        ),
        CheckConstraint("state <> 'on_hold' OR held_at IS NOT NULL", name="held"),
        CheckConstraint(
            "NOT surgery_date_assumed OR surgery_date IS NOT NULL", name="assumed_date"
        ),
        Index(
            "uq_episode_current",
            "clinic_id",
            "patient_id",
            unique=True,
            postgresql_where=text("state <> 'ended'"),
        ),
        Index("ix_episode_patient", "clinic_id", "patient_id", "discharge_date"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    site_id: Mapped[Reference]
    procedure: Mapped[str] = health(String(64))
    levels: Mapped[list[str]] = health(ARRAY(String(16)), default=list)
    side: Mapped[str | None] = health(String(8))
    diagnosis: Mapped[str | None] = health(Text)
    surgery_date: Mapped[date | None] = health()
    surgery_date_assumed: Mapped[bool] = operational(default=False)
    discharge_date: Mapped[date] = health()
    baseline: Mapped[dict[str, Any]] = health(default=dict)
    pre_existing_deficit: Mapped[str | None] = health(Text)
    plan_template: Mapped[str | None] = operational(String(64))
    state: Mapped[str] = operational(String(16), default="open")
    hold_reason: Mapped[str | None] = health(Text)
    held_at: Mapped[datetime | None] = operational()
    held_from: Mapped[date | None] = operational()
    released_at: Mapped[datetime | None] = operational()
    ended_on: Mapped[date | None] = operational()
    end_reason: Mapped[str | None] = health(String(32))
    ended_at: Mapped[datetime | None] = operational()
    superseded_by: Mapped[OptionalReference]
    monitored_until: Mapped[date | None] = operational()
