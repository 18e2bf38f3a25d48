"""Enrolment codes, devices, and the destinations that a delivery can go to."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    JSON_OBJECT,
    Base,
    ClinicKey,
    OptionalReference,
    PrimaryKey,
    Reference,
    Stamped,
    contact,
    identifying,
    operational,
    secret,
)
from recovery_service.models.keys import within_clinic


class EnrolmentCode(Stamped, Base):
    """A single-use code that lets the patient's phone in; only its keyed hash is kept."""

    __tablename__ = "enrolment_code"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        within_clinic("episode", "episode_id"),
        CheckConstraint("failed_tries BETWEEN 0 AND 5", name="failed_tries"),
        CheckConstraint("octet_length(code_hash) = 32", name="code_hash"),
        Index("uq_enrolment_code_hash", "clinic_id", "code_hash", unique=True),
        Index("ix_enrolment_code_patient", "clinic_id", "patient_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    episode_id: Mapped[Reference]
    code_hash: Mapped[bytes] = secret()
    expires_at: Mapped[datetime] = operational()
    failed_tries: Mapped[int] = operational(SmallInteger, default=0)
    used_at: Mapped[datetime | None] = operational()
    revoked_at: Mapped[datetime | None] = operational()
    created_by: Mapped[OptionalReference]


class Device(Stamped, Base):
    """An installation of the app; the client chooses its id.

    ``clock_skew`` is how many seconds its clock was ahead of ours when it synced last, at
    ``clock_compared_at``.
    """

    __tablename__ = "device"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        CheckConstraint("permission IN ('granted', 'denied', 'unknown')", name="permission"),
        Index("ix_device_patient", "clinic_id", "patient_id"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    name: Mapped[str] = identifying(String(100), default="")
    platform: Mapped[str] = operational(String(16))
    public_key: Mapped[str | None] = secret(Text)
    permission: Mapped[str] = operational(String(8), default="unknown")
    scheduled_until: Mapped[datetime | None] = operational()
    plan_revision: Mapped[int | None] = operational()
    time_zone: Mapped[str] = identifying(String(64))
    locale: Mapped[str] = operational(String(16))
    app_version: Mapped[str] = operational(String(32), default="")
    last_seen_at: Mapped[datetime] = operational()
    revoked_at: Mapped[datetime | None] = operational()
    clock_skew: Mapped[int | None] = operational(BigInteger)
    clock_compared_at: Mapped[datetime | None] = operational()


class Destination(Stamped, Base):
    """Where a delivery can go: a device's push subscription, an address, or the inbox.

    A provider that says a token is gone retires the destination, never the plan.
    ``sync_due_at`` is when a silent push tells the device to fetch what changed; null
    when it knows.
    """

    __tablename__ = "destination"
    __table_args__ = (
        within_clinic("patient", "patient_id"),
        within_clinic("device", "device_id"),
        CheckConstraint(
            "channel IN ('webpush', 'fcm', 'apns', 'email', 'sms', 'webhook', 'inbox')",
            name="channel",
        ),
        CheckConstraint(
            "CASE WHEN channel IN ('webpush', 'fcm', 'apns') "
            "THEN device_id IS NOT NULL AND subscription IS NOT NULL "
            "WHEN channel = 'inbox' THEN address IS NULL AND subscription IS NULL "
            "ELSE address IS NOT NULL END",
            name="reachable",
        ),
        Index(
            "uq_destination_device",
            "clinic_id",
            "device_id",
            unique=True,
            postgresql_where=text("device_id IS NOT NULL AND retired_at IS NULL"),
        ),
        Index(
            "uq_destination_address",
            "clinic_id",
            "patient_id",
            "channel",
            text("coalesce(address, '')"),
            unique=True,
            postgresql_where=text("device_id IS NULL AND retired_at IS NULL"),
        ),
        Index("ix_destination_patient", "clinic_id", "patient_id"),
        Index(
            "ix_destination_sync",
            "channel",
            "sync_due_at",
            postgresql_where=text("sync_due_at IS NOT NULL"),
        ),
        CheckConstraint("sync_attempts >= 0", name="sync_attempts"),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    patient_id: Mapped[Reference]
    channel: Mapped[str] = operational(String(16))
    device_id: Mapped[OptionalReference]
    address: Mapped[str | None] = contact(String(320))
    subscription: Mapped[dict[str, Any] | None] = secret(JSON_OBJECT)
    muted_kinds: Mapped[list[str]] = operational(ARRAY(String(32)), default=list)
    verified_at: Mapped[datetime | None] = operational()
    opted_out_at: Mapped[datetime | None] = operational()
    retired_at: Mapped[datetime | None] = operational()
    retired_reason: Mapped[str | None] = operational(String(32))
    sync_due_at: Mapped[datetime | None] = operational()
    sync_attempts: Mapped[int] = operational(SmallInteger, default=0, server_default="0")
