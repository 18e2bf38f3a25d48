"""The key files of push providers, read once; what is wrong with one is said without its text."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_LARGEST = 64 * 1024  # bytes; a key file has about two thousand
_PROJECT = re.compile(r"[a-z0-9:.-]{4,100}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_GOOGLE = ".googleapis.com"


@dataclass(frozen=True, kw_only=True)
class ServiceAccount:
    """Who sends for a Firebase project; `private_key` is RSA as PEM."""

    project_id: str
    client_email: str
    private_key: str = field(repr=False)
    private_key_id: str
    token_uri: str


def service_account(*, elsewhere_ok: bool) -> Callable[[str], ServiceAccount]:
    """Accept the path of a service account's JSON; tokens from others than Google if allowed."""

    def parse(text: str) -> ServiceAccount:
        account = _account(_text_of(text))
        host = urlsplit(account.token_uri)
        ours = str(host.hostname or "").endswith(_GOOGLE) and host.port in {None, 443}
        if host.scheme != "https" or not (ours or elsewhere_ok):
            raise ValueError("names a token_uri that is not Google's")
        return account

    return parse


def apns_key(text: str) -> str:
    """Accept the path of a signing key for APNs (.p8) and return its text."""
    pem = _text_of(text)
    key, wrong = _private_key(pem), "must be the path of a signing key for APNs, a .p8 file"
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError(wrong)  # noqa: TRY004 - the value is at fault
    return pem


def apns_id(text: str) -> str:
    """Accept the id of a key or a team: ten capitals and digits."""
    if not re.fullmatch(r"[A-Z0-9]{10}", text):
        raise ValueError("must have ten capital letters and digits")
    return text


def apns_topic(text: str) -> str:
    """Accept an app's bundle id."""
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,155}", text):
        raise ValueError("must be the bundle id of an app")
    return text


def _account(text: str) -> ServiceAccount:
    wrong = ValueError("must be the path of a service account's JSON key file")
    try:
        told = json.loads(text)
        names = ("project_id", "client_email", "private_key", "private_key_id", "token_uri")
        account = ServiceAccount(**{name: str(told[name]) for name in names})
    except (ValueError, KeyError, TypeError):
        raise wrong from None
    named = _PROJECT.fullmatch(account.project_id) and _EMAIL.fullmatch(account.client_email)
    if not named or not isinstance(_private_key(account.private_key), RSAPrivateKey):
        raise wrong
    return account


def _text_of(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_LARGEST).decode()
    except (OSError, ValueError):
        raise ValueError("must be the path of a file that can be read") from None


def _private_key(pem: str) -> PrivateKeyTypes | None:
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
