"""A channel that remembers what it was given, and fails as it is told to."""

from collections.abc import Callable, Sequence
from threading import Event, Lock

from recovery_service.reminders.channels.protocol import Address, Message, Outcome, Sent


class MemoryChannel:
    """Keeps what was sent; `answer` decides the outcome of each, `before` runs first.

    What shows nothing is kept apart, in `synced`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.resends = True
        self.sent: list[Message] = []
        self.synced: list[Message] = []
        self.asked: list[tuple[Address, Message]] = []
        self.answer: Callable[[Message], Outcome] = lambda message: Sent(message.delivery_id)
        self.before: Callable[[], object] = lambda: None
        self._lock = Lock()

    def send(self, batch: Sequence[tuple[Address, Message]]) -> list[Outcome]:
        self.before()
        with self._lock:
            self.asked += batch
            outcomes = [self.answer(message) for _, message in batch]
            for (_, message), outcome in zip(batch, outcomes, strict=True):
                if isinstance(outcome, Sent):
                    (self.synced if message.silent else self.sent).append(message)
        return outcomes

    def close(self) -> None:
        """Nothing is held."""


def ringing(rung: Event) -> Callable[[Message], Outcome]:
    """Return how a phone takes what comes; what shows nothing does not ring."""

    def take(message: Message) -> Outcome:
        if not message.silent:
            rung.set()
        return Sent(message.delivery_id)

    return take
