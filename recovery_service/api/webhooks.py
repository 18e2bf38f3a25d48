"""Webhooks for integrators: registered by admins, followed up, tried out and sent again."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.webhooks import (
    NewWebhookRequest,
    WebhookChanges,
    WebhookDeliverySchema,
    WebhookSchema,
    WebhookWithSecretSchema,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.errors import InvalidField
from recovery_service.extensions import parts
from recovery_service.models import WebhookDelivery, WebhookEndpoint
from recovery_service.reminders.channels.addresses import UnsafeEndpoint, check_endpoint
from recovery_service.services import webhooks
from recovery_service.services.object_tags import tag_of_webhook
from recovery_service.services.webhooks import NewWebhook, WithSecret, webhook_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "webhooks", __name__, url_prefix="/webhooks", description="Where integrators are told"
)
_WEBHOOKS = Keyset("webhooks", datetime, UUID)
_DELIVERIES = Keyset("webhook_deliveries", datetime, UUID)


@blueprint.get("")
@allow(Role.ADMIN)
@blueprint.query(PageArguments)
@blueprint.response(200, page_schema(WebhookSchema))
def index(page: PageRequest) -> Page[WebhookEndpoint]:
    """List the clinic's webhooks, newest first."""
    before = _WEBHOOKS.decode(page.cursor)
    with transaction() as session:
        rows = webhooks.webhooks_of(session, current_actor(), before=before, limit=page.limit)
    return _WEBHOOKS.page(rows, page.limit, lambda row: (row.created_at, row.id))


@blueprint.post("")
@allow(Role.ADMIN)
@blueprint.arguments(NewWebhookRequest)
@blueprint.response(201, WebhookWithSecretSchema)
def create(new: NewWebhook) -> WithSecret:
    """Register a webhook; its secret is shown now and never again.

    From now on each event of these types is told, with its type, its instant and identifiers.
    """
    _require_safe(new.url)
    with transaction() as session:
        made = webhooks.add_webhook(session, parts().keys, current_actor(), new, now=request_time())
    log.info("webhook_added", webhook_id=made.endpoint.id)
    return made


@blueprint.get("/<uuid:webhook_id>", tag=tag_of_webhook)
@allow(Role.ADMIN)
@blueprint.response(200, WebhookSchema)
def show(webhook_id: UUID) -> WebhookEndpoint:
    """Show a webhook: whether it is enabled, and since when it fails."""
    with transaction() as session:
        return webhook_in_scope(session, current_actor(), webhook_id)


@blueprint.patch("/<uuid:webhook_id>", tag=tag_of_webhook)
@allow(Role.ADMIN)
@blueprint.arguments(WebhookChanges)
@blueprint.response(200, WebhookSchema)
def change(changes: dict[str, Any], webhook_id: UUID) -> WebhookEndpoint:
    """Change a webhook, disable it, or enable it again.

    What happens while it is disabled is not told later.
    """
    if "url" in changes:
        _require_safe(changes["url"])
    with transaction() as session:
        endpoint = webhooks.change_webhook(
            session, current_actor(), webhook_id, changes, now=request_time()
        )
    log.info("webhook_changed", webhook_id=webhook_id)
    return endpoint


@blueprint.delete("/<uuid:webhook_id>", unconditional="told nothing more, whatever it said")
@allow(Role.ADMIN)
@blueprint.response(204)
def delete(webhook_id: UUID) -> None:
    """Delete a webhook; what it was not told yet it will not be."""
    with transaction() as session:
        webhooks.delete_webhook(session, current_actor(), webhook_id, now=request_time())
    log.info("webhook_deleted", webhook_id=webhook_id)


@blueprint.post("/<uuid:webhook_id>/rotate-secret", tag=tag_of_webhook)
@allow(Role.ADMIN)
@blueprint.response(200, WebhookWithSecretSchema)
def rotate(webhook_id: UUID) -> WithSecret:
    """Give a webhook a new secret; for 24 hours the one before signs as well."""
    with transaction() as session:
        made = webhooks.rotate_secret(
            session, parts().keys, current_actor(), webhook_id, now=request_time()
        )
    log.info("webhook_secret_rotated", webhook_id=webhook_id)
    return made


@blueprint.post("/<uuid:webhook_id>/test")
@allow(Role.ADMIN)
@blueprint.response(202, WebhookDeliverySchema)
def test(webhook_id: UUID) -> WebhookDelivery:
    """Send `webhook.test` in the way of all events; the deliveries say what became of it."""
    with transaction() as session:
        return webhooks.send_test(session, current_actor(), webhook_id, now=request_time())


@blueprint.get("/<uuid:webhook_id>/deliveries")
@allow(Role.ADMIN)
@blueprint.query(PageArguments)
@blueprint.response(200, page_schema(WebhookDeliverySchema))
def deliveries(page: PageRequest, webhook_id: UUID) -> Page[WebhookDelivery]:
    """List the events of a webhook and what became of each, newest first; kept for 30 days."""
    before = _DELIVERIES.decode(page.cursor)
    with transaction() as session:
        rows = webhooks.deliveries_of(
            session, current_actor(), webhook_id, before=before, limit=page.limit
        )
    return _DELIVERIES.page(rows, page.limit, lambda row: (row.created_at, row.id))


@blueprint.post("/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay")
@allow(Role.ADMIN)
@blueprint.response(202, WebhookDeliverySchema)
def replay(webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """Send an event again, with the same `webhook-id`: who has it takes it for a repeat."""
    with transaction() as session:
        return webhooks.replay(
            session, current_actor(), webhook_id, delivery_id, now=request_time()
        )


def _require_safe(url: str) -> None:
    """Refuse an address that events must not be sent to; its host is asked for here."""
    try:
        check_endpoint(url, allow_private=parts().private_endpoints)
    except UnsafeEndpoint as unsafe:
        raise InvalidField("/url", f"It {unsafe}.") from None
