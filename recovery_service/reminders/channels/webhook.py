"""Reminders to another system: signed JSON, as the Standard Webhooks scheme has it."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Self

import orjson

from recovery_service.reminders.channels.answers import Answer, Unsendable
from recovery_service.reminders.channels.posting import (
    PostingChannel,
    PostSettings,
    is_success,
    refusal,
)
from recovery_service.reminders.channels.protocol import (
    Address,
    Dead,
    Message,
    Outcome,
    Retired,
    Sent,
)
from recovery_service.reminders.channels.wire import Request

PREFIX = "whsec_"
FEWEST_BYTES, MOST_BYTES = 24, 64  # of a secret
MOST_SECRETS = 2  # the new one and the old one, while receivers change over

_FINAL: Mapping[int, Outcome] = {
    HTTPStatus.GONE: Retired("gone"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Dead("too_large"),
}


class BadSecret(ValueError):
    """Not a webhook secret; the text does not repeat it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings(PostSettings):
    """What the channel needs.

    `secrets` are one or two texts of the form `whsec_` and base64; every request is signed
    with each. `allow_private_endpoints` is for tests and the demo.
    """

    secrets: tuple[str, ...] = field(repr=False)
    allow_private_endpoints: bool = False


class Webhook(PostingChannel):
    """One POST per reminder to the address of the destination."""

    name = "webhook"

    def __init__(self, settings: WebhookSettings) -> None:
        if not 1 <= len(settings.secrets) <= MOST_SECRETS:
            raise BadSecret("must be one secret or two")
        super().__init__(settings, allow_private=settings.allow_private_endpoints)
        self._clock = settings.clock
        self._keys = tuple(key_of(secret) for secret in settings.secrets)

    @classmethod
    def from_settings(cls, settings: WebhookSettings) -> Self:
        """Build the channel; a malformed secret is an error here, not at a send."""
        return cls(settings)

    def compose(self, address: Address, message: Message, ttl: int) -> Request:
        """Return the signed request; every repeat of a delivery has the same webhook-id."""
        if message.silent:
            raise Unsendable(Dead("not_silent"))
        if address.address is None:
            raise Unsendable(Dead("no_address"))
        now = self._clock()
        body = _body(message, ttl, now)
        headers = signed_headers(self._keys, message.delivery_id, body, now=now)
        return Request(address.address, body, headers)

    def read(self, answer: Answer) -> Outcome:
        """Read an answer: 410 is the receiver's word that it wants no more."""
        if is_success(answer):
            return Sent()
        return refusal(answer, _FINAL, self._clock)


def _body(message: Message, ttl: int, now: datetime) -> bytes:
    """Write the event; what kind of reminder it is would say what the patient has."""
    event = {
        "type": "reminder",
        "id": message.delivery_id,
        "occurrence_id": message.occurrence_id,
        "title": message.title,
        "line": message.line,
        "language": message.language,
        "carries": message.carries,
        "sent_at": now.isoformat(timespec="seconds"),
        "expires_at": (now + timedelta(seconds=ttl)).isoformat(timespec="seconds"),
        "ttl": ttl,
    }
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError:
        raise ValueError("must be text") from None


def signed_headers(
    keys: Iterable[bytes], webhook_id: str, body: bytes, *, now: datetime
) -> dict[str, str]:
    """Return the headers of a webhook: its id, the time of this attempt, a signature per key."""
    stamp = str(int(now.timestamp()))
    return {
        "Content-Type": "application/json",
        "User-Agent": "recovery-service",
        "webhook-id": webhook_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signature(key, webhook_id, stamp, body) for key in keys),
    }


def signature(key: bytes, webhook_id: str, stamp: str, body: bytes) -> str:
    """Return one signature: v1, HMAC-SHA256 over id, Unix seconds and body."""
    signed = f"{webhook_id}.{stamp}.".encode() + body
    return "v1," + b64encode(hmac.digest(key, signed, "sha256")).decode()


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for, 24 to 64 bytes; raises `BadSecret`."""
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(PREFIX) or not FEWEST_BYTES <= len(key) <= MOST_BYTES:
        raise BadSecret(f"must be {PREFIX} and {FEWEST_BYTES} to {MOST_BYTES} bytes in base64")
    return key
