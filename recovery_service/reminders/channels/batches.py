"""A batch over HTTP/2: so many at once, so long at most, and every pair on its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import structlog

from recovery_service.clock import Clock, SystemClock
from recovery_service.reminders.channels.answers import NoAnswer
from recovery_service.reminders.channels.http2 import Http2
from recovery_service.reminders.channels.posting import Unsendable
from recovery_service.reminders.channels.protocol import Address, Dead, Message, Outcome, Retry

log = structlog.get_logger(__name__)

Push: TypeAlias = Callable[[Address, Message, int], Awaitable[Outcome]]
"""Sends one message with so many seconds left; may raise `NoAnswer` or `Unsendable`."""

Pairs: TypeAlias = Iterator[tuple[int, tuple[Address, Message]]]


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
    """Sends batches from any number of threads through one event loop."""

    def __init__(self, http: Http2, settings: Http2Settings, push: Push) -> None:
        self._http = http
        self._settings = settings
        self._push = push
        self._turns: asyncio.Semaphore | None = None
        self._turns_of: asyncio.AbstractEventLoop | None = None

    def send(self, batch: Sequence[tuple[Address, Message]]) -> list[Outcome]:
        """Push to every destination; see `Channel.send`."""
        outcomes: list[Outcome] = [Retry(None, "not_tried")] * len(batch)
        if batch:
            bound = self._settings.batch_seconds + self._settings.push_seconds + 1
            self._http.complete(self._all(batch, outcomes), seconds=bound)
        return list(outcomes)

    async def _all(self, batch: Sequence[tuple[Address, Message]], outcomes: list[Outcome]) -> None:
        work, started, turns = iter(enumerate(batch)), time.monotonic(), self._common_turns()
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._settings.concurrency, len(batch))):
                group.create_task(self._drain(work, outcomes, turns, started))

    def _common_turns(self) -> asyncio.Semaphore:
        """Return what bounds all batches of this loop together."""
        loop = asyncio.get_running_loop()
        if self._turns is None or self._turns_of is not loop:
            self._turns, self._turns_of = asyncio.Semaphore(self._settings.concurrency), loop
        return self._turns

    async def _drain(
        self, work: Pairs, outcomes: list[Outcome], turns: asyncio.Semaphore, started: float
    ) -> None:
        """Take pairs until none is left or the batch's time is up."""
        for index, (address, message) in work:
            async with turns:
                waited = time.monotonic() - started
                if waited > self._settings.batch_seconds:
                    return
                outcomes[index] = Retry(None, "timeout")  # stands if the batch is cut off
                outcomes[index] = await self._one(address, message, message.ttl - int(waited))

    async def _one(self, address: Address, message: Message, ttl: int) -> Outcome:
        """Send one push; every way in which it can fail is an outcome."""
        if ttl <= 0:
            return Dead("expired")
        try:
            async with asyncio.timeout(self._settings.push_seconds):
                return await self._push(address, message, ttl)
        except Unsendable as refusal:
            return refusal.outcome
        except NoAnswer as none:
            return Retry(None, none.reason)
        except TimeoutError:
            return Retry(None, "timeout")
        except Exception as error:  # noqa: BLE001 - must not stop the others
            broken = type(error).__name__  # its text or its frames could hold the token
            log.warning("push_broken", delivery_id=message.delivery_id, error=broken)
            return Retry(None, "broken")
