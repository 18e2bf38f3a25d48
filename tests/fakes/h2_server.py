"""HTTP/2 over TLS on localhost, as a provider speaks it: many streams, GOAWAY, and bad days."""

import asyncio
import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError


@dataclass(frozen=True)
class Request:
    """One request as it came; header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What to answer; `body` becomes JSON."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class H2Server:
    """`with H2Server(certificate) as server:` answers at `server.origin`; subclasses say what.

    `behave(mode=…, delay=…, times=…, path=…)` makes it answer badly: `mode` is `hang` (never),
    `drip` (a byte of the body now and then), `abort` (the connection goes), `goaway` (not
    processed, said so), `goaway_after` (answered, then no more). `times` says how often, else
    until told otherwise; `path` is a part of the requests' path. Requests count in `requests`
    once they are read, whatever becomes of them.
    """

    def __init__(self, certificate: Path) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.port = 0
        self._behaviours: list[dict[str, Any]] = []
        self._open: set[_Connection] = set()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._tls.set_alpn_protocols(["h2"])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server

    @property
    def origin(self) -> str:
        """The address, for whom the certificate is trusted."""
        return f"https://localhost:{self.port}"

    def reply(self, request: Request) -> Reply:
        """Return what to answer to a request; runs in the server's thread."""
        raise NotImplementedError

    def behave(self, **how: Any) -> None:
        """Answer so from now on; without arguments, normally again."""
        self._behaviours = [*self._behaviours, how] if how else []

    def behaviour(self, path: str) -> dict[str, Any]:
        """Return how to answer the next request for `path`, and count it."""
        for each in self._behaviours:
            if each.get("path", "") in path and each.get("times", 1) > 0:
                if "times" in each:
                    each["times"] -= 1
                return each
        return {}

    def drop_connections(self, *, goaway: bool) -> None:
        """Close every connection that is open, with or without a word."""
        dropped = asyncio.run_coroutine_threadsafe(self._drop(goaway=goaway), self._loop)
        dropped.result(5)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> None:
        self._server = await self._loop.create_server(
            lambda: _Connection(self, self._open), "127.0.0.1", 0, ssl=self._tls, backlog=256
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _drop(self, *, goaway: bool) -> None:
        for connection in list(self._open):
            connection.end(goaway=goaway)
        await asyncio.sleep(0.05)

    async def _stop(self) -> None:
        self._server.close()
        for connection in list(self._open):
            connection.transport.abort()
        await asyncio.sleep(0.05)


class _Connection(asyncio.Protocol):
    """One client; its streams are answered in any order."""

    def __init__(self, server: H2Server, opened: set["_Connection"]) -> None:
        self._server = server
        self._opened = opened
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._streams: dict[int, tuple[dict[str, str], bytearray]] = {}
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.connections += 1
        self._opened.add(self)
        self._h2.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._opened.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except ProtocolError:
            self.transport.abort()
        self._flush()

    def end(self, *, goaway: bool) -> None:
        if goaway:
            self._h2.close_connection()
            self._flush()
        self.transport.close()

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            assert event.stream_id is not None
            headers = {str(name): str(value) for name, value in event.headers or ()}
            self._streams[event.stream_id] = headers, bytearray()
        elif isinstance(event, DataReceived):
            assert event.stream_id is not None
            self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            self._streams[event.stream_id][1].extend(event.data or b"")
        elif isinstance(event, StreamEnded):
            assert event.stream_id is not None
            self._serve(event.stream_id, *self._streams.pop(event.stream_id))

    def _serve(self, stream: int, headers: dict[str, str], body: bytearray) -> None:
        request = Request(headers[":path"], headers, bytes(body))
        self._server.requests.append(request)
        behaviour = self._server.behaviour(request.path)
        mode = behaviour.get("mode")
        if mode == "hang":
            return
        if mode == "abort":
            self.transport.abort()
        elif mode == "goaway":
            self._h2.close_connection(last_stream_id=max(stream - 2, 0))
            self._flush()
            self.transport.close()
        else:
            reply = self._server.reply(request)
            loop = asyncio.get_running_loop()
            loop.call_later(behaviour.get("delay", 0), self._answer, stream, reply, mode)

    def _answer(self, stream: int, reply: Reply, mode: str | None) -> None:
        if self.transport.is_closing():
            return
        body = b"" if reply.body is None else json.dumps(reply.body).encode()
        try:
            fields = [(":status", str(reply.status)), *reply.headers.items()]
            self._h2.send_headers(stream, fields)
            if mode == "drip":
                self._drip(stream)
                return
            self._h2.send_data(stream, body, end_stream=True)
        except ProtocolError:  # the client has given it up
            return
        if mode == "goaway_after":
            self._h2.close_connection(last_stream_id=stream)
            self._flush()
            self.transport.close()
        self._flush()

    def _drip(self, stream: int) -> None:
        if self.transport.is_closing():
            return
        self._h2.send_data(stream, b" ")
        self._flush()
        asyncio.get_running_loop().call_later(0.1, self._drip, stream)

    def _flush(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self._h2.data_to_send())
