"""Who we are to Google and to Apple: tokens that are signed, kept and renewed in time."""

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from recovery_service.clock import Clock
from recovery_service.reminders.channels.answers import NoAnswer
from recovery_service.reminders.channels.http2 import Http2

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523 §2.1

_ASSERTION_LIFE = timedelta(hours=1)
_MARGIN_SECONDS = 300.0  # renewed so long before the end, or in the last fifth of a short life
_CALM_SECONDS = 5.0  # between attempts that fail, and between renewals that do not help


class AccessToken:
    """An OAuth 2.0 access token for a service account; one renewal serves all who wait.

    Lives in one event loop. A renewal that fails is not tried again for five seconds, and
    not at all felt by anybody as long as the token before is still good.
    """

    def __init__(
        self,
        http: Http2,
        *,
        email: str,
        private_key: str,
        key_id: str,
        token_uri: str,
        seconds: float,
        clock: Clock,
    ) -> None:
        """`private_key` is RSA as PEM; `seconds` is what one renewal may take.

        Raises ValueError for another key.
        """
        self._http = http
        self._key = _rsa_key(private_key)
        self._issuer = {"iss": email, "aud": token_uri, "scope": SCOPE}
        self._key_id = key_id
        self._uri = token_uri
        self._seconds = seconds
        self._clock = clock
        self._value = ""
        self._renew_at = self._ends_at = 0.0
        self._rest_until = 0.0  # after a renewal that failed
        self._calm_until = 0.0  # after one that was because of a refusal
        self._failure: NoAnswer | None = None
        self._renewal: asyncio.Task[None] | None = None

    async def current(self) -> str:
        """Return a token that is good now; raises `NoAnswer`."""
        if time.monotonic() >= self._renew_at:
            await self._renewed()
        if time.monotonic() >= self._ends_at:
            raise self._failure or NoAnswer("provider_refused")
        return self._value

    def refused(self, value: str) -> bool:
        """Take note that a token is not accepted; tell whether another one can be tried."""
        if value != self._value or not self._ends_at:
            return True  # it has been renewed meanwhile, or is about to be
        now = time.monotonic()
        if now < self._calm_until:
            return False
        self._calm_until = now + _CALM_SECONDS
        self._renew_at = self._ends_at = 0.0
        return True

    async def _renewed(self) -> None:
        """Wait for the renewal under way, or begin one; who gives up does not end it."""
        ours = asyncio.get_running_loop()
        if self._renewal is None or self._renewal.done() or self._renewal.get_loop() is not ours:
            if time.monotonic() < self._rest_until:
                return
            self._renewal = ours.create_task(self._renew())
        await asyncio.shield(self._renewal)

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                value, life = await self._ask()
        except NoAnswer as none:
            self._fail(none)
        except TimeoutError:
            self._fail(NoAnswer("timeout"))
        else:
            now = time.monotonic()
            self._value, self._failure = value, None
            self._ends_at = now + life
            self._renew_at = self._ends_at - min(_MARGIN_SECONDS, life / 5)

    def _fail(self, failure: NoAnswer) -> None:
        self._failure = failure
        self._rest_until = time.monotonic() + _CALM_SECONDS

    async def _ask(self) -> tuple[str, float]:
        body = urlencode({"grant_type": GRANT, "assertion": self._assertion()}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await self._http.post(self._uri, body, headers)
        if answer.status != HTTPStatus.OK:
            ours = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.TOO_MANY_REQUESTS
            raise NoAnswer("provider_refused" if ours else "provider_error")
        told = json_object(answer.body)
        value, life = told.get("access_token"), told.get("expires_in")
        if not isinstance(value, str) or not isinstance(life, (int, float)) or life <= 0:
            raise NoAnswer("provider_error")
        return value, float(life)

    def _assertion(self) -> str:
        now = self._clock()
        times = {"iat": int(now.timestamp()), "exp": int((now + _ASSERTION_LIFE).timestamp())}
        return jwt.encode(
            self._issuer | times, self._key, algorithm="RS256", headers={"kid": self._key_id}
        )


class ProviderToken:
    """Apple's provider token: it is good for an hour, and may be new every 20 minutes at most."""

    RENEWED_AFTER = timedelta(minutes=40)
    NOT_BEFORE = timedelta(minutes=20)

    def __init__(self, *, private_key: str, key_id: str, team_id: str, clock: Clock) -> None:
        """`private_key` is P-256 as PEM; raises ValueError for another key."""
        self._key = _p256_key(private_key)
        self._key_id = key_id
        self._team_id = team_id
        self._clock = clock
        self._value = ""
        self._made_at: datetime | None = None

    def current(self) -> str:
        """Return the token to be used now."""
        if self._made_at is None or abs(self._clock() - self._made_at) >= self.RENEWED_AFTER:
            self._sign()
        return self._value

    def refused(self, value: str) -> bool:
        """Take note that Apple calls a token expired; tell whether another one can be tried.

        One that is younger than 20 minutes is not renewed, whatever Apple says of it: the
        clocks disagree, and Apple punishes haste. Unless our clock was set back since.
        """
        if value != self._value or self._made_at is None:
            return True
        if timedelta(0) <= self._clock() - self._made_at < self.NOT_BEFORE:
            return False
        self._sign()
        return True

    def _sign(self) -> None:
        self._made_at = self._clock()
        claims = {"iss": self._team_id, "iat": int(self._made_at.timestamp())}
        self._value = jwt.encode(
            claims, self._key, algorithm="ES256", headers={"kid": self._key_id}
        )


def json_object(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object in an answer; empty where it is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _rsa_key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("the private key of a service account is RSA")  # noqa: TRY004
    return key


def _p256_key(pem: str) -> EllipticCurvePrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("a signing key for APNs is on the curve P-256")
    return key
