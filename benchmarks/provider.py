"""A provider that counts: a process outside of every engine, cheap enough to be nobody's limit.

`python -m benchmarks.provider` listens on a free port, prints its address, and answers every
`POST /r/<number>` with 200. It notes how often each number came, and when it came first, by
the wall clock. It ends with its standard input.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
_LENGTH = b"content-length:"


@dataclass(frozen=True)
class Tally:
    """What arrived of the reminders `first` to `last - 1`: what never came, and what came again."""

    wanted: int
    lost: int
    duplicates: int

    def __str__(self) -> str:
        return f"{self.lost} lost, {self.duplicates} twice"


class _Books:
    """What the process has seen."""

    def __init__(self) -> None:
        self.times: Counter[int] = Counter()
        self.first: dict[int, float] = {}

    def note(self, number: int) -> None:
        self.times[number] += 1
        if number not in self.first:
            self.first[number] = time.time()

    def answer(self, path: str) -> bytes:
        if path == "/seen":
            return json.dumps([len(self.times), self.times.total()]).encode()
        if path == "/report":
            return json.dumps([[n, k, self.first[n]] for n, k in self.times.items()]).encode()
        self.times.clear()
        self.first.clear()
        return b"[]"


class _Connection(asyncio.Protocol):
    """One client; requests may come in pieces, one after another."""

    def __init__(self, books: _Books) -> None:
        self._books = books
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, piece: bytes) -> None:
        self._received += piece
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            whole = end + 4 + _length(head)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            self._transport.write(self._answer(head))

    def _answer(self, head: bytes) -> bytes:
        path = head[: head.index(b"\r\n")].split(b" ")[1].decode()
        if path.startswith("/r/"):
            self._books.note(int(path[3:]))
            return _OK
        body = self._books.answer(path)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _length(head: bytes) -> int:
    low = head.lower()
    at = low.find(_LENGTH)
    return int(low[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0


class Provider:
    """The process as the harness sees it."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        address = urlsplit(origin)
        self._connection = HTTPConnection(address.hostname or "", address.port or 0, timeout=60)

    def seen(self) -> tuple[int, int]:
        """Return how many different reminders came, and how many requests in all."""
        distinct, total = self._ask("/seen")
        return distinct, total

    def first_arrivals(self) -> dict[int, float]:
        """Return when each reminder came first, in Unix seconds."""
        return {number: at for number, _, at in self._ask("/report")}

    def tally(self, numbers: range) -> Tally:
        """Count what of these never came, and what came more than once."""
        times = {number: count for number, count, _ in self._ask("/report") if number in numbers}
        again = sum(times.values()) - len(times)
        return Tally(wanted=len(numbers), lost=len(numbers) - len(times), duplicates=again)

    def forget(self) -> None:
        """Start with empty books."""
        self._ask("/forget")

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _ask(self, path: str) -> Any:
        self._connection.request("GET", path)
        return json.loads(self._connection.getresponse().read())


@contextmanager
def counting_provider() -> Iterator[Provider]:
    """Lend a provider's process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.provider"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        provider = Provider(process.stdout.readline().strip())
        yield provider
        provider.close()
    finally:
        process.kill()
        process.communicate()


async def _serve() -> None:
    books = _Books()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(books), "127.0.0.1", 0, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Serve until standard input ends; with uvloop where it is installed."""
    with suppress(ImportError):
        import_module("uvloop").install()
    asyncio.run(_serve())


if __name__ == "__main__":
    main()
