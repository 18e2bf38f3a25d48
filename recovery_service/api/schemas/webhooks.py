"""Webhooks on the wire."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from recovery_service.api.schemas.base import RequestSchema, ResponseSchema, Text, TrueOrFalse
from recovery_service.domain.webhook_events import EVENTS, TEST
from recovery_service.models import WebhookDelivery
from recovery_service.reminders.channels.addresses import MAX_URL
from recovery_service.services.webhooks import NewWebhook

TYPES = list(EVENTS)
#: What became of an event, by the state of its row.
FATES = {
    "ready": "waiting",
    "leased": "waiting",
    "sent": "delivered",
    "dropped": "dropped",
    "dead": "failed",
}
FOR = {"example": "Integration engine of the hospital"}
URL = {"format": "uri", "example": "https://hooks.hospital.example/recovery"}


def _once_each(events: list[str]) -> None:
    if len(set(events)) != len(events):
        raise ValidationError("Name each type once.")


def _events(**options: Any) -> fields.List[str]:
    return fields.List(
        fields.String(validate=validate.OneOf(TYPES)),
        validate=[validate.Length(min=1), _once_each],
        metadata={"example": ["check_in.recorded", "alert.raised"]},
        **options,
    )


class WebhookChanges(RequestSchema):
    """What can be changed of a webhook; what is absent stays, the types are replaced."""

    url = fields.String(validate=validate.Length(min=1, max=MAX_URL), metadata=URL)
    events = _events()
    description = Text(200, empty=True, metadata=FOR)
    enabled = TrueOrFalse()

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> Any:
        """Refuse a change that changes nothing."""
        if not loaded:
            raise ValidationError("Name at least one field to change.")
        return loaded


class NewWebhookRequest(RequestSchema):
    """Where an integrator is told, and of what."""

    url = fields.String(required=True, validate=validate.Length(min=1, max=MAX_URL), metadata=URL)
    events = _events(required=True)
    description = Text(200, empty=True, load_default="", metadata=FOR)

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewWebhook:
        """Return the webhook as the service takes it."""
        return NewWebhook(**loaded)


class WebhookSchema(ResponseSchema):
    """Where an integrator is told, of what, and how that goes."""

    id = fields.UUID(required=True)
    url = fields.String(required=True, metadata=URL)
    description = fields.String(required=True, metadata=FOR)
    events = fields.List(fields.String(metadata={"enum": TYPES}), required=True)
    enabled = fields.Function(
        lambda row: row.disabled_at is None, required=True, metadata={"type": "boolean"}
    )
    disabled_at = fields.AwareDateTime(required=True, allow_none=True)
    disabled_reason = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "enum": ["by_staff", "failing", "gone", None],
            "description": "`failing`: nothing was taken for five days; `gone`: it answered 410",
        },
    )
    failing_since = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "The first failure that no success came after"},
    )
    previous_secret_until = fields.AwareDateTime(
        attribute="previous_until",
        required=True,
        allow_none=True,
        metadata={"description": "Until then the secret before signs as well"},
    )
    version = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class WebhookWithSecretSchema(ResponseSchema):
    """A webhook with its secret, which is shown only now."""

    webhook = fields.Nested(WebhookSchema, attribute="endpoint", required=True)
    secret = fields.String(
        required=True,
        metadata={
            "description": "`whsec_` and 32 bytes in base64; it cannot be read again",
            "example": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        },
    )


def _next_try(row: WebhookDelivery) -> Any:
    return row.wake_at.isoformat() if row.settled_at is None else None


class WebhookDeliverySchema(ResponseSchema):
    """An event, and what became of it."""

    id = fields.UUID(required=True, metadata={"description": "The `webhook-id` of each attempt"})
    type = fields.String(required=True, metadata={"enum": [*TYPES, TEST]})
    occurred_at = fields.AwareDateTime(attribute="created_at", required=True)
    state = fields.Function(
        lambda row: FATES[row.state],
        required=True,
        metadata={"type": "string", "enum": sorted(set(FATES.values()))},
    )
    attempts = fields.Integer(required=True)
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Why it was not taken the last time, e.g. `status_500`, `timeout`",
            "example": "status_500",
        },
    )
    next_try_at = fields.Function(
        _next_try,
        required=True,
        metadata={"type": ["string", "null"], "format": "date-time"},
    )
    settled_at = fields.AwareDateTime(required=True, allow_none=True)
