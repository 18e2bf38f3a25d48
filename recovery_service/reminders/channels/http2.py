"""HTTP/2 to a provider: many requests at once, over a connection that is kept."""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any

import httpx
from h2.exceptions import H2Error

_KEPT_SECONDS = 600.0  # providers ask to keep connections; a middlebox forgets idle ones
_CONNECTIONS = 8
_CLOSING_SECONDS = 2.0
_TALKATIVE = ("httpcore", "httpx", "hpack")  # they log addresses and headers: tokens, both

_KEEPALIVE = tuple(
    (socket.IPPROTO_TCP, getattr(socket, name), seconds)
    for name, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
)
_SOCKET_OPTIONS = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    *_KEEPALIVE,
]


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """There is none; `reason` is the stable code of an outcome and says nothing more."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Lost(NoAnswer):
    """The connection ended under the request, which may or may not have been read."""


class Http2:
    """POST requests over HTTP/2 and TLS, from an event loop in a thread of its own.

    Certificates are verified, redirects are answers, no proxy is taken from the environment.
    The thread starts with the first work, and anew in a process that was forked, so that a
    channel may be built before its process divides.
    """

    def __init__(self, *, connect_seconds: float, ca_file: str | None = None) -> None:
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._timeouts = {"connect": connect_seconds}  # the rest is bounded by who asks
        self._line: _Line | None = None
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
        request = httpx.Request("POST", url, content=body, headers=dict(headers))
        request.extensions["timeout"] = self._timeouts
        try:
            return await self._ask(request)
        except _Lost:
            return await self._ask(request)

    def close(self) -> None:
        """End what is running, close the connections and the thread."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None or self._process != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(self._wind_up(), loop)
        thread.join(2 * _CLOSING_SECONDS)

    async def _ask(self, request: httpx.Request) -> Answer:
        """Use the current line; one on which a request was given up is left to its others.

        A request that is cancelled stays open on its connection for the other side, so a
        connection that has one is not trusted with new ones.
        """
        line = self._line
        if line is None:
            line = self._line = _Line(self._tls)
        try:
            return await line.ask(request)
        except asyncio.CancelledError:
            if self._line is line:
                self._line = None
            await line.leave()
            raise

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._process != os.getpid():
                self._line, self._process = None, os.getpid()
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="http2", daemon=True
                )
                self._thread.start()
            return self._loop

    async def _wind_up(self) -> None:
        loop = asyncio.get_running_loop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await asyncio.gather(*others, return_exceptions=True)
                if self._line is not None:
                    await self._line.leave()
                    self._line = None
        loop.call_soon(loop.stop)


class _Line:
    """The connections to a provider's hosts, until they are left."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls,
            http1=False,
            http2=True,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=_CONNECTIONS,
                max_keepalive_connections=_CONNECTIONS,
                keepalive_expiry=_KEPT_SECONDS,
            ),
            socket_options=_SOCKET_OPTIONS,
        )
        self._under_way = 0
        self._left = False

    async def ask(self, request: httpx.Request) -> Answer:
        """Send a request as it is and return its answer."""
        self._under_way += 1
        try:
            response = await self._transport.handle_async_request(request)
            body = await response.aread()
        except (httpx.HTTPError, H2Error, OSError) as trouble:
            raise _translated(trouble) from None
        finally:
            self._under_way -= 1
            await self._close_if_done()
        return Answer(response.status_code, response.headers, body)

    async def leave(self) -> None:
        """Close as soon as nobody waits for an answer."""
        self._left = True
        await self._close_if_done()

    async def _close_if_done(self) -> None:
        if self._left and not self._under_way:
            with contextlib.suppress(httpx.HTTPError, H2Error, OSError):
                await self._transport.aclose()


def _translated(trouble: Exception) -> NoAnswer:
    """Say what went wrong in a word; the original could hold the address."""
    if isinstance(trouble, httpx.TimeoutException):
        return NoAnswer("timeout")
    if _is_distrust(trouble):
        return NoAnswer("untrusted")
    if isinstance(trouble, (httpx.ConnectError, httpx.UnsupportedProtocol)):
        return NoAnswer("unreachable")
    return _Lost("connection_lost")


def _is_distrust(trouble: BaseException | None) -> bool:
    while trouble is not None:
        if isinstance(trouble, ssl.SSLCertVerificationError):
            return True
        trouble = trouble.__cause__ or trouble.__context__
    return False


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
