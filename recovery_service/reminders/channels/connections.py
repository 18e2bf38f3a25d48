"""Outbound HTTP to addresses that clients gave: guarded, bounded, never redirected."""

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

from recovery_service.reminders.channels.answers import Answer
from recovery_service.reminders.channels.loop_thread import LoopThread
from recovery_service.reminders.channels.terms import Terms

if TYPE_CHECKING:
    from recovery_service.reminders.channels.http1_line import Line

_CLOSING_SECONDS = 0.5


class Connections:
    """A channel's connections, all of which lead to public addresses; `loop` is where they are.

    Every connection resolves its host itself, has each address checked, and connects to the
    very address that was checked; the certificate is still the name's. Redirects are answers,
    no proxy is taken from the environment, and nothing is sent twice.
    """

    def __init__(self, name: str, terms: Terms, *, ca_file: str | None = None) -> None:
        self._terms = terms
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._line: Line | None = None
        self._left_behind: list[Line] = []
        self.loop = LoopThread(
            name, begin=self._begin, wind_up=self._wind_up, closing_seconds=_CLOSING_SECONDS
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one request and return its answer.

        Raises `UnsafeEndpoint` for an address that is not public, `Unanswered` when the
        request was begun and nothing came back, and another `NoAnswer` when it was not.
        """
        if self._line is None:
            # aiohttp takes a third of a second to import; only who sends pays
            from recovery_service.reminders.channels.http1_line import Line

            self._line = Line(self._terms, self._tls)
        return await self._line.post(url, body, headers)

    def close(self) -> None:
        """Close every connection; what is under way ends without an answer."""
        self.loop.close()

    def _begin(self) -> None:
        """Start without connections.

        Those of the process that forked this one stay as they are, and are never let go: to
        close them here would take them from that process's loop, which shares its watch on them.
        """
        if self._line is not None and not self._line.closed:
            self._left_behind.append(self._line)
        self._line = None

    async def _wind_up(self) -> None:
        if self._line is not None:
            await self._line.close()
