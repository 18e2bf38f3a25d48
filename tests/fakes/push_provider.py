"""How tests and the walkthrough start the push provider, and ask it what arrived."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

_ROOT = Path(__file__).resolve().parents[2]


class PushProvider:
    """The provider's process: `with PushProvider() as provider: provider.subscribe()`.

    The log at `log` outlives the process. Each received push is a dict with `n, at` (Unix
    seconds), `endpoint, status, accepted, ttl` (seconds)`, topic, urgency, headers, payload,
    fault`; `payload` is the decrypted JSON, `{t, id, occurrence, title, line, lang, open?}`.
    """

    def __init__(self, log: Path | None = None, certificate: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory() if log is None else None
        self.log = log or Path(self._folder.name if self._folder else "") / "pushes.jsonl"
        self._certificate = certificate
        self._session = requests.Session()
        self._session.trust_env = False
        self._process: subprocess.Popen[str] | None = None
        self.origin = ""

    def start(self) -> Self:
        """Start the process and wait until it listens."""
        command = [sys.executable, "-m", "tests.fakes.push_server", "--log", str(self.log)]
        command.append("--until-orphaned")
        if self._certificate is not None:
            command += ["--certificate", str(self._certificate)]
            self._session.verify = str(self._certificate)
        self._process = subprocess.Popen(
            command, cwd=_ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.origin = self._process.stdout.readline().strip()
        if not self.origin:
            self.stop()
            raise RuntimeError("the push provider did not start")
        return self

    def stop(self) -> None:
        """End the process; the log stays where it was given."""
        self._session.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def subscribe(self, application_server_key: str | None = None) -> dict[str, Any]:
        """Return a new device's subscription, bound to one server's key if given."""
        return self.subscribe_many(1, application_server_key)[0]

    def subscribe_many(
        self, count: int, application_server_key: str | None = None
    ) -> list[dict[str, Any]]:
        """Return so many new subscriptions, each with its own endpoint and keys."""
        wish: dict[str, Any] = {"count": count}
        if application_server_key is not None:
            wish["application_server_key"] = application_server_key
        made: list[dict[str, Any]] = self._post("/_subscribe", wish)
        return made

    def behave(self, **how: Any) -> None:
        """Tell it how to answer from now on; without arguments, normally again.

        `status, retry_after` (seconds or a date)`, delay` (seconds)`, location, mode`
        (`hang | drip | close`)`, times, endpoint`. The first that fits is used.
        """
        self._post("/_behave", how)

    def received(self, since: int = 0, *, accepted: bool | None = None) -> list[dict[str, Any]]:
        """Return the pushes that arrived, from the nth on, refused ones included."""
        answer = self._session.get(f"{self.origin}/_received?since={since}", timeout=30)
        answer.raise_for_status()
        pushes: list[dict[str, Any]] = answer.json()
        return [push for push in pushes if accepted is None or push["accepted"] is accepted]

    def wait_for(
        self, count: int, timeout: float = 10.0, *, since: int = 0
    ) -> list[dict[str, Any]]:
        """Return what arrived since the nth, once at least `count` were accepted.

        Raises AssertionError when that many have not come within `timeout` seconds.
        """
        give_up = time.monotonic() + timeout
        while True:
            pushes = self.received(since, accepted=True)
            if len(pushes) >= count:
                return pushes
            assert time.monotonic() < give_up, f"{len(pushes)} of {count} pushes arrived"
            time.sleep(0.02)

    def logged(self) -> list[dict[str, Any]]:
        """Return what the log file holds; it can be read after the process is gone."""
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._session.post(self.origin + path, json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()
