"""Outbound HTTP to addresses that clients gave: guarded, bounded, never redirected."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from recovery_service.reminders.channels.addresses import Resolver, public_addresses

_ORIGINS_KEPT = 64
_ADDRESSES_TRIED = 2  # of one host, sharing the connect timeout
_BODY_KEPT = 2048  # bytes of an answer read so that its connection can be used again


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer; of the body what came at once, at most 2 KiB.

    A body may repeat the address that it refuses, so it is kept out of `repr`.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)


class Unanswered(HTTPError):
    """The request went out and no answer came: it may have been taken, or not."""

    def __init__(self, trouble: Exception) -> None:
        super().__init__("no answer")
        self.trouble = trouble


class Connections:
    """A pool of keep-alive connections that only lead to public addresses.

    Every connection resolves its host itself, has each address checked, and connects to the
    very address that was checked; the certificate is still the name's. Redirects are answers,
    no proxy is taken from the environment, and nothing is sent twice.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        connect_seconds: float = 3.0,
        read_seconds: float = 8.0,
        allow_private: bool = False,
        ca_file: str | None = None,
        resolve: Resolver | None = None,
    ) -> None:
        self.allow_private = allow_private
        self._resolve = resolve
        self._connect_seconds = connect_seconds
        self._in_use: dict[int, tuple[HTTPConnection, float]] = {}
        self._written: set[int] = set()
        context = ssl.create_default_context(cafile=ca_file)
        self._manager = urllib3.PoolManager(
            num_pools=_ORIGINS_KEPT,
            maxsize=concurrency,
            retries=False,
            timeout=urllib3.Timeout(connect=connect_seconds, read=read_seconds),
            ssl_context=context,
        )
        self._manager.pool_classes_by_scheme = {
            "http": self._pool(HTTPConnectionPool, HTTPConnection),
            "https": self._pool(HTTPSConnectionPool, HTTPSConnection),
        }

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one request and return its answer.

        Raises `UnsafeEndpoint` for an address that is not public, `Unanswered` when the
        request was begun and nothing came back, and another `HTTPError` when it was not.
        """
        thread = threading.get_ident()
        try:
            response = self._manager.urlopen(
                "POST", url, body=body, headers=headers, redirect=False, preload_content=False
            )
            return Answer(response.status, response.headers, self._finish(response))
        except (HTTPError, OSError) as trouble:
            if thread in self._written:
                raise Unanswered(trouble) from trouble
            raise
        finally:
            self._in_use.pop(thread, None)
            self._written.discard(thread)

    def cut(self, *, longer_than: float) -> None:
        """End requests that take more than so many seconds; their threads see a lost connection.

        A read timeout counts from byte to byte, so an endpoint that drips its answer would
        hold a thread for as long as it likes.
        """
        latest = time.monotonic() - longer_than
        for connection, began in list(self._in_use.values()):
            if began < latest:
                with contextlib.suppress(OSError, AttributeError):
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close every idle connection."""
        self._manager.clear()

    def connect(self, connection: HTTPConnection) -> socket.socket:
        """Open the socket of one connection, to a checked address."""
        answers = public_addresses(
            connection.host.strip("[]"),
            connection.port or connection.default_port,
            allow_private=self.allow_private,
            resolve=self._resolve,
        )
        tried = answers[:_ADDRESSES_TRIED]
        failure: OSError = OSError("no address")
        for family, kind, proto, _, address in tried:
            opened = socket.socket(family, kind, proto)
            try:
                opened.settimeout(self._connect_seconds / len(tried))
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened.connect(address)
            except OSError as error:
                opened.close()
                failure = error
            else:
                return opened
        if isinstance(failure, TimeoutError):
            raise urllib3.exceptions.ConnectTimeoutError(connection, "connect timed out")
        raise urllib3.exceptions.NewConnectionError(connection, "refused") from failure

    def started(self, connection: HTTPConnection) -> None:
        """Note which connection the calling thread waits for, and since when."""
        thread = threading.get_ident()
        _, began = self._in_use.get(thread, (None, time.monotonic()))
        self._in_use[thread] = (connection, began)

    def writing(self) -> None:
        """Note that the calling thread's request has begun to leave."""
        self._written.add(threading.get_ident())

    def _pool(
        self, pool: type[HTTPConnectionPool], connection: type[HTTPConnection]
    ) -> type[HTTPConnectionPool]:
        guarded = type("Guarded", (_Guarded, connection), {"connections": self})
        return type("GuardedPool", (pool,), {"ConnectionCls": guarded})

    @staticmethod
    def _finish(response: urllib3.BaseHTTPResponse) -> bytes:
        """Return the beginning of the body; hand the connection back if that was all of it.

        The status is the answer: a body that breaks off changes nothing about it.
        """
        body = b""
        try:
            body = response.read(_BODY_KEPT, decode_content=False)
            if response.read(1, decode_content=False):
                response.close()
        except (HTTPError, OSError):
            response.close()
        response.release_conn()
        return body


class _Guarded(HTTPConnection):
    """An urllib3 connection that has its address checked and can be cut."""

    connections: Connections

    def _new_conn(self) -> socket.socket:
        return self.connections.connect(self)

    def connect(self) -> None:
        self.connections.started(self)
        super().connect()

    def request(self, *args: object, **kwargs: object) -> None:
        self.connections.started(self)
        super().request(*args, **kwargs)  # type: ignore[arg-type]

    def send(self, data: Any) -> None:
        """Write; plain connections are opened by their first word."""
        if self.sock is None:
            self.connect()
        self.connections.writing()
        super().send(data)
