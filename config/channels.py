"""The settings of the channels: what each needs to be set up, and in which form."""

import base64
import re
from collections.abc import Callable
from typing import Any

from config import environment as read_as
from config import push_keys
from config.environment import EnvironReader

_SECRET = "whsec_"  # noqa: S105 - the prefix of every webhook secret, not one of them
_SECRET_BYTES = range(24, 65)
_SECRETS = 2
_NUMBER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 _-]{1,11}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")

TOGETHER = (
    ("VAPID_PRIVATE_KEY", "VAPID_CONTACT"),
    ("SMTP_URL", "MAIL_FROM"),
    ("SMS_GATEWAY_URL", "SMS_ACCOUNT"),
    ("SMS_GATEWAY_URL", "SMS_TOKEN"),
    ("SMS_GATEWAY_URL", "SMS_SENDER"),
    ("APNS_KEY_FILE", "APNS_KEY_ID"),
    ("APNS_KEY_FILE", "APNS_TEAM_ID"),
    ("APNS_KEY_FILE", "APNS_TOPIC"),
)
"""Half a channel would look set up and never send."""


def read_channels(read: EnvironReader, *, plain_ok: bool, private_ok: bool) -> dict[str, Any]:
    """Return the fields of `Settings` that set channels up; what is absent is None or empty."""
    return {
        "vapid_private_key": read.given("VAPID_PRIVATE_KEY", None, read_as.vapid_key),
        "vapid_contact": read.given("VAPID_CONTACT", None, read_as.contact),
        "allow_private_push_endpoints": read.given(
            "ALLOW_PRIVATE_PUSH_ENDPOINTS", False, read_as.switch(on_ok=private_ok)
        ),
        "smtp": read.given("SMTP_URL", None, read_as.smtp),
        "mail_from": read.given("MAIL_FROM", None, read_as.mailbox),
        "sms_gateway_url": read.given("SMS_GATEWAY_URL", None, gateway_url(plain_ok=plain_ok)),
        "sms_account": read.given("SMS_ACCOUNT", None, _account),
        "sms_token": read.given("SMS_TOKEN", None, _token),
        "sms_sender": read.given("SMS_SENDER", None, sms_sender),
        "webhook_secret": read.given("WEBHOOK_SECRET", (), webhook_secrets),
        "fcm_account": read.given(
            "FCM_CREDENTIALS_FILE", None, push_keys.service_account(elsewhere_ok=private_ok)
        ),
        "apns_key": read.given("APNS_KEY_FILE", None, push_keys.apns_key),
        "apns_key_id": read.given("APNS_KEY_ID", None, push_keys.apns_id),
        "apns_team_id": read.given("APNS_TEAM_ID", None, push_keys.apns_id),
        "apns_topic": read.given("APNS_TOPIC", None, push_keys.apns_topic),
        "apns_sandbox": read.given("APNS_SANDBOX", False, read_as.switch(on_ok=True)),
    }


def gateway_url(*, plain_ok: bool) -> Callable[[str], str]:
    """Accept the base of an HTTP gateway: like the public address, but with a path."""
    check = read_as.base_url(plain_ok=plain_ok)

    def parse(text: str) -> str:
        origin = re.match(r"[a-z]+://[^/?#\\]*", text)
        path = text[origin.end() :] if origin else ""
        if not origin or not re.fullmatch(r"[A-Za-z0-9._~/-]*", path):
            raise ValueError("must be an address such as https://api.gateway.example")
        return check(origin[0]) + path.rstrip("/")

    return parse


def _account(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError("must be the name of an account: letters, digits, _ and -")
    return text


def _token(text: str) -> str:
    if not re.fullmatch(r"[!-~]{8,256}", text):
        raise ValueError("must have 8 to 256 characters without spaces")
    return text


def sms_sender(text: str) -> str:
    """Accept a number, a name of at most 11 characters, or a messaging service (MG…)."""
    if not (_NUMBER.fullmatch(text) or _NAME.fullmatch(text) or _SERVICE.fullmatch(text)):
        raise ValueError("must be a number, a name of at most 11 characters, or a service (MG…)")
    return text


def webhook_secrets(text: str) -> tuple[str, ...]:
    """Accept one secret, or two with a space between while receivers change over."""
    secrets = tuple(text.split())
    if len(secrets) > _SECRETS or not all(_is_secret(each) for each in secrets):
        raise ValueError("must be whsec_ and 24 to 64 bytes in base64, at most two of them")
    return secrets


def _is_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix(_SECRET), validate=True)
    except ValueError:
        return False
    return text.startswith(_SECRET) and len(key) in _SECRET_BYTES
