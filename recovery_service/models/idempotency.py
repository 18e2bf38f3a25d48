"""Requests that were answered, so that a repeat gets the same answer and does nothing."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from recovery_service.models.base import (
    Base,
    ClinicKey,
    Stamped,
    health,
    operational,
    secret,
)
from recovery_service.models.keys import of_clinic
from recovery_service.models.privacy import Privacy


class AnsweredRequest(Stamped, Base):
    """One request of one actor, written in the transaction of what it did.

    ``actor_id`` is a patient or a member of staff. ``key_hash`` and ``request_hash`` are keyed.
    ``answer`` is encrypted with a key that is derived from the client's own Idempotency-Key,
    which is not stored: nobody but who sent the request can have it again.
    """

    __tablename__ = "answered_request"
    __table_args__ = (
        of_clinic(),
        CheckConstraint("octet_length(key_hash) = 32", name="key_hash"),
        CheckConstraint("octet_length(request_hash) = 32", name="request_hash"),
        CheckConstraint("octet_length(answer) > 28", name="answer"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
        Index("ix_answered_request_expires_at", "expires_at"),
    )

    clinic_id: Mapped[ClinicKey]
    actor_id: Mapped[UUID] = mapped_column(primary_key=True, info={"privacy": Privacy.OPERATIONAL})
    key_hash: Mapped[bytes] = mapped_column(primary_key=True, info={"privacy": Privacy.SECRET})
    request_hash: Mapped[bytes] = secret()
    answer: Mapped[bytes] = health()
    expires_at: Mapped[datetime] = operational()
