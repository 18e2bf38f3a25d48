"""HTTP/2 to a provider: many requests at once, over a connection that is kept."""

import asyncio
import contextlib
import logging
import os
import ssl
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakSet

from recovery_service.reminders.channels.answers import Answer, Lost, NoAnswer

if TYPE_CHECKING:
    from recovery_service.reminders.channels.http2_line import Line

_CLOSING_SECONDS = 2.0
_TALKATIVE = ("httpcore", "httpx", "hpack")  # they log addresses and headers: tokens, both


class Http2:
    """POST requests over HTTP/2 and TLS, from an event loop in a thread of its own.

    Certificates are verified, redirects are answers, no proxy is taken from the environment.
    The thread starts with the first work, and anew in a process that was forked, so that a
    channel may be built before its process divides.
    """

    def __init__(
        self, *, connect_seconds: float, read_seconds: float, ca_file: str | None = None
    ) -> None:
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._seconds = {"connect_seconds": connect_seconds, "read_seconds": read_seconds}
        self._lines: dict[str, Line] = {}
        self._opened: WeakSet[Line] = WeakSet()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = 0
        self._lock = threading.Lock()
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)

    def complete(self, work: Coroutine[Any, Any, None], *, seconds: float) -> None:
        """Run `work` in the loop and wait for its end, or cut it off after so many seconds."""
        running: Future[None] = asyncio.run_coroutine_threadsafe(work, self._running_loop())
        try:
            running.result(seconds)
        except (TimeoutError, CancelledError):
            running.cancel()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one request and return its answer; raises `NoAnswer`.

        Repeated once on a fresh connection where the old one was lost: providers end idle
        ones at will, and say GOAWAY in the middle of work. Waits as long as the caller lets it.
        """
        try:
            return await self._ask(url, body, headers)
        except Lost:
            return await self._ask(url, body, headers)

    def close(self) -> None:
        """End what is running, close the connections and the thread."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None or self._process != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(self._wind_up(), loop)
        thread.join(2 * _CLOSING_SECONDS)

    async def _ask(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Use the line to the host; one that failed a request is left to those it still serves.

        That goes for a request that its asker gave up, too: it stays open on its connection.
        """
        host = urlsplit(url).netloc
        line = self._line_to(host)
        try:
            return await line.ask(url, body, headers)
        except (asyncio.CancelledError, NoAnswer):
            if self._lines.get(host) is line:
                del self._lines[host]
            await line.leave()
            raise

    def _line_to(self, host: str) -> "Line":
        if host not in self._lines:
            # httpx takes a tenth of a second to import; only who sends pays
            from recovery_service.reminders.channels.http2_line import Line

            self._lines[host] = Line(self._tls, **self._seconds)
            self._opened.add(self._lines[host])
        return self._lines[host]

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._process != os.getpid():
                self._lines, self._opened, self._process = {}, WeakSet(), os.getpid()
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="http2", daemon=True
                )
                self._thread.start()
            return self._loop

    async def _wind_up(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                for line in list(self._opened):
                    await line.close()
                    await line.ended()
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
