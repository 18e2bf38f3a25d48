"""An HTTP server on a real socket for fakes: it keeps what it is sent, and answers as told."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    """One request as it came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def readable(self) -> str:
        """Return all of it as text: what anybody who holds it can read."""
        head = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        return f"{self.method} {self.path}\n{head}\n{self.body.decode()}"


@dataclass(frozen=True)
class Reply:
    """What to answer; `mode` is `hang` (nothing), `drip` (byte by byte), `cut` or `close`.

    `cut` promises more of a body than comes, `close` ends without a word.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    mode: str = "answer"


def json_reply(status: int, fields: Mapping[str, Any], **changes: Any) -> Reply:
    return Reply(status, json.dumps(fields).encode(), **changes)


class HttpFake:
    """`with HttpFake() as server:` listens on 127.0.0.1; over TLS with a certificate.

    `received` is every whole request, `accepted` those answered with success, `connections`
    how many were opened. `reply` overrides the answer until it is None again.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.received: list[Received] = []
        self.accepted: list[Received] = []
        self.connections = 0
        self.reply: Reply | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._server = _Server(self, certificate)
        self.port: int = self._server.server_address[1]
        scheme, host = ("https", "localhost") if certificate else ("http", "127.0.0.1")
        self.origin = f"{scheme}://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def answer(self, request: Received) -> Reply:
        """Return what a server of this kind answers; to be overridden."""
        raise NotImplementedError

    def take(self, request: Received) -> Reply:
        """Keep a request and return the reply to it."""
        usual = self.answer(request)
        reply = self.reply if self.reply is not None and usual.status < 300 else usual
        with self._lock:
            self.received.append(request)
            if reply.status < 300 and reply.mode == "answer":
                self.accepted.append(request)
        return reply

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def wait(self, seconds: float) -> bool:
        """Wait; True when the server ends meanwhile."""
        return self._over.wait(seconds)


class _Server(ThreadingHTTPServer):
    request_queue_size = 256

    def __init__(self, fake: HttpFake, certificate: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fake = fake
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            # Shaken in the connection's own thread, so that a silent client stops nobody.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def process_request(self, request: Any, client_address: Any) -> None:
        self.fake.opened(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.fake.closed(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away: tests make them do so."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Received(self.command, self.path, headers, self.rfile.read(length))
        reply = self.server.fake.take(request)
        getattr(self, f"_{reply.mode}")(reply)

    def _answer(self, reply: Reply, *, missing: int = 0) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) + missing))
        self.end_headers()
        self.wfile.write(reply.body)

    def _cut(self, reply: Reply) -> None:
        self._answer(reply, missing=10)
        self.close_connection = True

    def _close(self, _reply: Reply) -> None:
        self.close_connection = True

    def _hang(self, _reply: Reply) -> None:
        self.server.fake.wait(3600)
        self.close_connection = True

    def _drip(self, _reply: Reply) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"." * 3600:
            if self.server.fake.wait(0.2):
                break
            self.wfile.write(bytes([byte]))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing of a fake is logged."""
