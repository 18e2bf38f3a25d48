"""SMS through an HTTP gateway in the shape of Twilio's Messages API."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlencode

from recovery_service.reminders.channels.addresses import check_form
from recovery_service.reminders.channels.answers import Answer, Unsendable
from recovery_service.reminders.channels.posting import (
    UNCERTAIN,
    PostingChannel,
    PostSettings,
    is_success,
    refusal,
    retry_after,
)
from recovery_service.reminders.channels.protocol import (
    Address,
    Dead,
    Message,
    Outcome,
    Retired,
    Retry,
    Sent,
)
from recovery_service.reminders.channels.wire import Request

LONGEST = 36_000
"""Seconds for which a gateway keeps a text that it cannot deliver yet (Twilio, error 21624)."""

_MAX_TEXT = 1600  # characters (Twilio, error 21617)
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_OPAQUE = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_PROVIDER_ID = 64  # characters kept of the gateway's name for a text

_OURS = Retry(None, "provider_refused")  # account, sender, permission: may be mended in time
_CODES: Mapping[int, Outcome] = {
    20003: _OURS,  # not authenticated
    20005: _OURS,  # account not active
    20404: _OURS,  # no such account
    21211: Retired("bad_address"),
    21212: _OURS,  # bad sender
    21408: _OURS,  # region not enabled
    21603: _OURS,  # no sender
    21606: _OURS,  # the sender cannot text
    21608: _OURS,  # trial account
    21610: Retired("opted_out"),  # answered STOP
    21614: Retired("bad_address"),  # no mobile phone
    30002: _OURS,  # account suspended
    30003: Retry(None, "phone_off"),
    30005: Retired("bad_address"),  # unknown to its network
}
_QUEUE_FULL = {14107, 20429, 21611, 30001}
_FAILED = ("failed", "undelivered", "canceled")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSettings(PostSettings):
    """Where texts go out.

    `gateway_url` is the API's base; the operator chose it, so it may be inside the clinic's
    own network. `sender` is a number, a name, or a messaging service (MG…). `base_url` is
    where the patient signs in; the text carries it without a token.
    """

    gateway_url: str
    account: str
    token: str = field(repr=False)
    sender: str
    base_url: str


class Sms(PostingChannel):
    """Plain texts; one request each, and none is begun twice.

    A gateway has no key by which it would know a repeat, and a patient cannot collapse two
    texts into one: where it is not known whether a text was taken, it counts as taken.
    """

    name = "sms"
    resends = False

    def __init__(self, settings: SmsSettings) -> None:
        check_form(settings.gateway_url, allow_private=True)
        super().__init__(settings, allow_private=True)
        self._settings = settings
        base = settings.gateway_url.rstrip("/")
        self._url = f"{base}/2010-04-01/Accounts/{settings.account}/Messages.json"
        self._authorization = _basic(settings.account, settings.token)
        kind = "MessagingServiceSid" if _SERVICE.fullmatch(settings.sender) else "From"
        self._sender = {kind: settings.sender}

    @classmethod
    def from_settings(cls, settings: SmsSettings) -> Self:
        """Build the channel; a malformed gateway is an error here, not at a send."""
        return cls(settings)

    def compose(self, address: Address, message: Message, ttl: int) -> Request:
        """Return the form; the delivery's id goes along for gateways that know repeats."""
        text = f"{message.line} {self._settings.base_url}"
        form = {
            "To": _phone(address, message),
            **self._sender,
            "Body": text,
            "ValidityPeriod": str(min(ttl, LONGEST)),
        }
        if len(text) > _MAX_TEXT:
            raise Unsendable(Dead("too_large"))
        if not _OPAQUE.fullmatch(message.delivery_id):
            raise ValueError
        return Request(self._url, urlencode(form).encode(), self._headers(message))

    def read(self, answer: Answer) -> Outcome:
        """Read an answer by its code where it has one, else by its status."""
        said = _said(answer.body)
        code = _code(said.get("error_code" if is_success(answer) else "code"))
        if is_success(answer) and code is None and said.get("status") not in _FAILED:
            return Sent(_sid(said))
        if code in _QUEUE_FULL:
            return Retry(retry_after(answer.headers, self._posting.clock), "throttled")
        return _CODES.get(code or 0) or self._by_status(answer, coded=code is not None)

    def _by_status(self, answer: Answer, *, coded: bool) -> Outcome:
        """Read what has no code that we know.

        An error of the gateway's own, with a code, says that it did not take the text, and so
        does 503; one from something in front of it may come after it did.
        """
        if is_success(answer):
            return Dead("provider_rejected")
        if answer.status == HTTPStatus.NOT_FOUND:
            return _OURS
        if not coded and _may_come_late(answer.status):
            return UNCERTAIN
        return refusal(answer, {}, self._posting.clock)

    def _headers(self, message: Message) -> dict[str, str]:
        """Return the headers.

        No connection is kept: one that the gateway closes just as it is used again would
        leave us not knowing.
        """
        return {
            "Accept": "application/json",
            "Authorization": self._authorization,
            "Connection": "close",
            "Content-Type": "application/x-www-form-urlencoded",
            "Idempotency-Key": f'"{message.delivery_id}"',
        }


def _phone(address: Address, message: Message) -> str:
    """Return the number, or say why there is nothing to send."""
    if message.silent:
        raise Unsendable(Dead("not_silent"))
    if address.address is None:
        raise Unsendable(Dead("no_address"))
    if not _PHONE.fullmatch(address.address):
        raise Unsendable(Retired("bad_address"))
    return address.address


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _said(body: bytes) -> Mapping[str, Any]:
    """Return the fields of a JSON answer; none where it is something else."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _code(said: object) -> int | None:
    return said if isinstance(said, int) and said > 0 else None


def _may_come_late(status: int) -> bool:
    late = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT
    return late and status != HTTPStatus.SERVICE_UNAVAILABLE


def _sid(said: Mapping[str, Any]) -> str | None:
    sid = said.get("sid")
    return sid[:_PROVIDER_ID] if isinstance(sid, str) and sid else None
