"""Web Push: RFC 8030 delivery, RFC 8291 encryption, RFC 8292 identity."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from recovery_service.reminders.channels.addresses import check_form
from recovery_service.reminders.channels.answers import Answer, Unsendable
from recovery_service.reminders.channels.payload import app_fields, collapse_mark
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
from recovery_service.reminders.channels.vapid import VapidIdentity
from recovery_service.reminders.channels.wire import Request

MAX_PAYLOAD = 3993  # RFC 8291 §4: 4096 bytes less the record's header, delimiter and tag
_BLOCK = 512  # bytes
_PROVIDER_ID = 255  # characters kept of the provider's name for a push

_FINAL: Mapping[int, Outcome] = {
    HTTPStatus.NOT_FOUND: Retired("gone"),
    HTTPStatus.GONE: Retired("gone"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Dead("too_large"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPushSettings(PostSettings):
    """What the channel needs.

    `vapid_private_key` is 32 bytes as base64url, `vapid_subject` a mailto: or https: contact.
    `allow_private_endpoints` is for tests and the demo.
    """

    vapid_private_key: str = field(repr=False)
    vapid_subject: str
    allow_private_endpoints: bool = False


class WebPush(PostingChannel):
    """Encrypted notifications to browsers and installed web apps."""

    name = "webpush"

    def __init__(self, settings: WebPushSettings) -> None:
        super().__init__(settings, allow_private=settings.allow_private_endpoints)
        self._clock = settings.clock
        self._identity = VapidIdentity(
            settings.vapid_private_key, settings.vapid_subject, clock=settings.clock
        )
        self._topic_key = hashlib.sha256(settings.vapid_private_key.encode()).digest()

    @classmethod
    def from_settings(cls, settings: WebPushSettings) -> Self:
        """Build the channel; a malformed key or subject is an error here, not at a send."""
        return cls(settings)

    def compose(self, address: Address, message: Message, ttl: int) -> Request:
        """Return the encrypted push."""
        endpoint, body = _encrypted(address, message)
        check_form(endpoint, self._allow_private)  # no proof is made out to what is no endpoint
        return Request(endpoint, body, self._headers(endpoint, message, ttl))

    def read(self, answer: Answer) -> Outcome:
        """Read an answer as RFC 8030 §5 and the large push services mean it."""
        if is_success(answer):
            return Sent(answer.headers.get("location", "")[:_PROVIDER_ID] or None)
        return refusal(answer, _FINAL, self._clock)

    def _headers(self, endpoint: str, message: Message, ttl: int) -> dict[str, str]:
        return {
            "Authorization": self._identity.authorization(endpoint),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(ttl),
            "Topic": collapse_mark(self._topic_key, message),
            "Urgency": message.urgency,
        }


def _encrypted(address: Address, message: Message) -> tuple[str, bytes]:
    """Return the endpoint and the encrypted body."""
    payload = _payload(message)
    if len(payload) > MAX_PAYLOAD:
        raise Unsendable(Dead("too_large"))
    if address.subscription is None:
        raise Unsendable(Dead("no_address"))
    try:
        return str(address.subscription["endpoint"]), _encrypt(address.subscription, payload)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        # Keys that no device can decrypt with: the app subscribes anew when told so.
        raise Unsendable(Retired("bad_subscription")) from None


def _encrypt(subscription: Mapping[str, Any], payload: bytes) -> bytes:
    """Return the body of RFC 8291; raises ValueError and its like for keys that are none."""
    from pywebpush import WebPusher, WebPushException  # it brings aiohttp; only senders pay

    copy = {"endpoint": subscription["endpoint"], "keys": dict(subscription["keys"])}
    try:
        return bytes(WebPusher(copy).encode(payload, content_encoding="aes128gcm")["body"])
    except WebPushException:
        raise ValueError from None


def _payload(message: Message) -> bytes:
    """Return what the device decrypts: JSON, padded so that its length tells nothing."""
    fields = app_fields(message)
    if not message.silent:
        fields |= {"title": message.title, "line": message.line, "lang": message.language}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    padded = -(-len(text) // _BLOCK) * _BLOCK
    return text.ljust(min(padded, max(len(text), MAX_PAYLOAD)))
