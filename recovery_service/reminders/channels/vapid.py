"""Who we are to a push service: VAPID, RFC 8292."""

import threading
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from py_vapid.utils import b64urlencode

from recovery_service.clock import Clock

VALID_FOR = timedelta(hours=12)  # RFC 8292 §2 allows 24 h from the request
RENEWED_AFTER = timedelta(hours=1)
_AUDIENCES_KEPT = 1024


class VapidIdentity:
    """The application server's key, and signed headers cached per push service.

    One signature serves every push to a service for an hour: RFC 8292 §5 recommends re-use,
    and signing costs a tenth of a push. Every signature has its own claims, because py_vapid
    and pywebpush write into the claims they are given.
    """

    def __init__(self, private_key: str, subject: str, *, clock: Clock) -> None:
        """`private_key` is 32 bytes as base64url, `subject` a mailto: or https: URL.

        `clock` must be the machine's own: push services compare the claim with theirs.
        """
        self._key = Vapid02.from_string(private_key)
        self._subject = subject
        self._clock = clock
        self._headers: dict[str, tuple[datetime, str]] = {}
        self._lock = threading.Lock()
        self._sign("https://push.example", clock())  # a bad subject is an error at start

    def authorization(self, endpoint: str) -> str:
        """Return the Authorization header's value for one endpoint."""
        parts = urlsplit(endpoint)
        audience = f"{parts.scheme}://{parts.netloc}"
        now = self._clock()
        with self._lock:
            signed_at, value = self._headers.get(audience, (None, ""))
            if signed_at is None or not timedelta(0) <= now - signed_at < RENEWED_AFTER:
                value = self._sign(audience, now)
                if len(self._headers) >= _AUDIENCES_KEPT:  # audiences come from clients
                    self._headers.clear()
                self._headers[audience] = (now, value)
        return value

    def _sign(self, audience: str, now: datetime) -> str:
        expires = int((now + VALID_FOR).timestamp())
        claims = {"aud": audience, "exp": expires, "sub": self._subject}
        return str(self._key.sign(claims)["Authorization"])


def new_private_key() -> str:
    """Return a fresh private key: 32 bytes as base64url without padding, 43 characters."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return str(b64urlencode(number.to_bytes(32, "big")))


def public_key(private_key: str) -> str:
    """Return what a browser wants as `applicationServerKey`: 65 bytes as base64url."""
    point = Vapid02.from_string(private_key).public_key.public_bytes(
        Encoding.X962, PublicFormat.UncompressedPoint
    )
    return str(b64urlencode(point))
