"""Plan templates of a clinic, and recovery plans with their revisions."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, Index, Numeric, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    JSON_OBJECT,
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    Stamped,
    Versioned,
    health,
    operational,
)
from recovery_service.models.keys import of_clinic, within_clinic


class PlanTemplate(Stamped, Base):
    """A clinic's own template; shipped ones stay in files."""

    __tablename__ = "plan_template"
    __table_args__ = (of_clinic(), UniqueConstraint("clinic_id", "code"))

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    code: Mapped[str] = operational(String(64))
    based_on: Mapped[str | None] = operational(String(64))


class PlanTemplateVersion(Stamped, Base):
    """One immutable version of a clinic's template, with the hash of its content."""

    __tablename__ = "plan_template_version"
    __table_args__ = (
        within_clinic("plan_template", "template_id"),
        UniqueConstraint("clinic_id", "template_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("status = 'draft_pending_clinician_signoff'", name="status"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    template_id: Mapped[Reference]
    number: Mapped[int] = operational()
    content: Mapped[dict[str, Any]] = operational()
    content_hash: Mapped[str] = operational(String(64))
    status: Mapped[str] = operational(String(40), default="draft_pending_clinician_signoff")
    created_by: Mapped[Reference]


class PlanTemplateBase(Base):
    """What a version of a clinic's template was based on: that content, as it was then.

    Kept whole: the shipped file of an earlier release is nowhere else, and without it
    nobody could tell the clinic's own changes from those upstream.
    """

    __tablename__ = "plan_template_base"
    __table_args__ = (
        within_clinic("plan_template_version", "version_id"),
        UniqueConstraint("clinic_id", "version_id"),
        CheckConstraint("number > 0", name="number"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    version_id: Mapped[Reference]
    code: Mapped[str] = operational(String(64))
    number: Mapped[int] = operational()
    content: Mapped[dict[str, Any]] = operational()
    content_hash: Mapped[str] = operational(String(64))


class RecoveryPlan(Stamped, Base):
    """The template made personal for one episode."""

    __tablename__ = "recovery_plan"
    __table_args__ = (
        within_clinic("episode", "episode_id"),
        UniqueConstraint("clinic_id", "episode_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    episode_id: Mapped[Reference]
    template_code: Mapped[str] = operational(String(64))
    template_version: Mapped[int] = operational()
    template_hash: Mapped[str] = operational(String(64))


class PlanRevision(Versioned, Base):
    """One state of a plan: a draft that collects edits, the live one, or a past one.

    ``template_hash`` is the content that it was begun from, also through edits and copies;
    empty in revisions from before that was recorded.
    """

    __tablename__ = "plan_revision"
    __table_args__ = (
        within_clinic("recovery_plan", "plan_id"),
        UniqueConstraint("clinic_id", "plan_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("state IN ('draft', 'live', 'superseded')", name="state"),
        CheckConstraint(
            "(state = 'draft') = (published_at IS NULL) "
            "AND (published_at IS NULL) = (effective_from IS NULL)",
            name="published",
        ),
        Index(
            "uq_plan_revision_draft",
            "clinic_id",
            "plan_id",
            unique=True,
            postgresql_where=text("state = 'draft'"),
        ),
        Index(
            "uq_plan_revision_live",
            "clinic_id",
            "plan_id",
            unique=True,
            postgresql_where=text("state = 'live'"),
        ),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    plan_id: Mapped[Reference]
    number: Mapped[int] = operational()
    state: Mapped[str] = operational(String(16), default="draft")
    phases: Mapped[list[Any]] = operational(default=list)
    note: Mapped[str | None] = health(Text)
    effective_from: Mapped[date | None] = operational()
    created_by: Mapped[OptionalReference]
    published_by: Mapped[OptionalReference]
    published_at: Mapped[datetime | None] = operational()
    restored_from: Mapped[int | None] = operational()
    template_code: Mapped[str | None] = operational(String(64))
    template_version: Mapped[int | None] = operational()
    template_hash: Mapped[str | None] = operational(String(64))


class PhaseDecision(Base):
    """A clinician's word on whether a phase may begin; written once, the last one counts.

    ``number`` counts an episode's decisions: two requests may begin in one order and be
    stored in the other. ``facts`` are what was known of each criterion at that moment.
    """

    __tablename__ = "phase_decision"
    __table_args__ = (
        within_clinic("episode", "episode_id"),
        within_clinic("staff_member", "decided_by"),
        CheckConstraint("decision IN ('accept', 'defer')", name="decision"),
        CheckConstraint("decision = 'accept' OR reason IS NOT NULL", name="reason"),
        CheckConstraint("char_length(reason) <= 2000", name="reason_length"),
        CheckConstraint("jsonb_typeof(facts) = 'array'", name="facts"),
        CheckConstraint("number > 0", name="number"),
        UniqueConstraint("clinic_id", "episode_id", "number"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    episode_id: Mapped[Reference]
    number: Mapped[int] = operational()
    phase: Mapped[str] = operational(String(64))
    decision: Mapped[str] = operational(String(8))
    reason: Mapped[str | None] = health(Text)
    facts: Mapped[list[Any]] = health()
    decided_by: Mapped[Reference]
    decided_at: Mapped[datetime] = operational()


class PlanItem(Base):
    """One thing to do or to avoid, in one revision.

    ``lineage_id`` stays the same through all revisions; ``rule`` is the
    canonical form of :class:`recovery_service.domain.recurrence.Rule`, which also says
    how it reminds.
    """

    __tablename__ = "plan_item"
    __table_args__ = (
        within_clinic("plan_revision", "revision_id"),
        UniqueConstraint("clinic_id", "revision_id", "lineage_id"),
        CheckConstraint("grade IN ('A', 'B', 'C', 'D')", name="grade"),
        CheckConstraint("jsonb_typeof(title) = 'object'", name="title"),
        CheckConstraint("jsonb_typeof(media) = 'array'", name="media"),
        Index("ix_plan_item_lineage", "clinic_id", "lineage_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    revision_id: Mapped[Reference]
    lineage_id: Mapped[Reference]
    code: Mapped[str] = operational(String(64))
    position: Mapped[int] = operational()
    kind: Mapped[str] = operational(String(32))
    phase: Mapped[str | None] = operational(String(64))
    title: Mapped[dict[str, Any]] = health()
    instructions: Mapped[dict[str, Any]] = health(default=dict)
    dose: Mapped[dict[str, Any]] = health(default=dict)
    media: Mapped[list[Any]] = operational(default=list)
    rule: Mapped[dict[str, Any]] = operational()
    appointment: Mapped[str | None] = operational(String(64))
    source: Mapped[list[str]] = operational(ARRAY(String(32)), default=list)
    grade: Mapped[str] = operational(String(1), default="D")
    clinician_must_confirm: Mapped[bool] = operational(default=False)
    why_confirm: Mapped[dict[str, Any] | None] = operational(JSON_OBJECT)


class PlanRestriction(Base):
    """A limit that holds for some days: a weight, a time, a posture.

    One that a clinician added for this patient has a ``lineage_id`` that stays the same through
    all revisions, and who added it, when and why. ``held_items`` are lineages that are not asked
    for meanwhile; ``worn_item`` is the lineage of the item that came with it, as with a brace.
    """

    __tablename__ = "plan_restriction"
    __table_args__ = (
        within_clinic("plan_revision", "revision_id"),
        UniqueConstraint(
            "clinic_id",
            "revision_id",
            "code",
            "from_day",
            "lineage_id",
            name="uq_plan_restriction_line",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("to_day >= from_day", name="days"),
        CheckConstraint("limit_value >= 0", name="limit_value"),
        CheckConstraint("grade IN ('A', 'B', 'C', 'D')", name="grade"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    revision_id: Mapped[Reference]
    code: Mapped[str] = operational(String(64))
    limit_value: Mapped[float | None] = health(Numeric(8, 2, asdecimal=False))
    unit: Mapped[str | None] = operational(String(16))
    range_seen: Mapped[list[Any] | None] = operational(JSON_OBJECT)
    from_day: Mapped[int] = operational()
    to_day: Mapped[int | None] = operational()
    text: Mapped[dict[str, Any]] = health()
    source: Mapped[list[str]] = operational(ARRAY(String(32)), default=list)
    grade: Mapped[str] = operational(String(1), default="D")
    clinician_must_confirm: Mapped[bool] = operational(default=False)
    why_confirm: Mapped[dict[str, Any] | None] = operational(JSON_OBJECT)
    lineage_id: Mapped[OptionalReference]
    reason: Mapped[str | None] = health(Text)
    added_by: Mapped[OptionalReference]
    added_at: Mapped[datetime | None] = operational()
    held_items: Mapped[list[Any] | None] = operational(JSON_OBJECT)
    worn_item: Mapped[OptionalReference]
