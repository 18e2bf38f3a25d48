"""Reading one variable after another, and keeping every fault for one report.

The parsers raise `ValueError` with a reason that never repeats the value: it
may be a secret, and reports end up in logs.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

PREFIX = "RECOVERY_"

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_SHORTEST_SECRET = 32
# What people paste from examples, and what repeats itself: guessable at any length.
_WELL_KNOWN = re.compile(r"(?i)change.?(me|this)|secret|password|example|default|insecure")
_FEWEST_CHARACTERS = 10
_VAPID_KEY_BYTES = 32


class SettingsError(Exception):
    """Settings are missing or malformed; `faults` maps each variable to the reason."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        lines = "".join(f"\n  {name}: {reason}" for name, reason in sorted(faults.items()))
        super().__init__(f"the environment is not complete:{lines}")
        self.faults = dict(faults)


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """A mail server. `tls` is `starttls`, `tls` (from the first byte) or `none`."""

    host: str
    port: int
    tls: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


class EnvironReader:
    """Reads variables one by one and collects every fault."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._faults: dict[str, str] = {}

    def fault(self, name: str, reason: str) -> None:
        """Remember what is wrong with a variable; the first reason stands."""
        self._faults.setdefault(PREFIX + name, reason)

    def _text(self, name: str) -> str:
        return self._environ.get(PREFIX + name, "").strip()

    def needed(self, name: str, parse: Callable[[str], str]) -> str:
        """Parse a variable that must be there."""
        if not self._text(name):
            self.fault(name, "is missing")
        return str(self.given(name, "", parse))

    def given(self, name: str, default: Any, parse: Callable[[str], Any]) -> Any:
        """Parse a variable, or take the default where it is absent or empty."""
        text = self._text(name)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.fault(name, str(error))
            return default

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """Read one word out of a few."""

        def parse(text: str) -> str:
            if text not in choices:
                raise ValueError(f"must be one of {', '.join(choices)}")
            return text

        return str(self.given(name, default, parse))

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Read a whole number between two bounds, both allowed."""

        def parse(text: str) -> int:
            if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
                raise ValueError(f"must be a whole number from {least} to {most}")
            return int(text)

        return int(self.given(name, default, parse))

    def seconds(self, name: str, default: float) -> float:
        """Read a positive number of seconds."""

        def parse(text: str) -> float:
            if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text) or float(text) <= 0:
                raise ValueError("must be a positive number of seconds")
            return float(text)

        return float(self.given(name, default, parse))

    def together(self, one: str, other: str) -> None:
        """Require both of two variables, or neither."""
        for name, with_ in ((one, other), (other, one)):
            if self._text(with_) and not self._text(name):
                self.fault(name, f"is missing, and {PREFIX}{with_} needs it")

    def finish(self) -> None:
        """Raise `SettingsError` if anything was wrong."""
        if self._faults:
            raise SettingsError(self._faults)


def app_versions(text: str) -> dict[str, str]:
    """Accept versions by platform, such as `ios=2.1.0,android=2.0`."""
    found = dict(re.findall(r"(ios|android|web)=(\d{1,9}(?:\.\d{1,9}){0,3})(?:,|\Z)", text))
    if ",".join(f"{name}={version}" for name, version in found.items()) != text:
        raise ValueError("must be versions such as ios=2.1.0,android=2.0.0,web=1.4")
    return found


def secret(*, known_ok: bool) -> Callable[[str], str]:
    """Accept a secret of enough characters that nobody can guess."""

    def parse(text: str) -> str:
        if len(text) < _SHORTEST_SECRET:
            raise ValueError(f"must have at least {_SHORTEST_SECRET} characters")
        if not known_ok and (_WELL_KNOWN.search(text) or len(set(text)) < _FEWEST_CHARACTERS):
            raise ValueError("is guessable; make one with: openssl rand -base64 48")
        return text

    return parse


def database_url(text: str) -> str:
    """Accept the URL of a PostgreSQL database; the driver is ours."""
    parts = _split(text)
    if parts.scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise ValueError("must begin with postgresql://")
    if not parts.path.strip("/"):
        raise ValueError("names no database")
    return "postgresql+psycopg" + text[len(parts.scheme) :]


def broker_url(text: str) -> str:
    """Accept the URL of one broker: Redis or Valkey, or RabbitMQ."""
    parts = _split(text)
    if parts.scheme not in {"redis", "rediss", "amqp", "amqps"} or not parts.hostname:
        raise ValueError("must begin with redis://, rediss://, amqp:// or amqps:// and a host")
    if ";" in text or "," in parts.netloc:
        raise ValueError("must name one broker")
    return text


def base_url(*, plain_ok: bool) -> Callable[[str], str]:
    """Accept the public address; plain http only on a loopback, or if `plain_ok`."""

    def parse(text: str) -> str:
        parts = _split(text)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address such as https://recovery.example.org")
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            raise ValueError("must be scheme, host and port only")
        if parts.scheme == "http" and not plain_ok and parts.hostname not in _LOOPBACK:
            raise ValueError("must be https unless it is a loopback address")
        return text.rstrip("/")

    return parse


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    return parts


def word(text: str) -> str:
    """Accept a host name or an IP address."""
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", text):
        raise ValueError("must be a host name or an address")
    return text


def vapid_key(text: str) -> str:
    """Accept the private key for Web Push: PEM, or its 32 raw bytes in base64url."""
    if text.startswith("-----BEGIN"):
        if "-----END" not in text:
            raise ValueError("is not a complete PEM key")
        return text.replace("\\n", "\n")
    bare = text.rstrip("=")
    try:
        raw = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _VAPID_KEY_BYTES:
        raise ValueError("must be a PEM key or 32 bytes in base64url")
    return bare


def contact(text: str) -> str:
    """Accept whom a push provider may write to: mailto: or https:."""
    if not text.startswith(("mailto:", "https://")):
        raise ValueError("must begin with mailto: or https://")
    if text.startswith("mailto:"):
        mailbox(text.removeprefix("mailto:"))
    return text


def mailbox(text: str) -> str:
    """Accept one e-mail address, with or without a name."""
    _, address = parseaddr(text)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address) or re.search(r"[\r\n]", text):
        raise ValueError("must be an e-mail address")
    return text


def switch(*, on_ok: bool) -> Callable[[str], bool]:
    """Accept true or false; true only if `on_ok`."""

    def parse(text: str) -> bool:
        if text.lower() not in {"true", "false", "1", "0"}:
            raise ValueError("must be true or false")
        on = text.lower() in {"true", "1"}
        if on and not on_ok:
            raise ValueError("must be off in production")
        return on

    return parse


def smtp(text: str) -> Smtp:
    """Read `smtp://user:password@host:587?tls=starttls`, or `smtps://` for TLS at once."""
    parts = _split(text)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("must be an address such as smtp://user:password@host:587?tls=starttls")
    at_once = parts.scheme == "smtps"
    chosen = parts.query.removeprefix("tls=") or ("tls" if at_once else "starttls")
    if chosen not in {"tls", "starttls", "none"}:
        raise ValueError("takes tls=starttls, tls=tls or tls=none, and nothing else")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("needs both user and password, or neither")
    if chosen == "none" and parts.password is not None:
        raise ValueError("must not send a password without TLS")
    return Smtp(
        host=parts.hostname,
        port=parts.port or (465 if chosen == "tls" else 587),
        tls=chosen,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )
