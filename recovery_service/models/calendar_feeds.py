"""Calendar feeds: the secret address at which a calendar reads a patient's appointments."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    Base,
    ClinicKey,
    PrimaryKey,
    Reference,
    Stamped,
    operational,
    secret,
)
from recovery_service.models.keys import within_clinic


class CalendarFeed(Stamped, Base):
    """One feed; a patient has at most one that is not revoked. Its secret is kept hashed.

    ``detail`` says whether titles, places and what to prepare are shown: by the patient's choice.
    """

    __tablename__ = "calendar_feed"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash"),
        Index(
            "uq_calendar_feed_patient",
            "clinic_id",
            "patient_id",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
        Index("uq_calendar_feed_secret", "clinic_id", "secret_hash", unique=True),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    secret_hash: Mapped[bytes] = secret()
    detail: Mapped[bool] = operational(default=False)
    revoked_at: Mapped[datetime | None] = operational()
