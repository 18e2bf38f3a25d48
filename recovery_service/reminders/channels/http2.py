"""HTTP/2 to a provider: many requests at once, over a connection that is kept."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakSet

from recovery_service.reminders.channels.answers import Answer, Lost, NoAnswer
from recovery_service.reminders.channels.loop_thread import LoopThread

if TYPE_CHECKING:
    from recovery_service.reminders.channels.http2_line import Line

_CLOSING_SECONDS = 2.0
_TALKATIVE = ("httpcore", "httpx", "hpack")  # they log addresses and headers: tokens, both


class Http2:
    """POST requests over HTTP/2 and TLS, from an event loop in a thread of its own.

    Certificates are verified, redirects are answers, no proxy is taken from the environment.
    `loop` is where requests are made.
    """

    def __init__(
        self, *, connect_seconds: float, read_seconds: float, ca_file: str | None = None
    ) -> None:
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._seconds = {"connect_seconds": connect_seconds, "read_seconds": read_seconds}
        self._lines: dict[str, Line] = {}
        self._opened: WeakSet[Line] = WeakSet()
        self.loop = LoopThread(
            "http2", begin=self._begin, wind_up=self._wind_up, closing_seconds=_CLOSING_SECONDS
        )
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)

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
        self.loop.close()

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

    def _begin(self) -> None:
        self._lines, self._opened = {}, WeakSet()

    async def _wind_up(self) -> None:
        for line in list(self._opened):
            await line.close()
            await line.ended()
