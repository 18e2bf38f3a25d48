"""What comes back from a provider, or why nothing does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from recovery_service.reminders.channels.protocol import Outcome


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer; header names are in lower case, as HTTP/2 has them.

    A body may repeat the address that it refuses, so it is kept out of `repr`.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)


class NoAnswer(Exception):
    """There is none; `reason` is the stable code of an outcome and says nothing more."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Lost(NoAnswer):
    """The connection ended under the request, which may or may not have been read."""

    def __init__(self) -> None:
        super().__init__("connection_lost")


class Unanswered(NoAnswer):
    """The request had begun to leave: it may have been taken, or not."""


Ending: TypeAlias = Answer | NoAnswer | ValueError
"""How a request ended; a ValueError when there was none to send."""


class Unsendable(Exception):
    """There is nothing to send for this pair; `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome
