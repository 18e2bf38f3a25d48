"""Google's token endpoint and FCM's HTTP v1, strict about what they are given."""

import json
import re
import time
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.fakes.h2_server import H2Server, Reply, Request

PROJECT, EMAIL, KEY_ID = "clinic-app", "sender@clinic-app.iam.example", "k1"
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PARTS = {"token", "data", "notification", "android", "apns"}
_ANDROID = {"ttl", "priority", "collapse_key", "notification"}
_MAX_TTL = 28 * 24 * 3600

# The documented error codes: HTTP status, canonical status, FCM's own code.
ERRORS = {
    "UNREGISTERED": (404, "NOT_FOUND"),
    "SENDER_ID_MISMATCH": (403, "PERMISSION_DENIED"),
    "INVALID_ARGUMENT": (400, "INVALID_ARGUMENT"),
    "QUOTA_EXCEEDED": (429, "RESOURCE_EXHAUSTED"),
    "UNAVAILABLE": (503, "UNAVAILABLE"),
    "INTERNAL": (500, "INTERNAL"),
    "THIRD_PARTY_AUTH_ERROR": (401, "UNAUTHENTICATED"),
}


@cache
def account_key() -> rsa.RSAPrivateKey:
    """Return the service account's key, one for all tests: making one takes its time."""
    return rsa.generate_private_key(65537, 2048)


@cache
def account_pem() -> str:
    """Return the key as the account's file holds it."""
    return account_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class FcmServer(H2Server):
    """Takes messages in `messages`; `refuse` answers all of them with an error code.

    `refuse_token` does so for one token. Access tokens live `token_life` seconds; `revoke`
    ends them all at once; with `accepts` off none is ever good. `proofs` counts how often one
    was asked for.
    """

    def __init__(self, certificate: Path) -> None:
        super().__init__(certificate)
        self.messages: list[dict[str, Any]] = []
        self.proofs = 0
        self.token_life = 3599.0
        self.token_status = 200
        self.accepts = True
        self._live: dict[str, float] = {}
        self._refusal: Reply | None = None
        self._refused_tokens: dict[str, Reply] = {}

    def refuse(self, code: str | None, **how: Any) -> None:
        """Answer every message with an error; None accepts them again."""
        self._refusal = None if code is None else error(code, **how)

    def answer_all(self, reply: Reply) -> None:
        """Answer every message so."""
        self._refusal = reply

    def refuse_token(self, token: str, code: str, **how: Any) -> None:
        """Answer messages to one token with an error."""
        self._refused_tokens[token] = error(code, **how)

    def revoke(self) -> None:
        """End every access token."""
        self._live.clear()

    def reply(self, request: Request) -> Reply:
        """Answer as Google does."""
        if request.path == "/token":
            return self._grant(request)
        if request.path != f"/v1/projects/{PROJECT}/messages:send":
            return Reply(404, {"error": {"code": 404, "status": "NOT_FOUND"}})
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        known = self.accepts and self._live.get(token, 0) > time.monotonic()
        if scheme != "Bearer" or not known:
            told = "Request had invalid authentication credentials."
            return Reply(401, _error_body(401, "UNAUTHENTICATED", told, []))
        return self._take(json.loads(request.body)["message"])

    def _take(self, message: dict[str, Any]) -> Reply:
        refusal = self._refused_tokens.get(message.get("token", ""), self._refusal)
        if refusal is not None:
            return refusal
        field = _wrong_field(message)
        if field is not None:
            return error("INVALID_ARGUMENT", field=field)
        self.messages.append(message)
        return Reply(200, {"name": f"projects/{PROJECT}/messages/{len(self.messages)}"})

    def _grant(self, request: Request) -> Reply:
        self.proofs += 1
        if self.token_status != 200:
            return Reply(self.token_status, {"error": "unavailable"})
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        fault = self._fault(form)
        if fault is not None:
            return Reply(400, {"error": "invalid_grant", "error_description": fault})
        token = f"ya29.{self.proofs}"
        self._live[token] = time.monotonic() + self.token_life
        body = {"access_token": token, "expires_in": self.token_life, "token_type": "Bearer"}
        return Reply(200, body)

    def _fault(self, form: dict[str, str]) -> str | None:
        if form.get("grant_type") != _GRANT:
            return "grant type"
        try:
            claims = jwt.decode(
                form["assertion"],
                account_key().public_key(),
                algorithms=["RS256"],
                audience=f"{self.origin}/token",
                issuer=EMAIL,
                options={"require": ["iat", "exp"]},
            )
        except (jwt.InvalidTokenError, KeyError) as wrong:
            return type(wrong).__name__
        if jwt.get_unverified_header(form["assertion"]).get("kid") != KEY_ID:
            return "kid"
        if claims["scope"] != _SCOPE or claims["exp"] - claims["iat"] > 3600:
            return "scope or life"
        return None


def error(
    code: str, *, field: str | None = None, message: str = "", retry_after: str | None = None
) -> Reply:
    """Return an error as the reference documents it; `field` names what is malformed."""
    status, canonical = ERRORS[code]
    details: list[dict[str, Any]] = []
    if code != "INVALID_ARGUMENT" or field in {None, "message.token"}:
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        details.append({"@type": kind, "errorCode": code})
    if field is not None:
        violation = {"field": field, "description": f"Invalid value at '{field}'"}
        kind = "type.googleapis.com/google.rpc.BadRequest"
        details.append({"@type": kind, "fieldViolations": [violation]})
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Reply(status, _error_body(status, canonical, message, details), headers)


def _error_body(status: int, canonical: str, message: str, details: list[Any]) -> dict[str, Any]:
    told = {"code": status, "message": message, "status": canonical, "details": details}
    return {"error": told}


def _wrong_field(message: dict[str, Any]) -> str | None:
    """Return the first field that FCM would not take."""
    unknown = message.keys() - _PARTS
    if unknown:
        return f"message.{min(unknown)}"
    if not all(isinstance(value, str) for value in message.get("data", {}).values()):
        return "message.data[0].value"
    android = message.get("android", {})
    seconds = re.fullmatch(r"(\d+)s", android.get("ttl", "0s"))
    if android.keys() - _ANDROID or seconds is None or int(seconds[1]) > _MAX_TTL:
        return "message.android"
    if android.get("priority") not in {"NORMAL", "HIGH"}:
        return "message.android.priority"
    headers = message.get("apns", {}).get("headers", {})
    if not all(isinstance(value, str) for value in headers.values()):
        return "message.apns.headers"
    return None
