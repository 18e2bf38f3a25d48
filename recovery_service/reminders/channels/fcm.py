"""Firebase Cloud Messaging, HTTP v1: Android phones, and iPhones whose app uses Firebase."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Self

from recovery_service.reminders.channels.answers import Answer, Unsendable
from recovery_service.reminders.channels.apple import apns_headers, aps
from recovery_service.reminders.channels.batches import Batches, Http2Settings
from recovery_service.reminders.channels.device_tokens import token_of
from recovery_service.reminders.channels.http2 import Http2
from recovery_service.reminders.channels.payload import app_fields, collapse_mark, opaque
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
from recovery_service.reminders.channels.provider_tokens import AccessToken, json_object

MAX_PAYLOAD = 4096  # bytes of notification and data
MAX_TTL = 28 * 24 * 3600  # seconds
_PROVIDER_ID = 255
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_NO_TOKEN = "registration token is not a valid"  # noqa: S105 - what FCM says of one
_QUOTA_REST = timedelta(seconds=60)  # what FCM asks for where it does not say how long

_BY_CODE: dict[str, Outcome] = {
    "UNREGISTERED": Retired("gone"),
    # The token is of another Firebase project. Either the app was built for it or we were
    # given the wrong account, and the second must not retire every phone.
    "SENDER_ID_MISMATCH": Dead("wrong_project"),
    "THIRD_PARTY_AUTH_ERROR": Retry(None, "provider_refused"),  # Firebase lacks Apple's key
}
_BY_STATUS: dict[int, Outcome] = {
    HTTPStatus.UNAUTHORIZED: Retry(None, "provider_refused"),
    HTTPStatus.FORBIDDEN: Retry(None, "provider_refused"),
    HTTPStatus.NOT_FOUND: Retry(None, "provider_refused"),  # not UNREGISTERED: no such project
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Dead("too_large"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FcmSettings(Http2Settings):
    """A service account that may send for one Firebase project.

    `private_key` is RSA as PEM. `origin` and `token_uri` lead elsewhere in tests only.
    """

    project_id: str
    client_email: str
    private_key: str = field(repr=False)
    private_key_id: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    origin: str = "https://fcm.googleapis.com"


class Fcm:
    """Neutral notifications to phones by way of Google."""

    name = "fcm"
    resends = True

    def __init__(self, settings: FcmSettings) -> None:
        self._settings = settings
        self._url = f"{settings.origin}/v1/projects/{settings.project_id}/messages:send"
        self._mark_key = hashlib.sha256(settings.private_key.encode()).digest()
        self._http = Http2(
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            ca_file=settings.ca_file,
        )
        self._access = AccessToken(
            self._http,
            email=settings.client_email,
            private_key=settings.private_key,
            key_id=settings.private_key_id,
            token_uri=settings.token_uri,
            seconds=settings.push_seconds,
            clock=settings.clock,
        )
        self._batches = Batches(self._http.loop, settings, self._push)

    @classmethod
    def from_settings(cls, settings: FcmSettings) -> Self:
        """Build the channel; a malformed key is an error here, not at a send."""
        return cls(settings)

    def send(self, batch: Sequence[tuple[Address, Message]]) -> list[Outcome]:
        """Push to every destination; see `Channel.send`."""
        return self._batches.send(batch)

    def close(self) -> None:
        """Close connections and end the thread."""
        self._http.close()

    async def _push(self, address: Address, message: Message, ttl: int) -> Outcome:
        token = token_of(address, self.name)
        body = self._body(token, message, ttl)
        answer = await self._post(body)
        return _outcome(answer, retry_after(answer.headers, self._settings.clock))

    async def _post(self, body: bytes) -> Answer:
        """Send with the current access token; once more where it has expired."""
        for last_try in (False, True):
            access = await self._access.current()
            headers = {"authorization": f"Bearer {access}", "content-type": "application/json"}
            answer = await self._http.post(self._url, body, headers)
            if last_try or not _has_expired(answer) or not self._access.refused(access):
                break
        return answer

    def _body(self, token: str, message: Message, ttl: int) -> bytes:
        shown = {
            "data": app_fields(message),
            **({} if message.silent else {"notification": _notification(message)}),
        }
        if len(_json(shown)) > MAX_PAYLOAD:
            raise Unsendable(Dead("too_large"))
        mark = collapse_mark(self._mark_key, message)
        expires = int(self._settings.clock().timestamp()) + ttl
        return _json(
            {
                "message": {
                    "token": token,
                    **shown,
                    "android": self._android(message, ttl, mark),
                    "apns": {
                        "headers": apns_headers(message, expires=expires, collapse=mark),
                        "payload": {"aps": aps(message)},
                    },
                }
            }
        )

    def _android(self, message: Message, ttl: int, mark: str) -> dict[str, Any]:
        """Return what is for Android. The tag makes a repeat take its notification's place.

        Normal priority waits until a dozing phone wakes up, which may be hours; a reminder
        that is not marked as able to wait goes out at high priority, and shows something.
        """
        able_to_wait = message.silent or message.urgency in {"low", "very-low"}
        android: dict[str, Any] = {
            "ttl": f"{min(ttl, MAX_TTL)}s",
            "priority": "NORMAL" if able_to_wait else "HIGH",
            "collapse_key": opaque(self._mark_key, _collapse_group(message)),
        }
        if not message.silent:
            android["notification"] = {"tag": mark}
        return android


def _notification(message: Message) -> dict[str, str]:
    return {"title": message.title, "body": message.line}


def _collapse_group(message: Message) -> str:
    """Return which messages an unreachable phone keeps only the last of.

    FCM keeps four collapse keys for a phone and drops any beyond, so kinds share: two groups
    of urgent kinds, one of all others, and one of syncs. What can wait never takes the place
    of what is urgent.
    """
    if message.silent:
        return "\0sync"
    if message.urgency != "high":
        return "\0other"
    return f"\0urgent{hashlib.sha256(message.kind.encode()).digest()[0] % 2}"


def _outcome(answer: Answer, after: timedelta | None) -> Outcome:
    """Read an answer as FCM's reference of error codes means it."""
    status = answer.status
    told = json_object(answer.body)
    if status == HTTPStatus.OK:
        return Sent(str(told.get("name", ""))[:_PROVIDER_ID] or None)
    error = _error(told)
    code = _fcm_code(error)
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status == HTTPStatus.BAD_REQUEST:
        return Retired("bad_token") if _blames_token(error) else Dead("provider_rejected")
    return _by_status(status, after)


