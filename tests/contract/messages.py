"""Messages as the dispatcher makes them."""

from dataclasses import replace
from typing import Any

from recovery_service.reminders.channels.protocol import Message

_PLAIN = Message(
    delivery_id="d-1",
    occurrence_id="o-1",
    kind="canary-kind",
    title="Recovery plan",
    line="Your plan has something for you.",
    language="en",
    ttl=1800,
    collapse="canary-collapse",
    deep_link="/o/o-1",
)


def message(**changes: Any) -> Message:
    """Return a neutral message; its kind and collapse tag are words that must not get out."""
    return replace(_PLAIN, **changes)
