"""A Web Push channel for tests, and addresses for it."""

from typing import Any
from uuid import uuid4

from recovery_service.reminders.channels.protocol import Address
from recovery_service.reminders.channels.vapid import new_private_key
from recovery_service.reminders.channels.webpush import WebPush, WebPushSettings

KEY = new_private_key()
SUBJECT = "mailto:operations@clinic.example"


def web_push(**changes: Any) -> WebPush:
    settings: dict[str, Any] = {
        "vapid_private_key": KEY,
        "vapid_subject": SUBJECT,
        "allow_private_endpoints": True,
        **changes,
    }
    return WebPush(WebPushSettings(**settings))


def at(subscription: dict[str, Any]) -> Address:
    return Address(destination_id=uuid4(), channel="webpush", subscription=subscription)
