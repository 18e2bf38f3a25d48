"""Alerts: what a finding asks of staff, what the patient was told, and who was written to."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Sequence,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    JSON_OBJECT,
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

TIERS = "tier IN ('emergency', 'same_day', 'next_business_day')"
_ORDER = Sequence("alert_event_seq", metadata=Base.metadata)


class Alert(Synced, Versioned, Base):
    """A rule that was met in an episode, until somebody has resolved it.

    At most one of a rule is unresolved; a further finding attaches to it. ``respond_by`` is
    when somebody has to have looked, None where the site's hours are not known.
    ``escalation`` counts how often that has lapsed.
    """

    __tablename__ = "alert"
    __table_args__ = (
        within_clinic("episode", "episode_id"),
        within_clinic("patient", "patient_id"),
        within_clinic("staff_member", "assigned_to"),
        CheckConstraint(TIERS, name="tier"),
        CheckConstraint("state IN ('open', 'acknowledged', 'resolved')", name="state"),
        CheckConstraint(
            "(state = 'resolved') = (resolved_at IS NOT NULL AND resolution IS NOT NULL)",
            name="resolved",
        ),
        CheckConstraint("state <> 'acknowledged' OR acknowledged_at IS NOT NULL", name="seen"),
        CheckConstraint(
            "resolution IN ('advised', 'seen_in_clinic', 'sent_to_emergency', 'plan_changed', "
            "'no_action_needed', 'not_reached', 'entered_in_error', 'episode_ended')",
            name="resolution",
        ),
        CheckConstraint("escalation >= 0", name="escalation"),
        Index(
            "uq_alert_unresolved",
            "clinic_id",
            "episode_id",
            "rule_id",
            unique=True,
            postgresql_where=text("state <> 'resolved'"),
        ),
        Index("ix_alert_episode", "clinic_id", "episode_id", "raised_at"),
        Index(
            "ix_alert_lapse",
            "respond_by",
            postgresql_where=text("state = 'open' AND respond_by IS NOT NULL"),
        ),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    episode_id: Mapped[Reference]
    rule_id: Mapped[str] = operational(String(32))
    rule_version: Mapped[int] = operational()
    tier: Mapped[str] = operational(String(20))
    state: Mapped[str] = operational(String(16), default="open")
    raised_at: Mapped[datetime] = operational()
    found_at: Mapped[datetime] = operational()
    respond_by: Mapped[datetime | None] = operational()
    escalation: Mapped[int] = operational(SmallInteger, default=0)
    assigned_to: Mapped[OptionalReference]
    acknowledged_at: Mapped[datetime | None] = operational()
    resolved_at: Mapped[datetime | None] = operational()
    resolution: Mapped[str | None] = operational(String(32))


class AlertEvent(Base):
    """One thing that happened to an alert; the application cannot change or delete it.

    ``facts`` are those that met the rule, ``about`` the local date they are of. ``seq`` is the
    order in which events were written; two of one instant have no other. Those from before it
    was kept have none, and come first.
    """

    __tablename__ = "alert_event"
    __table_args__ = (
        within_clinic("alert", "alert_id"),
        within_clinic("staff_member", "staff_id"),
        within_clinic("check_in", "check_in_id"),
        within_clinic("message", "message_id"),
        CheckConstraint(
            "kind IN ('raised', 'found_again', 'worsened', 'corrected', 'acknowledged', "
            "'assigned', 'escalated', 'resolved', 'reopened', 'noted')",
            name="kind",
        ),
        CheckConstraint(TIERS, name="tier"),
        Index("ix_alert_event_alert", "clinic_id", "alert_id", "at"),
        Index("ix_alert_event_at", "at", postgresql_using="brin"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    alert_id: Mapped[Reference]
    at: Mapped[datetime] = operational()
    kind: Mapped[str] = operational(String(16))
    tier: Mapped[str] = operational(String(20))
    staff_id: Mapped[OptionalReference]
    assigned_to: Mapped[OptionalReference]
    check_in_id: Mapped[OptionalReference]
    message_id: Mapped[OptionalReference]
    about: Mapped[date | None] = health()
    facts: Mapped[list[Any] | None] = health(JSON_OBJECT)
    resolution: Mapped[str | None] = operational(String(32))
    note: Mapped[str | None] = health(Text)
    seq: Mapped[int | None] = operational(BigInteger, server_default=_ORDER.next_value())


class Advice(Synced, Base):
    """What a patient was told in answer to a check-in or a message, word for word, for one rule.

    ``facts`` met the rule on the local date ``about``; ``title`` and ``text`` are as the
    rule's version had them, by language.
    """

    __tablename__ = "advice"
    __table_args__ = (
        within_clinic("check_in", "check_in_id"),
        within_clinic("episode", "episode_id"),
        within_clinic("alert", "alert_id"),
        within_clinic("message", "message_id"),
        UniqueConstraint("clinic_id", "check_in_id", "rule_id"),
        Index(
            "uq_advice_message",
            "clinic_id",
            "message_id",
            "rule_id",
            unique=True,
            postgresql_where=text("message_id IS NOT NULL"),
        ),
        CheckConstraint("num_nonnulls(check_in_id, message_id) = 1", name="answers"),
        CheckConstraint(TIERS, name="tier"),
        CheckConstraint("jsonb_typeof(title) = 'object'", name="title"),
        CheckConstraint("jsonb_typeof(text) = 'object'", name="text"),
        Index("ix_advice_alert", "clinic_id", "alert_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    episode_id: Mapped[Reference]
    check_in_id: Mapped[OptionalReference]
    message_id: Mapped[OptionalReference]
    alert_id: Mapped[Reference]
    rule_id: Mapped[str] = operational(String(32))
    rule_version: Mapped[int] = operational()
    tier: Mapped[str] = operational(String(20))
    about: Mapped[date] = health()
    facts: Mapped[list[Any]] = health()
    title: Mapped[dict[str, Any]] = health()
    text: Mapped[dict[str, Any]] = health()
    given_at: Mapped[datetime] = operational()


class AdviceResponse(Synced, Base):
    """What the patient did about an advice; the phone chooses the id."""

    __tablename__ = "advice_response"
    __table_args__ = (
        within_clinic("advice", "advice_id"),
        within_clinic("device", "device_id"),
        CheckConstraint(
            "response IN ('seen', 'called', 'going', 'cannot_call', 'better')", name="response"
        ),
        Index("ix_advice_response_advice", "clinic_id", "advice_id", "received_at"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    advice_id: Mapped[Reference]
    response: Mapped[str] = health(String(16))
    received_at: Mapped[datetime] = operational()
    device_id: Mapped[OptionalReference]
