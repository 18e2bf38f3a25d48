"""Apple Push Notification service: iPhones and iPads."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Self

from recovery_service.reminders.channels.answers import Answer, Unsendable
from recovery_service.reminders.channels.apple import apns_headers, aps
from recovery_service.reminders.channels.batches import Batches, Http2Settings
from recovery_service.reminders.channels.device_tokens import token_of
from recovery_service.reminders.channels.http2 import Http2
from recovery_service.reminders.channels.payload import app_fields, collapse_mark
from recovery_service.reminders.channels.posting import retry_after
from recovery_service.reminders.channels.protocol import (
    Address,
    Dead,
    Message,
    Outcome,
    Retired,
    Retry,
    Sent,
)
from recovery_service.reminders.channels.provider_tokens import ProviderToken, json_object

PRODUCTION = "https://api.push.apple.com"
SANDBOX = "https://api.sandbox.push.apple.com"
MAX_PAYLOAD = 4096  # bytes
_PROVIDER_ID = 255
_EXPIRED = "ExpiredProviderToken"

# Apple's reasons where the status alone says too little.
_BY_REASON: dict[str, Outcome] = {
    "Unregistered": Retired("gone"),
    "ExpiredToken": Retired("gone"),
    "BadDeviceToken": Retired("bad_token"),
    # The token is of another app: either that app's phone or our topic is wrong, and the
    # second must not retire every phone.
    "DeviceTokenNotForTopic": Dead("wrong_topic"),
    "PayloadTooLarge": Dead("too_large"),
    "TooManyProviderTokenUpdates": Retry(None, "provider_refused"),
    # Our own set-up, which may be mended before the reminder expires.
    "BadTopic": Retry(None, "provider_refused"),
    "MissingTopic": Retry(None, "provider_refused"),
    "TopicDisallowed": Retry(None, "provider_refused"),
    "IdleTimeout": Retry(None, "provider_error"),
}
_BY_STATUS: dict[int, Outcome] = {
    HTTPStatus.UNAUTHORIZED: Retry(None, "provider_refused"),
    HTTPStatus.FORBIDDEN: Retry(None, "provider_refused"),
    HTTPStatus.GONE: Retired("gone"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Dead("too_large"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApnsSettings(Http2Settings):
    """A signing key of an Apple developer team, and the app that it sends to.

    `private_key` is the key file's text (P-256, PEM), `topic` the app's bundle id. `origin`
    is `PRODUCTION` or `SANDBOX`, and leads elsewhere in tests only.
    """

    private_key: str = field(repr=False)
    key_id: str
    team_id: str
    topic: str
    origin: str = PRODUCTION


class Apns:
    """Neutral notifications to Apple's phones."""

    name = "apns"
    resends = True

    def __init__(self, settings: ApnsSettings) -> None:
        self._settings = settings
        self._mark_key = hashlib.sha256(settings.private_key.encode()).digest()
        self._http = Http2(
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            ca_file=settings.ca_file,
        )
        self._provider_token = ProviderToken(
            private_key=settings.private_key,
            key_id=settings.key_id,
            team_id=settings.team_id,
            clock=settings.clock,
        )
        self._batches = Batches(self._http.loop, settings, self._push)
        self._has_sent = False

    @classmethod
    def from_settings(cls, settings: ApnsSettings) -> Self:
        """Build the channel; a malformed key is an error here, not at a send."""
        return cls(settings)

    def send(self, batch: Sequence[tuple[Address, Message]]) -> list[Outcome]:
        """Push to every destination; see `Channel.send`."""
        return self._batches.send(batch)

    def close(self) -> None:
        """Close connections and end the thread."""
        self._http.close()

    async def _push(self, address: Address, message: Message, ttl: int) -> Outcome:
        url = f"{self._settings.origin}/3/device/{token_of(address, self.name).lower()}"
        body = _body(message)
        expires = int(self._settings.clock().timestamp()) + ttl
        mark = collapse_mark(self._mark_key, message)
        headers = apns_headers(message, expires=expires, collapse=mark)
        answer = await self._post(url, body, headers | {"apns-topic": self._settings.topic})
        return self._judged(answer)

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send with the current provider token; once more where it has expired."""
        for last_try in (False, True):
            provider = self._provider_token.current()
            proof = {"authorization": f"bearer {provider}"}
            answer = await self._http.post(url, body, headers | proof)
            if last_try or _reason(answer) != _EXPIRED:
                break
            if not self._provider_token.refused(provider):
                break
        return answer

    def _judged(self, answer: Answer) -> Outcome:
        """Read an answer, and doubt ourselves before we doubt every phone.

        With the wrong environment all tokens are bad ones. So a bad one retires its phone
        only once Apple has taken another from this process.
        """
        outcome = _outcome(answer, retry_after(answer.headers, self._settings.clock))
        if isinstance(outcome, Sent):
            self._has_sent = True
        if outcome == Retired("bad_token") and not self._has_sent:
            return Dead("bad_token")
        return outcome


def _body(message: Message) -> bytes:
    payload = {"aps": aps(message)} | app_fields(message)
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) > MAX_PAYLOAD:
        raise Unsendable(Dead("too_large"))
    return body


def _outcome(answer: Answer, after: timedelta | None) -> Outcome:
    """Read an answer as Apple's table of reasons means it."""
    status, reason = answer.status, _reason(answer)
    if status == HTTPStatus.OK:
        return Sent(answer.headers.get("apns-id", "")[:_PROVIDER_ID] or None)
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Retry(after, "throttled")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retry(after, "provider_error")
    return Dead("redirected" if status < HTTPStatus.BAD_REQUEST else "provider_rejected")


def _reason(answer: Answer) -> str | None:
    if answer.status == HTTPStatus.OK:
        return None
    reason = json_object(answer.body).get("reason")
    return reason if isinstance(reason, str) else None
