"""A batch in an event loop: so many at once, so long at most, and every pair on its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import structlog

from recovery_service.clock import Clock, SystemClock
from recovery_service.reminders.channels.answers import NoAnswer, Unsendable
from recovery_service.reminders.channels.loop_thread import LoopThread
from recovery_service.reminders.channels.protocol import Address, Dead, Message, Outcome, Retry

log = structlog.get_logger(__name__)

Push: TypeAlias = Callable[[Address, Message, int], Awaitable[Outcome]]
"""Sends one message with so many seconds left; may raise `NoAnswer` or `Unsendable`."""

Pairs: TypeAlias = Iterator[tuple[int, tuple[Address, Message]]]


Unsure: TypeAlias = Callable[[str], Outcome]
"""What stands, for a reason, where it is not known whether a message was taken."""


class Bounds(Protocol):
    """How many pushes are under way at once, and for how long new ones are begun."""

    @property
    def concurrency(self) -> int:
        """Pushes, over all batches."""

    @property
    def batch_seconds(self) -> float:
        """From the start of a batch to its last new push."""

    @property
    def push_seconds(self) -> float:
        """For one push, with all that belongs to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Http2Settings:
    """How a channel over HTTP/2 behaves.

    `batch_seconds` is how long new pushes of one batch are begun; `send` returns at most one
    push's timeouts (11 s) and a second later, so a lease must be longer. `clock` is the
    machine's own, also where the product's time is injected: providers compare proofs with
    theirs. `ca_file` is for tests: a provider's certificate is a public one.
    """

    concurrency: int = 64
    batch_seconds: float = 20.0
    connect_seconds: float = 3.0
    read_seconds: float = 8.0
    ca_file: str | None = None
    clock: Clock = field(default_factory=SystemClock)

    @property
    def push_seconds(self) -> float:
        """How long one push may take, with all that belongs to it."""
        return self.connect_seconds + self.read_seconds


class Batches:
    """Sends batches from any number of threads through one event loop.

    With `timed`, a push is cut off after `push_seconds`; else `push` sees to that by itself.
    """

    def __init__(
        self,
        loop: LoopThread,
        bounds: Bounds,
        push: Push,
        *,
        unsure: Unsure | None = None,
        timed: bool = True,
    ) -> None:
        self._loop = loop
        self._bounds = bounds
        self._push = push
        self._unsure = unsure or _again
        self._push_seconds = bounds.push_seconds if timed else None
        self._turns: asyncio.Semaphore | None = None
        self._turns_of: asyncio.AbstractEventLoop | None = None

    def send(self, batch: Sequence[tuple[Address, Message]]) -> list[Outcome]:
        """Push to every destination; see `Channel.send`."""
        outcomes: list[Outcome] = [Retry(None, "not_tried")] * len(batch)
        if batch:
            bound = self._bounds.batch_seconds + self._bounds.push_seconds + 1
            self._loop.complete(self._all(batch, outcomes), seconds=bound)
        return list(outcomes)

    async def _all(self, batch: Sequence[tuple[Address, Message]], outcomes: list[Outcome]) -> None:
        work, started, turns = iter(enumerate(batch)), time.monotonic(), self._common_turns()
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._bounds.concurrency, len(batch))):
                group.create_task(self._drain(work, outcomes, turns, started))

    def _common_turns(self) -> asyncio.Semaphore:
        """Return what bounds all batches of this loop together."""
        loop = asyncio.get_running_loop()
        if self._turns is None or self._turns_of is not loop:
            self._turns, self._turns_of = asyncio.Semaphore(self._bounds.concurrency), loop
        return self._turns

    async def _drain(
        self, work: Pairs, outcomes: list[Outcome], turns: asyncio.Semaphore, started: float
    ) -> None:
        """Take pairs until none is left or the batch's time is up."""
        for index, (address, message) in work:
            async with turns:
                waited = time.monotonic() - started
                if waited > self._bounds.batch_seconds:
                    return
                outcomes[index] = self._unsure("timeout")  # stands if the batch is cut off
                outcomes[index] = await self._one(address, message, int(waited))

    async def _one(self, address: Address, message: Message, waited: int) -> Outcome:
        """Send one push; every way in which it can fail is an outcome."""
        try:
            if (ttl := message.ttl - waited) <= 0:
                return Dead("expired")
            async with asyncio.timeout(self._push_seconds):
                return await self._push(address, message, ttl)
        except Unsendable as refusal:
            return refusal.outcome
        except NoAnswer as none:
            return Retry(None, none.reason)
        except TimeoutError:
            return self._unsure("timeout")
        except Exception as error:  # noqa: BLE001 - must not stop the others
            broken = type(error).__name__  # its text or its frames could hold the token
            log.warning("push_broken", delivery_id=message.delivery_id, error=broken)
            return self._unsure("broken")


def _again(reason: str) -> Outcome:
    return Retry(None, reason)
