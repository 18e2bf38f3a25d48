"""Tables that belong to no clinic; the list of exemptions from the wall."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from recovery_service.models.base import Base, operational
from recovery_service.models.privacy import Privacy


class DirectoryEntry(Base):
    """Which clinic a typed code, an e-mail address or a calendar URL belongs to.

    Looked up before the clinic is known, so it stands outside the wall; it
    holds keyed hashes only, and a forged one finds nothing.
    """

    __tablename__ = "directory"
    __table_args__ = (
        CheckConstraint("kind IN ('staff_email', 'enrolment_code', 'calendar_feed')", name="kind"),
        CheckConstraint("octet_length(key_hash) = 32", name="key_hash"),
    )

    kind: Mapped[str] = mapped_column(
        String(16), primary_key=True, info={"privacy": Privacy.OPERATIONAL}
    )
    key_hash: Mapped[bytes] = mapped_column(primary_key=True, info={"privacy": Privacy.SECRET})
    clinic_id: Mapped[UUID] = mapped_column(
        ForeignKey("clinic.id"), primary_key=True, info={"privacy": Privacy.OPERATIONAL}
    )


class WorkerHeartbeat(Base):
    """A worker that lives writes its row; one that died is seen by its silence.

    ``figures`` holds numbers only: what the worker sees of the whole queue (the web
    process sees one clinic at a time) and what it has done since it started.
    """

    __tablename__ = "worker_heartbeat"
    __table_args__ = (Index("ix_worker_heartbeat_beat", "beat_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, info={"privacy": Privacy.OPERATIONAL})
    host: Mapped[str] = operational(String(100))
    pid: Mapped[int] = operational()
    started_at: Mapped[datetime] = operational()
    beat_at: Mapped[datetime] = operational()
    stopped_at: Mapped[datetime | None] = operational()
    figures: Mapped[dict[str, Any]] = operational(default=dict)


class AttemptBucket(Base):
    """How often something was tried in a window; counted by one atomic statement."""

    __tablename__ = "attempt_bucket"
    __table_args__ = (
        CheckConstraint("octet_length(key_hash) = 32", name="key_hash"),
        CheckConstraint("attempts > 0", name="attempts"),
        Index("ix_attempt_bucket_ends", "ends_at"),
    )

    key_hash: Mapped[bytes] = mapped_column(primary_key=True, info={"privacy": Privacy.SECRET})
    attempts: Mapped[int] = operational()
    ends_at: Mapped[datetime] = operational()
