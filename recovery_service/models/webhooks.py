"""Webhooks: the endpoints of integrators, and what each is told."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped

from recovery_service.models.base import (
    Base,
    ClinicKey,
    PrimaryKey,
    Reference,
    Stamped,
    Versioned,
    operational,
    secret,
)
from recovery_service.models.keys import of_clinic, within_clinic


class WebhookEndpoint(Versioned, Base):
    """Where an integrator is told of ``events``; a trigger asks it what to write down.

    ``sealed`` is its secret. While that is changed, ``previous_sealed`` signs as well until
    ``previous_until``. ``failing_since`` is the first failure that no success came after. One
    that is deleted keeps its row, so that no event that is just being written loses its foot.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        of_clinic(),
        CheckConstraint("cardinality(events) > 0", name="events"),
        CheckConstraint(
            "(deleted_at IS NULL) = (url IS NOT NULL AND sealed IS NOT NULL)", name="deleted"
        ),
        CheckConstraint("(previous_sealed IS NULL) = (previous_until IS NULL)", name="previous"),
        CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled"),
        CheckConstraint(
            "disabled_reason IN ('by_staff', 'failing', 'gone')", name="disabled_reason"
        ),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    url: Mapped[str | None] = secret(String(2048))
    description: Mapped[str] = operational(String(200), default="")
    events: Mapped[list[str]] = operational(ARRAY(String(32)))
    sealed: Mapped[bytes | None] = secret()
    previous_sealed: Mapped[bytes | None] = secret()
    previous_until: Mapped[datetime | None] = operational()
    failing_since: Mapped[datetime | None] = operational()
    disabled_at: Mapped[datetime | None] = operational()
    disabled_reason: Mapped[str | None] = operational(String(16))
    deleted_at: Mapped[datetime | None] = operational()


class WebhookDelivery(Stamped, Base):
    """One event for one endpoint, written in the transaction of what happened.

    ``data`` are identifiers alone. Its id is the same in every attempt. ``tried_from`` is
    since when it is tried, ``wake_at`` the moment before which it is not sent, and the end of
    the lease while it is being sent.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        within_clinic("webhook_endpoint", "endpoint_id"),
        CheckConstraint("jsonb_typeof(data) = 'object'", name="data"),
        CheckConstraint("state IN ('ready', 'leased', 'sent', 'dropped', 'dead')", name="state"),
        CheckConstraint("(state IN ('ready', 'leased')) = (settled_at IS NULL)", name="settled"),
        CheckConstraint("attempts >= 0", name="attempts"),
        Index("ix_webhook_delivery_endpoint", "clinic_id", "endpoint_id", "created_at", "id"),
        Index(
            "ix_webhook_delivery_wake",
            "wake_at",
            postgresql_where=text("state IN ('ready', 'leased')"),
        ),
        Index(
            "ix_webhook_delivery_settled",
            "settled_at",
            postgresql_where=text("settled_at IS NOT NULL"),
        ),
    )

    clinic_id: Mapped[ClinicKey]
    id: Mapped[PrimaryKey]
    endpoint_id: Mapped[Reference]
    type: Mapped[str] = operational(String(32))
    data: Mapped[dict[str, Any]] = operational()
    state: Mapped[str] = operational(String(8), default="ready")
    wake_at: Mapped[datetime] = operational()
    tried_from: Mapped[datetime] = operational()
    attempts: Mapped[int] = operational(SmallInteger, default=0)
    reason: Mapped[str | None] = operational(String(32))
    settled_at: Mapped[datetime | None] = operational()
