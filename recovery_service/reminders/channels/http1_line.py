"""Connections over HTTP/1.1, kept open: what aiohttp is used for, and how it is set."""

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from recovery_service.reminders.channels.addresses import (
    AddressInfo,
    UnresolvedHost,
    UnsafeEndpoint,
    is_public,
)
from recovery_service.reminders.channels.answers import Answer, NoAnswer, Unanswered
from recovery_service.reminders.channels.terms import Terms

_ORIGINS_KEPT = 64
_IDLE_SECONDS = 15.0
_ADDRESSES_TRIED = 2  # of one host, sharing the connect timeout
_BODY_KEPT = 2048  # bytes of an answer read so that its connection can be used again
_ALWAYS = {"User-Agent": "recovery-service", "Accept-Encoding": "identity"}


class Line:
    """The connections of one channel in one event loop; built, used and closed in it."""

    def __init__(self, terms: Terms, tls: ssl.SSLContext) -> None:
        self._terms = terms
        self._begun: set[asyncio.Task[Any] | None] = set()
        self._open: WeakSet[asyncio.BaseTransport] = WeakSet()
        self._used: dict[str, float] = {}
        # Look-ups have threads: the system's resolver knows no other way, and may be slow.
        self._threads = ThreadPoolExecutor(terms.concurrency, "lookup")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=terms.concurrency,
                ssl=tls,
                resolver=_Lookup(terms, self._threads),
                use_dns_cache=False,
                keepalive_timeout=None if not terms.reuse else _IDLE_SECONDS,
                force_close=not terms.reuse,
                socket_factory=self._socket,
            ),
            request_class=self._noting(),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_ALWAYS,
            skip_auto_headers=("Accept",),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=terms.connect_seconds, sock_read=terms.read_seconds
            ),
            auto_decompress=False,
            trust_env=False,
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one request and return its answer; see `Connections.post`."""
        said = "".join(headers.values())
        if not (said.isascii() and said.isprintable()):
            raise ValueError("must be a header")
        if self.closed:
            raise NoAnswer("not_tried")
        response: aiohttp.ClientResponse | None = None
        kept = bytearray()
        try:
            async with asyncio.timeout(self._terms.whole_seconds):
                response = await self._session.post(
                    URL(url, encoded=True),
                    data=body,
                    headers=self._at_end(url, headers),
                    allow_redirects=False,
                )
                await _read(response.content, kept)
        except aiohttp.InvalidURL as trouble:
            raise UnsafeEndpoint("must be a well-formed URL") from trouble
        except (aiohttp.ClientError, OSError) as trouble:
            # The status is the answer: a body that breaks off changes nothing about it.
            if response is None:
                raise self._translated(trouble) from trouble
        finally:
            self._begun.discard(asyncio.current_task())
            if response is not None:
                response.close()  # the connection, too, unless that was all of it
        return Answer(response.status, response.headers, bytes(kept[:_BODY_KEPT]))

    @property
    def closed(self) -> bool:
        """Tell whether it takes no more requests."""
        return self._session.closed

    async def close(self) -> None:
        """Close every connection at once."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._session.close()
        for transport in list(self._open):  # also those that still say goodbye
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()

    def _at_end(self, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers, which ask for no reuse where enough connections are kept."""
        origin, now = url.split("/", 3)[2], time.monotonic()
        if origin not in self._used and len(self._used) >= _ORIGINS_KEPT:
            old = now - _IDLE_SECONDS - self._terms.whole_seconds
            self._used = {each: at for each, at in self._used.items() if at > old}
            if len(self._used) >= _ORIGINS_KEPT:
                return {**headers, "Connection": "close"}
        self._used[origin] = now
        return headers

    def _translated(self, trouble: Exception) -> NoAnswer:
        """Say what went wrong in a word, and whether the request had begun to leave."""
        begun = asyncio.current_task() in self._begun
        reason = "timeout" if isinstance(trouble, TimeoutError) else "unreachable"
        return Unanswered(reason) if begun else NoAnswer(reason)

    def _noting(self) -> type[aiohttp.ClientRequest]:
        """Return requests that note that they begin to leave, in the task that waits for them."""
        begun, opened = self._begun, self._open

        class Noting(aiohttp.ClientRequest):
            async def send(self, conn: Any) -> aiohttp.ClientResponse:
                begun.add(asyncio.current_task())
                opened.add(conn.transport)
                return await super().send(conn)

        return Noting

    def _socket(self, address: AddressInfo) -> socket.socket:
        """Open the socket for one address: names were checked, addresses in a URL are here."""
        family, kind, proto, _, at = address
        if not self._terms.allow_private and not is_public(str(at[0])):
            raise UnsafeEndpoint("must not lead to a private address")
        return socket.socket(family, kind, proto)


class _Lookup(AbstractResolver):
    """Finds hosts, and refuses those that are not public."""

    def __init__(self, terms: Terms, threads: ThreadPoolExecutor) -> None:
        self._terms = terms
        self._threads = threads

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: int = socket.AF_UNSPEC,  # noqa: ARG002
    ) -> list[ResolveResult]:
        """Return the first addresses of a host; each is connected to as it is."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._terms.look_up, host, port)
        if not found:
            raise UnresolvedHost("its host is not known")
        return [
            ResolveResult(hostname=host, host=str(at[0]), port=at[1], family=kind, proto=0, flags=0)
            for kind, _, _, _, at in found[:_ADDRESSES_TRIED]
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def _read(content: aiohttp.StreamReader, kept: bytearray) -> None:
    """Read a body until it ends or is longer than what is kept."""
    while len(kept) <= _BODY_KEPT and not content.at_eof():
        kept += await content.read(_BODY_KEPT + 1 - len(kept))
