"""A phone that keeps a queue and a copy, and syncs as `docs/sync.md` tells app developers to.

It knows nothing of how requests travel: `send` takes a body and returns status and answer, or
raises `AnswerLost`. So one phone serves tests in a process, against a server, and simulations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from flask import Flask

from recovery_service.clock import ManualClock
from recovery_service.extensions import parts
from tests.calls import Caller

COLLECTIONS = ("check_ins", "advice", "appointments", "messages")
MOST_OPERATIONS = 100

Answer = Mapping[str, Any]
Send = Callable[[dict[str, Any]], tuple[int, Answer]]


def driver_url(app: Flask, setting: str) -> str:
    """Return a setting's database address as libpq reads it, for a connection beside the app's."""
    return str(app.config[setting]).replace("+psycopg", "", 1).replace("+", "%20")


class AnswerLost(Exception):
    """The request may have arrived or not: nobody will tell."""


@dataclass
class SyncingPhone:
    """One installation of the app.

    `queue` holds what was not acknowledged, `copy` the objects by collection and id,
    `documents` the last of each; `results` is what came of each operation.
    """

    send: Send
    clock: Callable[[], str]
    queue: list[dict[str, Any]] = field(default_factory=list)
    copy: dict[str, dict[str, Any]] = field(default_factory=lambda: {n: {} for n in COLLECTIONS})
    documents: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    purged: bool = False

    def do(self, kind: str, /, id: str | None = None, **payload: Any) -> str:  # noqa: A002
        """Put something that the patient did into the queue, and return its id."""
        operation = {"id": id or str(uuid4()), "type": kind, "payload": payload}
        self.queue.append(operation)
        return str(operation["id"])

    def sync(self) -> Answer:
        """Send what is queued, take what changed; whatever is lost on the way stays queued."""
        batch = self.queue[:MOST_OPERATIONS]
        body = {"cursor": self.cursor, "sent_at": self.clock(), "operations": batch}
        status, answer = self.send(body)
        if status == 401 and answer["code"] == "access_ended":
            self._purge()
        if status == 200:
            self._take(answer)
        return answer

    def _take(self, answer: Answer) -> None:
        for result in answer["results"]:
            self.results[result["id"]] = result
        again = {each["id"] for each in answer["results"] if each["status"] == "retry"}
        told = {each["id"] for each in answer["results"]} - again
        self.queue = [each for each in self.queue if each["id"] not in told]
        if answer["resync"]:
            self.copy, self.documents = {name: {} for name in COLLECTIONS}, {}
        for name, changed in answer["changes"].items():
            if name in self.copy:
                self.copy[name] |= {each["id"]: each for each in changed}
            else:
                self.documents[name] = changed
        for gone in answer["tombstones"]:
            self.copy[gone["collection"]].pop(gone["id"], None)
        self.cursor = answer["cursor"]

    def _purge(self) -> None:
        self.queue, self.documents, self.cursor, self.purged = [], {}, None, True
        self.copy = {name: {} for name in COLLECTIONS}


def phone_by(call: Caller, clock: ManualClock) -> SyncingPhone:
    """Return a phone whose requests a caller sends."""

    def send(body: dict[str, Any]) -> tuple[int, Any]:
        answer = call("POST", "/me/sync", json=body)
        return answer.status_code, answer.get_json(force=True)

    return SyncingPhone(send, lambda: clock().isoformat())


def reported(at: datetime, **changes: Any) -> dict[str, Any]:
    """Return the payload of a check-in made at an instant; needs the application's context."""
    return {
        "date": f"{at:%Y-%m-%d}",
        "recorded_at": at.isoformat(),
        "time_zone": "Europe/London",
        "form_version": parts().content.check_ins.form_version,
        "answers": {"nrs_back": 3, "wound": "dry"},
    } | changes


def statuses(answer: Answer) -> list[str]:
    """Return how each operation ended."""
    return [each["status"] for each in answer["results"]]
