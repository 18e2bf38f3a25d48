"""Webhooks: the endpoints at which integrators are told what happens, and what became of it."""

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.keys import Keys
from recovery_service.domain.webhook_events import TEST
from recovery_service.errors import NoSuchObject, TooManyWebhooks, WebhookDisabled
from recovery_service.models import WebhookDelivery, WebhookEndpoint
from recovery_service.reminders.channels.webhook import PREFIX
from recovery_service.reminders.sealing import seal
from recovery_service.reminders.webhooks import SEALED_AS
from recovery_service.services import audit
from recovery_service.services.clinics import clinic_of

#: Every event is sent to each that wants it.
MAX_ENDPOINTS = 10
#: For so long the secret before signs as well, so that receivers can change over.
OVERLAP = timedelta(hours=24)
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """An endpoint as admins enter it; its URL has been looked at."""

    url: str = field(repr=False)
    events: Sequence[str]
    description: str = ""


class WithSecret(NamedTuple):
    """An endpoint, and its secret: only now is it known."""

    endpoint: WebhookEndpoint
    secret: str


def webhooks_of(
    session: Session, actor: Actor, *, before: tuple[Any, ...] | None, limit: int
) -> Sequence[WebhookEndpoint]:
    """Return the clinic's endpoints, newest first, one more than `limit`."""
    wanted = select(WebhookEndpoint).where(*_living(actor))
    if before is not None:
        place = func.row(WebhookEndpoint.created_at, WebhookEndpoint.id)
        wanted = wanted.where(place < func.row(*before))
    newest_first = wanted.order_by(WebhookEndpoint.created_at.desc(), WebhookEndpoint.id.desc())
    return session.scalars(newest_first.limit(limit + 1)).all()


def webhook_in_scope(
    session: Session, actor: Actor, webhook_id: UUID, *, lock: bool = False
) -> WebhookEndpoint:
    """Return an endpoint of the actor's clinic; raises NoSuchObject."""
    wanted = select(WebhookEndpoint).where(*_living(actor), WebhookEndpoint.id == webhook_id)
    if lock:
        # Not its key: events that are being written point at it.
        wanted = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    endpoint = session.scalars(wanted).one_or_none()
    if endpoint is None:
        raise NoSuchObject("webhook")
    return endpoint


def add_webhook(
    session: Session, keys: Keys, actor: Actor, new: NewWebhook, *, now: datetime
) -> WithSecret:
    """Register an endpoint; raises TooManyWebhooks."""
    clinic_of(session, actor, lock=True)  # two at once come one by one
    living = session.scalar(
        select(func.count()).select_from(WebhookEndpoint).where(*_living(actor))
    )
    if (living or 0) >= MAX_ENDPOINTS:
        raise TooManyWebhooks(MAX_ENDPOINTS)
    endpoint = WebhookEndpoint(
        clinic_id=actor.clinic_id,
        id=new_id(now=now),
        url=new.url,
        description=new.description,
        events=list(new.events),
        created_at=now,
        updated_at=now,
    )
    secret = _give_secret(keys, endpoint)
    session.add(endpoint)
    session.flush()
    audit.record(session, actor, "webhook_added", "webhook", endpoint.id, now=now)
    return WithSecret(endpoint, secret)


def change_webhook(
    session: Session, actor: Actor, webhook_id: UUID, changes: Mapping[str, Any], *, now: datetime
) -> WebhookEndpoint:
    """Change `url, description, events` or `enabled`; raises NoSuchObject.

    One that is enabled anew begins without its failures. What happened meanwhile was not
    written down for it.
    """
    endpoint = webhook_in_scope(session, actor, webhook_id, lock=True)
    for name, value in changes.items():
        if name != "enabled":
            setattr(endpoint, name, value)
    enabled = changes.get("enabled", endpoint.disabled_at is None)
    if enabled:
        endpoint.disabled_at = endpoint.disabled_reason = None
        if "enabled" in changes:
            endpoint.failing_since = None
    elif endpoint.disabled_at is None:
        endpoint.disabled_at, endpoint.disabled_reason = now, "by_staff"
    _touched(session, actor, endpoint, "webhook_changed", now=now)
    return endpoint


def delete_webhook(session: Session, actor: Actor, webhook_id: UUID, *, now: datetime) -> None:
    """Tell an endpoint nothing more, and forget where it is; raises NoSuchObject."""
    endpoint = webhook_in_scope(session, actor, webhook_id, lock=True)
    endpoint.url = endpoint.sealed = endpoint.previous_sealed = endpoint.previous_until = None
    endpoint.deleted_at = now
    _touched(session, actor, endpoint, "webhook_deleted", now=now)