def _by_status(status: int, after: timedelta | None) -> Outcome:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Retry(after or _QUOTA_REST, "throttled")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Retry(after, "provider_error")
    return Dead("redirected" if status < HTTPStatus.BAD_REQUEST else "provider_rejected")


def _has_expired(answer: Answer) -> bool:
    """Tell whether it is our access token that is not accepted, and not Apple's key."""
    if answer.status != HTTPStatus.UNAUTHORIZED:
        return False
    return _fcm_code(_error(json_object(answer.body))) is None


def _blames_token(error: Mapping[str, Any]) -> bool:
    """Tell whether a malformed request is so for its token and for nothing else.

    FCM names the field, or says it in a sentence only; whatever else is wrong is ours.
    """
    for detail in _details(error, _BAD_REQUEST):
        violations = detail.get("fieldViolations")
        fields = [v.get("field") for v in violations or () if isinstance(v, dict)]
        return bool(fields) and set(fields) == {"message.token"}
    return _NO_TOKEN in str(error.get("message", ""))


def _fcm_code(error: Mapping[str, Any]) -> str | None:
    for detail in _details(error, _FCM_ERROR):
        return str(detail.get("errorCode"))
    return None


def _error(told: Mapping[str, Any]) -> Mapping[str, Any]:
    error = told.get("error")
    return error if isinstance(error, dict) else {}


def _details(error: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    details = error.get("details")
    listed = details if isinstance(details, list) else []
    return [each for each in listed if isinstance(each, dict) and each.get("@type") == kind]


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
