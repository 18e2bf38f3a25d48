"""The register of what the clinic's clinicians approved: decisions are added, never changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    JSON_OBJECT,
    Base,
    ClinicKey,
    PrimaryKey,
    Reference,
    operational,
)
from recovery_service.models.keys import within_clinic


class ContentApproval(Base):
    """One decision of a named clinician on one version of a piece of content.

    The decision with the highest ``number`` on a kind, code and hash counts. An approval
    keeps the content that was read, because the file that it came from is replaced one day.
    """

    __tablename__ = "content_approval"
    __table_args__ = (
        within_clinic("staff_member", "decided_by"),
        UniqueConstraint("clinic_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint("content_hash ~ '^[0-9a-f]{64}$'", name="content_hash"),
        CheckConstraint("decision IN ('approve', 'withdraw')", name="decision"),
        CheckConstraint("decided_as IN ('physiotherapist', 'surgeon')", name="decided_as"),
        CheckConstraint("(decision = 'approve') = (content IS NOT NULL)", name="content"),
        CheckConstraint("length(statement) <= 2000", name="statement"),
        Index("ix_content_approval_piece", "clinic_id", "kind", "code", "content_hash", "number"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    number: Mapped[int] = operational()
    kind: Mapped[str] = operational(String(32))
    code: Mapped[str] = operational(String(64))
    version: Mapped[int] = operational()
    content_hash: Mapped[str] = operational(String(64))
    content: Mapped[dict[str, Any] | None] = operational(JSON_OBJECT)
    decision: Mapped[str] = operational(String(8))
    decided_by: Mapped[Reference]
    decided_as: Mapped[str] = operational(String(32))
    decided_at: Mapped[datetime] = operational()
    statement: Mapped[str | None] = operational(Text)
