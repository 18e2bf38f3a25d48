"""An event loop in a thread of its own, for channels that keep many requests under way."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any


class LoopThread:
    """Runs coroutines for other threads.

    The thread starts with the first work, and anew in a process that was forked, so that a
    channel may be built before its process divides. `begin` is called when it starts, before
    any work; `wind_up` in the loop, when it is closed, for at most `closing_seconds`.
    """

    def __init__(
        self,
        name: str,
        *,
        begin: Callable[[], None],
        wind_up: Callable[[], Awaitable[None]],
        closing_seconds: float,
    ) -> None:
        self._name = name
        self._begin = begin
        self._wind_up = wind_up
        self._closing_seconds = closing_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = 0
        self._lock = threading.Lock()

    def complete(self, work: Coroutine[Any, Any, None], *, seconds: float) -> None:
        """Run `work` in the loop and wait for its end, or cut it off after so many seconds."""
        with self._lock:  # or the loop could be stopped before it hears of the work
            running: Future[None] = asyncio.run_coroutine_threadsafe(work, self._running_loop())
        try:
            running.result(seconds)
        except (TimeoutError, CancelledError):
            running.cancel()

    def close(self) -> None:
        """End what is running, and the thread; waits for twice `closing_seconds` at most."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
            if loop is None or thread is None or self._process != os.getpid():
                return
            asyncio.run_coroutine_threadsafe(self._end(), loop)
        thread.join(2 * self._closing_seconds)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._process != os.getpid():
            self._begin()
            self._process = os.getpid()
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=_serve, args=(self._loop,), name=self._name, daemon=True
            )
            self._thread.start()
        return self._loop

    async def _end(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._closing_seconds):
                await self._wind_up()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        loop.call_later(0.01, loop.stop)  # what was cancelled gets to its end


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
