"""What a push says to the app, and the marks that say nothing to anybody else."""

import hmac
from base64 import urlsafe_b64encode

from recovery_service.reminders.channels.protocol import Message

SYNC = "\0sync"  # the collapse text of silent pushes: no reminder has it


def app_fields(message: Message) -> dict[str, str]:
    """Return what the app gets: `{t: reminder, id, occurrence, carries, open?}` or `{t: sync}`.

    All are strings, because FCM carries nothing else. `carries` is how many reminders the
    push stands for.
    """
    if message.silent:
        return {"t": "sync"}
    fields = {
        "t": "reminder",
        "id": message.delivery_id,
        "occurrence": message.occurrence_id,
        "carries": str(message.carries),
    }
    if message.deep_link is not None:
        fields["open"] = message.deep_link
    return fields


def collapse_mark(key: bytes, message: Message) -> str:
    """Return the mark by which a later push takes an earlier one's place, 32 characters."""
    return opaque(key, SYNC if message.silent else message.collapse)


def opaque(key: bytes, text: str) -> str:
    """Return a keyed digest of `text`, 32 characters of base64url.

    Providers read collapse marks, and "medication" on one would tell them what a patient is
    reminded of; a keyed digest collapses as well and says nothing.
    """
    return urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")[:24]).decode()
