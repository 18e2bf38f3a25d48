"""A Web Push provider and its devices as a process of their own.

    python -m tests.fakes.push_server --port 0 --log pushes.jsonl

It prints its address once it listens. Every push is checked as RFC 8030 and 8292 ask,
decrypted as RFC 8291 says, and appended to the log in one write before it is answered: the
log is what really arrived, whatever becomes of the process under test.

| call | |
|---|---|
| `POST /_subscribe {count?, application_server_key?}` | new devices; a list of subscriptions |
| `GET /_received?since=n` | the log's lines from the nth on, as a JSON list |
| `POST /_behave {status?, retry_after?, delay?, location?, mode?, times?, endpoint?}` | how to \
answer the next `times` pushes; `mode` is `hang` (no answer), `drip` (a byte a second) or \
`close`; without `times` for ever, an empty one ends it |
"""

import argparse
import asyncio
import json
import os
import ssl
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.push_device import Proofs, PushDevice

_MAX_BODY = 4096
_TOPIC = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class Provider:
    """What the provider knows: its devices, how to behave, and what has arrived."""

    def __init__(self, log: Path) -> None:
        self.origin = ""
        self.devices: dict[str, PushDevice] = {}
        self.lines: list[str] = []
        self.behaviours: list[dict[str, Any]] = []
        self._proofs = Proofs()
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def subscribe(self, wish: dict[str, Any]) -> list[dict[str, Any]]:
        """Make new devices and return their subscriptions."""
        made = []
        for _ in range(wish.get("count", 1)):
            path = f"/push/{len(self.devices)}-{os.urandom(6).hex()}"
            device = PushDevice.new(self.origin + path, wish.get("application_server_key"))
            self.devices[path] = device
            made.append(device.subscription())
        return made

    def behaviour(self, endpoint: str) -> dict[str, Any]:
        """Return how to treat the next push to an endpoint, and count it."""
        for each in self.behaviours:
            if each.get("endpoint", endpoint) == endpoint and each.get("times", 1) > 0:
                if "times" in each:
                    each["times"] -= 1
                return each
        return {}

    def receive(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        """Check, decrypt and log one push; return the status and the behaviour to answer with."""
        at = time.time_ns() / 1e9
        behaviour = self.behaviour(self.origin + path)
        status, fault, payload = self._judge(path, headers, body, at)
        status = behaviour.get("status", status) if status < 300 else status
        self._append(path, headers, at=at, status=status, fault=fault, payload=payload)
        return status, behaviour

    def _judge(
        self, path: str, headers: dict[str, str], body: bytes, at: float
    ) -> tuple[int, str | None, Any]:
        device = self.devices.get(path)
        if device is None:
            return 404, "unknown endpoint", None
        fault = self._proofs.fault(headers.get("authorization", ""), device, now=at)
        if fault is not None:
            return *fault, None
        if len(body) > _MAX_BODY:
            return 413, "too large", None
        topic = headers.get("topic", "")
        if not headers.get("ttl", "").isdigit() or len(topic) > 32 or not set(topic) <= _TOPIC:
            return 400, "ttl or topic", None
        try:
            return 201, None, device.decrypt(body)
        except Exception as error:  # noqa: BLE001 - a provider cannot know; the device would
            return 201, f"undecryptable: {type(error).__name__}", None

    def _append(self, path: str, headers: dict[str, str], **facts: Any) -> None:
        line = json.dumps(
            {
                "n": len(self.lines),
                "endpoint": self.origin + path,
                "accepted": facts["status"] < 300,
                "ttl": int(headers["ttl"]) if headers.get("ttl", "").isdigit() else None,
                "topic": headers.get("topic"),
                "urgency": headers.get("urgency"),
                "headers": {k: v for k, v in headers.items() if k != "authorization"},
                **facts,
            },
            ensure_ascii=False,
        )
        os.write(self._log, line.encode() + b"\n")
        self.lines.append(line)


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as little of it as a provider needs."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            pairs = (line.split(": ", 1) for line in lines)
            headers = {name.lower(): value for name, value in pairs}
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            method, target, _ = first.split(" ")
            self._take(method, target, headers, rest[:length])

    def _take(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        url = urlsplit(target)
        if url.path.startswith("/_"):
            return self._answer(200, json.dumps(self._control(url.path, url.query, body)))
        if method != "POST":
            return self._answer(405)
        status, behaviour = self._provider.receive(url.path, headers, body)
        loop = asyncio.get_running_loop()
        loop.call_later(behaviour.get("delay", 0), self._behave, status, behaviour)
        return None

    def _control(self, path: str, query: str, body: bytes) -> Any:
        provider = self._provider
        if path == "/_subscribe":
            return provider.subscribe(json.loads(body))
        if path == "/_behave":
            wish = json.loads(body)
            provider.behaviours = [*provider.behaviours, wish] if wish else []
            return wish
        since = int(parse_qs(query).get("since", ["0"])[0])
        return [json.loads(line) for line in provider.lines[since:]]

    def _behave(self, status: int, behaviour: dict[str, Any]) -> None:
        mode = behaviour.get("mode")
        if mode == "hang":
            return
        if mode == "close":
            self._transport.abort()
            return
        if mode == "drip":
            self._drip(b"HTTP/1.1 201 Created\r\nX-Slow: " + b"." * 3600)
            return
        extra = {"Location": f"{self._provider.origin}/message/{len(self._provider.lines)}"}
        if "retry_after" in behaviour:
            extra["Retry-After"] = str(behaviour["retry_after"])
        if "location" in behaviour:
            extra["Location"] = behaviour["location"]
        self._answer(status, headers=extra)

    def _drip(self, rest: bytes) -> None:
        if rest and not self._transport.is_closing():
            self._transport.write(rest[:1])
            asyncio.get_running_loop().call_later(0.2, self._drip, rest[1:])

    def _answer(self, status: int, text: str = "", headers: dict[str, str] | None = None) -> None:
        body = text.encode()
        lines = [f"{name}: {value}\r\n" for name, value in (headers or {}).items()]
        head = f"HTTP/1.1 {status} -\r\n{''.join(lines)}Content-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode("latin-1") + body)


async def serve(port: int, log: Path, certificate: str | None, *, until_orphaned: bool) -> None:
    """Serve until killed, or until whoever started us is gone."""
    provider = Provider(log)
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(provider), "127.0.0.1", port, ssl=tls, backlog=1024
    )
    bound = server.sockets[0].getsockname()[1]
    provider.origin = f"http://127.0.0.1:{bound}" if tls is None else f"https://localhost:{bound}"
    print(provider.origin, flush=True)  # noqa: T201 - its address is what it has to say
    if until_orphaned:
        await loop.run_in_executor(None, sys.stdin.read)
        server.close()
    else:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", required=True, help="where each push is appended")
    parser.add_argument("--certificate", help="PEM with key and chain: serve https")
    parser.add_argument("--until-orphaned", action="store_true", help="end with standard input")
    chosen = parser.parse_args()
    asyncio.run(
        serve(
            chosen.port,
            Path(chosen.log),
            chosen.certificate,
            until_orphaned=chosen.until_orphaned,
        )
    )


if __name__ == "__main__":
    main()