def rotate_secret(
    session: Session, keys: Keys, actor: Actor, webhook_id: UUID, *, now: datetime
) -> WithSecret:
    """Give an endpoint a new secret; the one before signs as well for a day."""
    endpoint = webhook_in_scope(session, actor, webhook_id, lock=True)
    endpoint.previous_sealed, endpoint.previous_until = endpoint.sealed, now + OVERLAP
    secret = _give_secret(keys, endpoint)
    _touched(session, actor, endpoint, "webhook_secret_rotated", now=now)
    return WithSecret(endpoint, secret)


def send_test(
    session: Session, actor: Actor, webhook_id: UUID, *, now: datetime
) -> WebhookDelivery:
    """Write down an event that is none; raises NoSuchObject, WebhookDisabled."""
    endpoint = _enabled(session, actor, webhook_id)
    delivery = WebhookDelivery(
        clinic_id=actor.clinic_id,
        id=new_id(now=now),
        endpoint_id=endpoint.id,
        type=TEST,
        data={"id": str(endpoint.id)},
        wake_at=now,
        tried_from=now,
        created_at=now,
    )
    session.add(delivery)
    session.flush()
    audit.record(session, actor, "webhook_tested", "webhook", endpoint.id, now=now)
    return delivery


def deliveries_of(
    session: Session,
    actor: Actor,
    webhook_id: UUID,
    *,
    before: tuple[Any, ...] | None,
    limit: int,
) -> Sequence[WebhookDelivery]:
    """Return what an endpoint was told of, newest first, one more than `limit`."""
    webhook_in_scope(session, actor, webhook_id)
    wanted = select(WebhookDelivery).where(
        WebhookDelivery.clinic_id == actor.clinic_id, WebhookDelivery.endpoint_id == webhook_id
    )
    if before is not None:
        place = func.row(WebhookDelivery.created_at, WebhookDelivery.id)
        wanted = wanted.where(place < func.row(*before))
    newest_first = wanted.order_by(WebhookDelivery.created_at.desc(), WebhookDelivery.id.desc())
    return session.scalars(newest_first.limit(limit + 1)).all()


def replay(
    session: Session, actor: Actor, webhook_id: UUID, delivery_id: UUID, *, now: datetime
) -> WebhookDelivery:
    """Send an event again, under the id that it has; raises NoSuchObject, WebhookDisabled.

    One that waits is tried now; one that is on its way stays so.
    """
    endpoint = _enabled(session, actor, webhook_id)
    delivery = session.get(WebhookDelivery, (actor.clinic_id, delivery_id), with_for_update=True)
    if delivery is None or delivery.endpoint_id != endpoint.id:
        raise NoSuchObject("delivery")
    if delivery.state != "leased":
        delivery.state, delivery.settled_at, delivery.reason = "ready", None, None
        delivery.wake_at = delivery.tried_from = now
        delivery.attempts = 0
        session.flush()
    audit.record(session, actor, "webhook_replayed", "webhook", endpoint.id, now=now)
    return delivery


def _living(actor: Actor) -> tuple[Any, ...]:
    return (
        WebhookEndpoint.clinic_id == actor.clinic_id,
        WebhookEndpoint.deleted_at.is_(None),
    )


def _enabled(session: Session, actor: Actor, webhook_id: UUID) -> WebhookEndpoint:
    endpoint = webhook_in_scope(session, actor, webhook_id)
    if endpoint.disabled_at is not None:
        raise WebhookDisabled
    return endpoint


def _give_secret(keys: Keys, endpoint: WebhookEndpoint) -> str:
    """Draw a secret and seal its bytes to the endpoint's row; return it as receivers take it."""
    drawn = secrets.token_bytes(_SECRET_BYTES)
    owner = endpoint.clinic_id.bytes + endpoint.id.bytes
    endpoint.sealed = seal(keys, SEALED_AS, owner, drawn)
    return PREFIX + b64encode(drawn).decode()


def _touched(
    session: Session, actor: Actor, endpoint: WebhookEndpoint, action: str, *, now: datetime
) -> None:
    endpoint.version, endpoint.updated_at = endpoint.version + 1, now
    session.flush()
    audit.record(session, actor, action, "webhook", endpoint.id, now=now)
