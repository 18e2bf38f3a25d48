"""A push as Apple's phones take it, whether APNs gets it from us or from FCM."""

from collections.abc import Mapping
from typing import Any

from recovery_service.reminders.channels.protocol import Message

# 10 at once, 5 when the phone's battery allows, 1 when nothing else is to be done. A reminder
# that is not marked as able to wait has its time.
_PRIORITIES: Mapping[str, str] = {"high": "10", "normal": "10", "low": "5", "very-low": "1"}
_LEVELS: Mapping[str, str] = {
    "high": "time-sensitive",
    "normal": "active",
    "low": "passive",
    "very-low": "passive",
}


def apns_headers(message: Message, *, expires: int, collapse: str) -> dict[str, str]:
    """Return the request's own headers; `expires` is in Unix seconds.

    A background push may not have another priority than 5.
    """
    return {
        "apns-push-type": "background" if message.silent else "alert",
        "apns-priority": "5" if message.silent else _PRIORITIES[message.urgency],
        "apns-expiration": str(expires),
        "apns-collapse-id": collapse,
    }


def aps(message: Message) -> dict[str, Any]:
    """Return the part that the system reads.

    `mutable-content` lets the app put the item's own words, which only the phone has, in the
    place of the neutral line.
    """
    if message.silent:
        return {"content-available": 1}
    shown: dict[str, Any] = {
        "alert": {"title": message.title, "body": message.line},
        "mutable-content": 1,
        "interruption-level": _LEVELS[message.urgency],
    }
    if message.urgency in {"high", "normal"}:
        shown["sound"] = "default"
    return shown
