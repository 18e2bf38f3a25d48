"""What a channel is: what it is given, what it answers, and what it promises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeAlias
from uuid import UUID

Urgency: TypeAlias = Literal["very-low", "low", "normal", "high"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A neutral reminder, and all that a channel ever learns about it.

    `delivery_id` and `occurrence_id` are the opaque public ids, `title` and `line` the fixed
    texts of `kind` in `language` (BCP 47), never what the plan item says. `ttl` is the whole
    seconds left until the occurrence expires, counted when the batch is handed over.
    `collapse` is the same for every repeat of one reminder, so that a device shows it once.
    `deep_link` is a path with an opaque id only. `carries` is how many reminders of the
    moment this one message stands for. A `silent` one shows nothing: it tells the app to
    fetch what changed, and a channel that can only show answers `Dead("not_silent")`.
    """

    delivery_id: str
    occurrence_id: str
    kind: str = field(repr=False)
    title: str
    line: str
    language: str
    ttl: int
    collapse: str
    urgency: Urgency = "normal"
    deep_link: str | None = None
    carries: int = 1
    silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where one destination is reached; what a channel does not need is left out.

    `address` is an e-mail address; `subscription` is what a browser gives as its push
    subscription, `{endpoint, keys: {p256dh, auth}}`. Both are kept out of `repr`, and so out
    of logs and tracebacks.
    """

    destination_id: UUID
    channel: str
    address: str | None = field(default=None, repr=False)
    subscription: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took the message; `provider_id` is its name for it, if it gave one."""

    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now. `after` is the provider's wish, or None for the caller's own back-off."""

    after: timedelta | None
    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """This message will never go out; the destination itself is not in doubt."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retired:
    """The destination is gone: retire the device or address, never the plan."""

    reason: str


Outcome: TypeAlias = Sent | Retry | Dead | Retired
"""Reasons are short stable codes: no address, no provider's text, nothing about health."""


class Channel(Protocol):
    """One way to reach a patient; several threads may send through it at once.

    `resends` is False where a second copy is worse than none, as a text is that nothing can
    replace on the phone: what a sender had begun when it died is then not sent again.
    """

    name: str
    resends: bool

    def send(self, batch: Sequence[tuple[Address, Message]]) -> list[Outcome]:
        """Return one outcome per pair, in order, within the channel's own time bound.

        Whatever a provider or a destination does is an outcome, never an exception, and one
        bad pair changes nothing for the others. A message whose `ttl` has run out while it
        waited for its turn is `Dead("expired")`, not sent.
        """
        ...

    def close(self) -> None:
        """Give back connections and threads; the channel is not used again."""
        ...
