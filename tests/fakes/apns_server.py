"""Apple's push service, strict about proofs, headers and payloads."""

import json
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from recovery_service.clock import Clock, SystemClock
from tests.fakes.h2_server import H2Server, Reply, Request

KEY_ID, TEAM_ID, TOPIC = "ABC123DEFG", "DEF123GHIJ", "example.clinic.recovery"
_MOST = 4096
_OLDEST, _HASTE = timedelta(hours=1), timedelta(minutes=20)

# The documented reasons and the status that each comes with.
REASONS = {
    "BadCollapseId": 400,
    "BadDeviceToken": 400,
    "BadExpirationDate": 400,
    "BadPriority": 400,
    "BadTopic": 400,
    "DeviceTokenNotForTopic": 400,
    "IdleTimeout": 400,
    "InvalidPushType": 400,
    "MissingTopic": 400,
    "PayloadEmpty": 400,
    "TopicDisallowed": 400,
    "ExpiredProviderToken": 403,
    "Forbidden": 403,
    "InvalidProviderToken": 403,
    "MissingProviderToken": 403,
    "BadPath": 404,
    "MethodNotAllowed": 405,
    "ExpiredToken": 410,
    "Unregistered": 410,
    "PayloadTooLarge": 413,
    "TooManyProviderTokenUpdates": 429,
    "TooManyRequests": 429,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
    "Shutdown": 503,
}


@cache
def signing_key() -> ec.EllipticCurvePrivateKey:
    """Return the team's key, one for all tests."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def signing_pem() -> str:
    """Return the key as its file holds it."""
    return signing_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class ApnsServer(H2Server):
    """Takes pushes in `pushes`: `{device, headers, payload}`.

    `refuse` answers all of them with a reason, `refuse_token` those to one phone. It judges
    proofs by `clock`, and remembers each in `proofs` with when it first came.
    """

    def __init__(self, certificate: Path, clock: Clock | None = None) -> None:
        super().__init__(certificate)
        self.pushes: list[dict[str, Any]] = []
        self.proofs: dict[str, datetime] = {}
        self._clock = clock or SystemClock()
        self._refusal: Reply | None = None
        self._refused_tokens: dict[str, Reply] = {}

    def refuse(self, reason: str | None, **headers: str) -> None:
        """Answer every push with a reason; None accepts them again."""
        self._refusal = None if reason is None else refusal(reason, **headers)

    def refuse_token(self, token: str, reason: str) -> None:
        """Answer pushes to one phone with a reason."""
        self._refused_tokens[token] = refusal(reason)

    def reply(self, request: Request) -> Reply:
        """Answer as Apple does."""
        fault = self._fault_of_proof(request.headers.get("authorization", ""))
        if fault is not None:
            return refusal(fault)
        head, _, token = request.path.rpartition("/")
        if head != "/3/device":
            return refusal("BadPath")
        refused = self._refused_tokens.get(token, self._refusal)
        if refused is not None:
            return refused
        fault = _fault(request)
        if fault is not None:
            return refusal(fault)
        self.pushes.append(
            {
                "device": token,
                "headers": dict(request.headers),
                "payload": json.loads(request.body),
            }
        )
        return Reply(200, None, {"apns-id": str(uuid4()).upper()})

    def _fault_of_proof(self, authorization: str) -> str | None:
        scheme, _, proof = authorization.partition(" ")
        if scheme != "bearer":
            return "MissingProviderToken"
        try:
            claims = jwt.decode(
                proof,
                signing_key().public_key(),
                algorithms=["ES256"],
                issuer=TEAM_ID,
                options={"verify_iat": False, "require": ["iat", "iss"]},
            )
        except jwt.InvalidTokenError:
            return "InvalidProviderToken"
        now = self._clock()
        age = now - datetime.fromtimestamp(claims["iat"], now.tzinfo)
        if jwt.get_unverified_header(proof).get("kid") != KEY_ID or age < timedelta(minutes=-1):
            return "InvalidProviderToken"
        if age > _OLDEST:
            return "ExpiredProviderToken"
        return self._fault_of_haste(proof, now)

    def _fault_of_haste(self, proof: str, now: datetime) -> str | None:
        if proof in self.proofs:
            return None
        hasty = bool(self.proofs) and now - max(self.proofs.values()) < _HASTE
        self.proofs[proof] = now
        return "TooManyProviderTokenUpdates" if hasty else None


def refusal(reason: str, **headers: str) -> Reply:
    """Return a refusal as Apple's table documents it; a phone that is gone is so since when."""
    body: dict[str, Any] = {"reason": reason}
    if REASONS[reason] == 410:
        body["timestamp"] = 1_767_225_600_000  # milliseconds
    return Reply(
        REASONS[reason], body, {name.replace("_", "-"): text for name, text in headers.items()}
    )


def _fault(request: Request) -> str | None:
    """Return the reason for which Apple would not take a push."""
    headers = request.headers
    if headers.get("apns-topic") != TOPIC:
        return "BadTopic"
    if not headers.get("apns-expiration", "").isdigit():
        return "BadExpirationDate"
    if len(headers.get("apns-collapse-id", "").encode()) > 64:
        return "BadCollapseId"
    if headers.get("apns-priority") not in {"1", "5", "10"}:
        return "BadPriority"
    if len(request.body) > _MOST:
        return "PayloadTooLarge"
    return _fault_of_kind(headers.get("apns-push-type"), headers, json.loads(request.body)["aps"])


def _fault_of_kind(kind: str | None, headers: Any, aps: dict[str, Any]) -> str | None:
    if kind == "background":
        shows = aps.keys() & {"alert", "sound", "badge"}
        if shows or aps.get("content-available") != 1 or headers["apns-priority"] != "5":
            return "InvalidPushType"
        return None
    return None if kind == "alert" and "alert" in aps else "InvalidPushType"
