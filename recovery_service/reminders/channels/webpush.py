"""Web Push: RFC 8030 delivery, RFC 8291 encryption, RFC 8292 identity."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self

import structlog
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from recovery_service.clock import Clock, SystemClock
from recovery_service.reminders.channels.addresses import (
    Resolver,
    UnresolvedHost,
    UnsafeEndpoint,
    check_form,
)
from recovery_service.reminders.channels.connections import Answer, Connections
from recovery_service.reminders.channels.protocol import (
    Address,
    Dead,
    Message,
    Outcome,
    Retired,
    Retry,
    Sent,
)
from recovery_service.reminders.channels.vapid import VapidIdentity

log = structlog.get_logger(__name__)

MAX_PAYLOAD = 3993  # RFC 8291 §4: 4096 bytes less the record's header, delimiter and tag
MAX_WAIT = timedelta(hours=1)
_BLOCK = 512  # bytes
_PROVIDER_ID = 255  # characters kept of the provider's name for a push
_WATCH_SECONDS = 0.5

_TROUBLES: tuple[tuple[type[Exception], Outcome], ...] = (
    (UnresolvedHost, Retry(None, "unresolved")),
    (UnsafeEndpoint, Dead("unsafe_endpoint")),
    (NewConnectionError, Retry(None, "unreachable")),  # which urllib3 counts as a timeout, too
    (HTTPTimeoutError, Retry(None, "timeout")),
    (HTTPError, Retry(None, "unreachable")),
    (OSError, Retry(None, "unreachable")),
    (ValueError, Dead("bad_message")),  # a header that cannot be one
)
_FINAL: dict[int, Outcome] = {
    HTTPStatus.NOT_FOUND: Retired("gone"),
    HTTPStatus.GONE: Retired("gone"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Dead("too_large"),
}
_PASSING: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "provider_refused",  # our key is not theirs: no device's fault
    HTTPStatus.FORBIDDEN: "provider_refused",
    HTTPStatus.REQUEST_TIMEOUT: "throttled",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPushSettings:
    """What the channel needs.

    `vapid_private_key` is 32 bytes as base64url, `vapid_subject` a mailto: or https: contact.
    `batch_seconds` is how long new pushes of one batch are begun; `send` returns at most one
    push's timeouts (11 s) and a second later, so a lease must be longer. `clock` is the
    machine's own, also where the product's time is injected: push services compare the claim
    with theirs. `allow_private_endpoints` is for tests and the demo.
    """

    vapid_private_key: str = field(repr=False)
    vapid_subject: str
    allow_private_endpoints: bool = False
    concurrency: int = 16
    batch_seconds: float = 20.0
    connect_seconds: float = 3.0
    read_seconds: float = 8.0
    ca_file: str | None = None
    resolve: Resolver | None = field(default=None, repr=False)
    clock: Clock = field(default_factory=SystemClock)


class WebPush:
    """Encrypted notifications to browsers and installed web apps."""

    name = "webpush"

    def __init__(self, settings: WebPushSettings) -> None:
        self._settings = settings
        self._identity = VapidIdentity(
            settings.vapid_private_key, settings.vapid_subject, clock=settings.clock
        )
        self._topic_key = hashlib.sha256(settings.vapid_private_key.encode()).digest()
        self._push_seconds = settings.connect_seconds + settings.read_seconds
        self._connections = Connections(
            concurrency=settings.concurrency,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            allow_private=settings.allow_private_endpoints,
            ca_file=settings.ca_file,
            resolve=settings.resolve,
        )
        self._threads = ThreadPoolExecutor(settings.concurrency, "webpush")

    @classmethod
    def from_settings(cls, settings: WebPushSettings) -> Self:
        """Build the channel; a malformed key or subject is an error here, not at a send."""
        return cls(settings)

    def send(self, batch: Sequence[tuple[Address, Message]]) -> list[Outcome]:
        """Push to every destination; see `Channel.send`."""
        outcomes: list[Outcome] = [Retry(None, "not_tried")] * len(batch)
        started = time.monotonic()
        work = iter(enumerate(batch))
        threads = min(self._settings.concurrency, len(batch))
        running = [
            self._threads.submit(self._drain, work, outcomes, started) for _ in range(threads)
        ]
        give_up = started + self._settings.batch_seconds + self._push_seconds + 1
        while wait(running, timeout=_WATCH_SECONDS).not_done and time.monotonic() < give_up:
            self._connections.cut(longer_than=self._push_seconds)
        return list(outcomes)

    def close(self) -> None:
        """Close connections and end the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._connections.close()

    def _drain(
        self,
        work: Iterator[tuple[int, tuple[Address, Message]]],
        outcomes: list[Outcome],
        started: float,
    ) -> None:
        """Take pairs until none is left or the batch's time is up."""
        for index, (address, message) in work:
            waited = time.monotonic() - started
            if waited > self._settings.batch_seconds:
                return
            outcomes[index] = Retry(None, "timeout")  # stands if this push outlives the batch
            try:
                outcomes[index] = self._push(address, message, message.ttl - int(waited))
            except Exception as error:  # noqa: BLE001 - must not stop the others
                broken = type(error).__name__  # its text or its frames could hold the endpoint
                log.warning("push_broken", delivery_id=message.delivery_id, error=broken)
                outcomes[index] = Retry(None, "broken")

    def _push(self, address: Address, message: Message, ttl: int) -> Outcome:
        """Send one push; every way in which it can fail is an outcome."""
        if ttl <= 0:
            return Dead("expired")
        try:
            endpoint, body = _encrypted(address, message)
            check_form(endpoint, self._settings.allow_private_endpoints)
            answer = self._connections.post(endpoint, body, self._headers(endpoint, message, ttl))
        except _Malformed as malformed:
            return malformed.outcome
        except (HTTPError, OSError, ValueError) as trouble:
            return next(outcome for kind, outcome in _TROUBLES if isinstance(trouble, kind))
        return _outcome(answer, self._settings.clock)

    def _headers(self, endpoint: str, message: Message, ttl: int) -> dict[str, str]:
        return {
            "Authorization": self._identity.authorization(endpoint),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(ttl),
            "Topic": self._topic(message.collapse),
            "Urgency": message.urgency,
        }

    def _topic(self, collapse: str) -> str:
        """Return the collapse tag as the push service may see it, 32 characters.

        The Topic header is not encrypted, and "medication" on it would tell the push service
        what a patient is reminded of; a keyed digest collapses as well and says nothing.
        """
        digest = hmac.digest(self._topic_key, collapse.encode(), "sha256")
        return urlsafe_b64encode(digest[:24]).decode()


