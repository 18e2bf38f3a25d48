"""A mobile network between phones and a server, as a process of its own.

    python -m tests.fakes.flaky_network PORT SEED

It prints its own port and passes each request on to PORT of the loopback, mostly with trouble:
`asked_in_vain` never arrives, `lost` arrives and its answer does not come back, `twice` arrives
twice, `late` comes once more before the phone's next one, `shuffled` has its operations in
another order. `GET /_troubles` tells how often each happened. It ends with its parent.
"""

import http.client
import json
import random
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TROUBLES = {"none": 20, "asked_in_vain": 10, "lost": 30, "twice": 15, "late": 15, "shuffled": 15}
_SECONDS = 60
_PASSED_ON = ("Authorization", "Content-Type")


class Network:
    """What the network does next, and what it did."""

    def __init__(self, port: int, seed: int) -> None:
        self.troubles: Counter[str] = Counter()
        self._port, self._lock = port, threading.Lock()
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
        self._earlier: dict[str, bytes] = {}

    def next_trouble(self) -> str:
        """Choose what happens to a request."""
        with self._lock:
            (chosen,) = self._chance.choices(list(TROUBLES), list(TROUBLES.values()))
            self.troubles[chosen] += 1
        return chosen

    def pass_on(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes] | None:
        """Return the server's answer; None where the phone is to hear nothing."""
        trouble = self.next_trouble()
        who = headers["Authorization"]
        earlier, self._earlier[who] = self._earlier.get(who), body
        if trouble == "asked_in_vain":
            return None
        if trouble == "shuffled":
            body = self._shuffled(body)
        if trouble == "late" and earlier is not None:
            self._ask(path, headers, earlier)
        if trouble == "twice":
            self._ask(path, headers, body)
        answer = self._ask(path, headers, body)
        return None if trouble == "lost" else answer

    def _shuffled(self, body: bytes) -> bytes:
        told: dict[str, Any] = json.loads(body)
        self._chance.shuffle(told["operations"])
        return json.dumps(told).encode()

    def _ask(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_SECONDS)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def serve(port: int, seed: int) -> None:
    """Pass requests on until standard input ends."""
    network = Network(port, seed)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Pass a request on, or let the connection break off."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: self.headers[name] for name in _PASSED_ON}
            answer = network.pass_on(self.path, headers, body)
            if answer is None:
                self.close_connection = True
            else:
                self._answer(*answer)

        def do_GET(self) -> None:
            """Tell what happened."""
            self._answer(200, json.dumps(network.troubles).encode())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
