"""One provider's connections, kept open: what httpx is used for, and how it is set."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping

import httpx
from anyio import EndOfStream
from h2.exceptions import H2Error

from recovery_service.reminders.channels.answers import Answer, Lost, NoAnswer

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


class Line:
    """One connection to one host: opened by the first request, shared by all, left when bad.

    A request that is under way is never cut off inside httpx, which would leave a half-open
    socket behind; who does not want to wait any longer goes, and it ends by its own timeouts.
    """

    def __init__(self, tls: ssl.SSLContext, *, connect_seconds: float, read_seconds: float) -> None:
        whole = connect_seconds + read_seconds
        self._timeouts = {"connect": connect_seconds, "read": whole, "write": whole, "pool": whole}
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls,
            http1=False,
            http2=True,
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=None),
            socket_options=_SOCKET_OPTIONS,
        )
        self._opening: asyncio.Future[NoAnswer | None] | None = None
        self._under_way: set[asyncio.Task[Answer | NoAnswer]] = set()
        self._left = False

    async def ask(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post as it is and return the answer; raises `NoAnswer`."""
        request = httpx.Request("POST", url, content=body, headers=dict(headers))
        request.extensions["timeout"] = self._timeouts
        await self._opened_for(request)
        exchange = asyncio.create_task(self._exchange(request))
        self._under_way.add(exchange)
        found = await asyncio.shield(exchange)
        if isinstance(found, NoAnswer):
            raise found
        return found

    async def leave(self) -> None:
        """Take no more requests, and close as soon as the last is answered."""
        self._left = True
        if not self._under_way:
            await self.close()

    async def close(self) -> None:
        """Close at once; what is under way ends without an answer."""
        with contextlib.suppress(httpx.HTTPError, H2Error, OSError):
            await self._transport.aclose()

    async def ended(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _opened_for(self, request: httpx.Request) -> None:
        """Let the first request open the connection and all others wait for it.

        Else each would try for itself, one after the other, where the host does not answer.
        """
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_future()
            request.extensions["trace"] = self._noticed
        elif (failure := await asyncio.shield(self._opening)) is not None:
            raise NoAnswer(failure.reason)

    async def _noticed(self, event: str, _: object) -> None:
        if event == "connection.start_tls.complete":
            self._note(None)

    def _note(self, failure: NoAnswer | None) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(failure)

    async def _exchange(self, request: httpx.Request) -> Answer | NoAnswer:
        failure: NoAnswer = Lost()
        try:
            response = await self._transport.handle_async_request(request)
            return Answer(response.status_code, response.headers, await response.aread())
        except (httpx.HTTPError, H2Error, OSError, EndOfStream) as trouble:
            failure = _translated(trouble)
            return failure
        finally:
            self._note(failure)
            self._under_way.discard(asyncio.current_task())
            if self._left and not self._under_way:
                await self.close()


def _translated(trouble: Exception) -> NoAnswer:
    """Say what went wrong in a word; the original could hold the address."""
    if isinstance(trouble, httpx.TimeoutException):
        return NoAnswer("timeout")
    if _is_distrust(trouble):
        return NoAnswer("untrusted")
    if isinstance(trouble, (httpx.ConnectError, httpx.UnsupportedProtocol)):
        return NoAnswer("unreachable")
    return Lost()


def _is_distrust(trouble: BaseException | None) -> bool:
    while trouble is not None:
        if isinstance(trouble, ssl.SSLCertVerificationError):
            return True
        trouble = trouble.__cause__ or trouble.__context__
    return False
