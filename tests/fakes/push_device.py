"""The device's side of a push: its keys, decryption (RFC 8291), and the sender's proof."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from os import urandom
from typing import Any
from urllib.parse import urlsplit

import http_ece  # type: ignore[import-untyped]
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_DAY_SECONDS = 86_400


def encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True)
class PushDevice:
    """One browser's subscription with the private half that never leaves it."""

    endpoint: str
    private_key: ec.EllipticCurvePrivateKey
    auth: bytes
    application_server_key: str | None = None

    @classmethod
    def new(cls, endpoint: str, application_server_key: str | None = None) -> "PushDevice":
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(endpoint, key, urandom(16), application_server_key)

    def subscription(self) -> dict[str, Any]:
        point = self.private_key.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        return {
            "endpoint": self.endpoint,
            "keys": {"p256dh": encode(point), "auth": encode(self.auth)},
        }

    def decrypt(self, body: bytes) -> Any:
        text = http_ece.decrypt(
            body, private_key=self.private_key, auth_secret=self.auth, version="aes128gcm"
        )
        return json.loads(text)


class Proofs:
    """Checks VAPID headers (RFC 8292); each distinct one costs a verification once."""

    def __init__(self) -> None:
        self._checked: dict[str, tuple[dict[str, Any], str]] = {}

    def fault(self, header: str, device: PushDevice, *, now: float) -> tuple[int, str] | None:
        """Return the status and the reason to refuse a push with, or None."""
        try:
            claims, key = self._checked.get(header) or self._verify(header)
        except (ValueError, KeyError, InvalidSignature) as error:
            return 401, f"vapid: {type(error).__name__}"
        parts = urlsplit(device.endpoint)
        if claims.get("aud") != f"{parts.scheme}://{parts.netloc}":
            return 401, "vapid: audience"
        if not now < claims.get("exp", 0) <= now + _DAY_SECONDS:
            return 401, "vapid: expiry"
        if device.application_server_key not in {None, key}:
            return 403, "vapid: another server's subscription"
        return None

    def _verify(self, header: str) -> tuple[dict[str, Any], str]:
        scheme, _, rest = header.partition(" ")
        if scheme.lower() != "vapid":
            raise ValueError(scheme)
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        signed, _, signature = fields["t"].rpartition(".")
        head, claims = (json.loads(decode(part)) for part in signed.split("."))
        if head.get("alg") != "ES256":
            raise ValueError(head)
        raw = decode(signature)
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(fields["k"]))
        point.verify(
            encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:])),
            signed.encode(),
            ec.ECDSA(SHA256()),
        )
        self._checked[header] = (claims, fields["k"])
        return self._checked[header]
