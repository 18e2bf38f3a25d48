"""Patients who use the app meanwhile: requests at a stated rate, and how long each took.

`python -m benchmarks.visitors <address> <file of phones> <form version> <a second> <seconds>`.
Requests begin when they are due, whether or not earlier ones were answered, and a request's
time counts from when it was due; so a server that stalls cannot hide it. Of every five, four
open the app and one sends a check-in.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

_CHECK_IN_EVERY = 5
_PATIENCE = 30.0


class Visitors:
    """Requests over connections that are kept and used in turn."""

    def __init__(self, address: str, phones: list[list[str]], form: str) -> None:
        at = urlsplit(address)
        self._host, self._port = at.hostname or "", at.port or 80
        self._phones, self._form = phones, form
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.took: list[tuple[float, float, int]] = []

    async def come(self, rate: int, seconds: float) -> None:
        """Send so many requests a second for so long."""
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                due = started + number / rate
                await asyncio.sleep(due - time.monotonic())
                group.create_task(self._visit(number, due))

    async def _visit(self, number: int, due: float) -> None:
        at = time.time()
        status = 0
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_PATIENCE):
                status = await self._ask(self._request(number))
        self.took.append((at, time.monotonic() - due, status))

    async def _ask(self, request: bytes) -> int:
        """Use a connection that is idle; one that the server has closed meanwhile is none."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return await self._ask_over(reader, writer, request)
        return await self._ask_over(*await asyncio.open_connection(self._host, self._port), request)

    async def _ask_over(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> int:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        self._idle.append((reader, writer))
        return int(head.split(b" ", 2)[1])

    def _request(self, number: int) -> bytes:
        token, zone, today = self._phones[number % len(self._phones)]
        shared = f"Host: {self._host}\r\nAuthorization: Bearer {token}\r\n"
        if number % _CHECK_IN_EVERY:
            return f"GET /api/v1/me HTTP/1.1\r\n{shared}\r\n".encode()
        body = json.dumps(_check_in(self._form, zone, today)).encode()
        shared += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"POST /api/v1/me/check-ins HTTP/1.1\r\n{shared}\r\n".encode() + body


def _check_in(form: str, zone: str, today: str) -> dict[str, object]:
    return {
        "id": str(uuid4()),
        "date": today,
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "time_zone": zone,
        "form_version": form,
        "answers": {"nrs_back": 3, "nrs_leg": 2, "wound": "dry", "temp_c": 36.6, "fall": False},
    }


def main() -> None:
    """Come and go, then print when each request was sent, how long it took and its status."""
    address, listing, form, rate, seconds = sys.argv[1:]
    phones = [line.split() for line in Path(listing).read_text().splitlines()]
    visitors = Visitors(address, phones, form)
    asyncio.run(visitors.come(int(rate), float(seconds)))
    print(json.dumps(visitors.took))


if __name__ == "__main__":
    main()
