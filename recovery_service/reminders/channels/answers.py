"""What comes back from a provider over HTTP/2, or why nothing does."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer; header names are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """There is none; `reason` is the stable code of an outcome and says nothing more."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Lost(NoAnswer):
    """The connection ended under the request, which may or may not have been read."""

    def __init__(self) -> None:
        super().__init__("connection_lost")