class _Malformed(Exception):
    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def _encrypted(address: Address, message: Message) -> tuple[str, bytes]:
    """Return the endpoint and the encrypted body."""
    payload = _payload(message)
    if len(payload) > MAX_PAYLOAD:
        raise _Malformed(Dead("too_large"))
    if address.subscription is None:
        raise _Malformed(Dead("no_address"))
    try:
        return str(address.subscription["endpoint"]), _encrypt(address.subscription, payload)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        # Keys that no device can decrypt with: the app subscribes anew when told so.
        raise _Malformed(Retired("bad_subscription")) from None


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
    fields: dict[str, str] = {
        "t": "reminder",
        "id": message.delivery_id,
        "occurrence": message.occurrence_id,
        "title": message.title,
        "line": message.line,
        "lang": message.language,
    }
    if message.deep_link is not None:
        fields["open"] = message.deep_link
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    padded = -(-len(text) // _BLOCK) * _BLOCK
    return text.ljust(min(padded, max(len(text), MAX_PAYLOAD)))


def _outcome(answer: Answer, clock: Clock) -> Outcome:
    """Read an answer as RFC 8030 §5 and the large push services mean it."""
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Sent(answer.headers.get("Location", "")[:_PROVIDER_ID] or None)
    if status in _FINAL:
        return _FINAL[status]
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retry(retry_after(answer.headers, clock), _PASSING.get(status, "provider_error"))
    return Dead("redirected" if status < HTTPStatus.BAD_REQUEST else "provider_rejected")


def retry_after(headers: Mapping[str, str], clock: Clock) -> timedelta | None:
    """Return how long a provider asks us to wait, at most an hour; None if it does not say.

    A date is measured from the answer's own Date, so that clocks need not agree.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), MAX_WAIT)
    until = _date(value)
    if until is None:
        return None
    since = _date(headers.get("Date", "")) or clock()
    return min(max(until - since, timedelta(0)), MAX_WAIT)


def _date(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
