"""The in-app inbox: the delivery's own row is the message."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from recovery_service.reminders.channels.protocol import Address, Dead, Message, Outcome, Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSettings:
    """The inbox needs no setting."""


class Inbox:
    """Nothing leaves the service: the app reads settled deliveries when it opens."""

    name = "inbox"
    resends = True

    @classmethod
    def from_settings(cls, settings: InboxSettings) -> Self:  # noqa: ARG003 - the registry's shape
        """Build the channel."""
        return cls()

    def send(self, batch: Sequence[tuple[Address, Message]]) -> list[Outcome]:
        """Accept every message that still matters; the delivery id is its name."""
        return [_outcome(message) for _, message in batch]

    def close(self) -> None:
        """Nothing is held."""


def _outcome(message: Message) -> Outcome:
    if message.silent:
        return Dead("not_silent")
    return Sent(message.delivery_id) if message.ttl > 0 else Dead("expired")
