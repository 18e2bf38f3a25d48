"""Runs the vectors of `contract/sync/` against a server: by its address and a clinician's sign-in.

`python -m tests.contract.sync_runner http://127.0.0.1:8000 EMAIL PASSWORD` on a clinic that may be
written to. Everything goes through the public API, so it need not be this implementation. How a
vector reads is in `docs/sync.md`.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from tests.contract.sync_matching import differences

FOLDER = Path(__file__).parents[2] / "contract" / "sync"
BORN = "1970-01-01"

_INSTANT = re.compile(r"@([+-]\d+)h")
_DAY = re.compile(r"@day([+-]\d+)")


class Differs(AssertionError):
    """An answer is not what the vector says."""


def vectors() -> list[dict[str, Any]]:
    """Return all vectors, by name."""
    return [json.loads(each.read_text("utf-8")) for each in sorted(FOLDER.glob("*.json"))]


@dataclass
class Server:
    """A service under test."""

    url: str

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        """Send a request with JSON and return status and answer."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        told = None if body is None else json.dumps(body).encode()
        address = f"{self.url}/api/v1{path}"
        request = Request(address, told, headers, method=method)  # noqa: S310 - as it was given
        try:
            with urlopen(request) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except HTTPError as refused:
            return refused.code, json.loads(refused.read())

    def time(self) -> datetime:
        """Return the server's time, by the header that every answer has."""
        with urlopen(f"{self.url}/healthz") as answer:  # noqa: S310
            return parsedate_to_datetime(answer.headers["Date"])


@dataclass
class Run:
    """One vector on its way: a patient of its own, phones by name, ids by name."""

    server: Server
    staff: str
    now: datetime
    patient: str = ""
    episode: str = ""
    form: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    cursors: dict[str, str | None] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    code: str = ""

    def play(self, vector: Mapping[str, Any]) -> None:
        """Take all steps; raises Differs at the first answer that is another."""
        self._register()
        for place, step in enumerate(vector["steps"]):
            if "staff" in step:
                getattr(self, f"_{step['staff']}")()
            else:
                self._sync(step, f"{vector['name']}, step {place}")

    def _must(self, method: str, path: str, body: Any, token: str = "") -> Any:
        status, answer = self.server.call(method, path, body, token)
        if status >= 300:
            raise Differs(f"{method} {path}: {status} {answer}")
        return answer

    def _register(self) -> None:
        me = {"name": "Sync Vector", "date_of_birth": BORN, "time_zone": "Europe/London"}
        episode = {
            "procedure": "lumbar_microdiscectomy",
            "discharge_date": str(self.now.date()),
        }
        made = self._must(
            "POST", "/patients", me | {"locale": "en", "episode": episode}, self.staff
        )
        self.patient, self.code = made["patient"]["id"], made["enrolment_code"]
        self.episode = made["patient"]["episode"]["id"]

    def _enrol(self, phone: str) -> None:
        if not self.code:
            path = f"/patients/{self.patient}/enrolment-codes"
            self.code = self._must("POST", path, {}, self.staff)["enrolment_code"]
        device = {
            "id": str(uuid4()), "name": phone, "platform": "ios", "time_zone": "Europe/London",
            "locale": "en", "app_version": "1.0.0",
        }  # fmt: skip
        told = {
            "code": self.code, "date_of_birth": BORN, "device": device,
            "consents": [{"document": "privacy", "version": "1"}],
        }  # fmt: skip
        self.tokens[phone] = self._must("POST", "/enrolments", told)["access_token"]
        self.code = ""
        form = self._must("GET", "/me/check-in-form", None, self.tokens[phone])
        self.form = form["form_version"]
        empty = {"sent_at": "2026-01-01T00:00:00Z", "operations": []}
        told = self._must("POST", "/me/sync", empty, self.tokens[phone])
        self.now = datetime.fromisoformat(told["clock"]["now"])

    def _end_access(self) -> None:
        path = f"/episodes/{self.episode}/end"
        self._must("POST", path, {"reason": "entered_in_error"}, self.staff)

    def _lost_device(self) -> None:
        path = f"/patients/{self.patient}/enrolment-codes"
        self.code = self._must("POST", path, {"lost_device": True}, self.staff)["enrolment_code"]

    def _sync(self, step: Mapping[str, Any], where: str) -> None:
        phone, wanted = step["phone"], step["sync"]
        if phone not in self.tokens:
            self._enrol(phone)
        cursor = wanted["cursor"]
        given = {"none": None, "last": self.cursors.get(phone)}.get(cursor, cursor)
        sent_at = self.now + timedelta(seconds=wanted["skew_seconds"])
        operations = self._filled(wanted["operations"])
        body = {"cursor": given, "sent_at": sent_at.isoformat(), "operations": operations}
        status, answer = self.server.call("POST", "/me/sync", body, self.tokens[phone])
        expected = step["expect"]
        if status != expected["status"]:
            raise Differs(f"{where}: {status} {answer}")
        wrong = list(differences(self._filled(expected["body"]), answer))
        if wrong:
            raise Differs(f"{where}: " + "; ".join(wrong))
        if status == 200 and not step.get("lose_answer"):
            self.cursors[phone] = answer["cursor"]

    def _filled(self, value: Any) -> Any:
        """Put ids, instants and days in the place of their names."""
        if isinstance(value, dict):
            return {name: self._filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        return self._word(value) if isinstance(value, str) else value

    def _word(self, word: str) -> str:
        if word.startswith("$") and word != "$absent":
            return self.ids.setdefault(word, str(uuid4()))
        if found := _INSTANT.fullmatch(word):
            return (self.now + timedelta(hours=int(found[1]))).isoformat()
        if found := _DAY.fullmatch(word):
            return str(self.now.date() + timedelta(days=int(found[1])))
        return self.form if word == "@form" else word


def sign_in(server: Server, email: str, password: str) -> str:
    """Return the token of a clinician."""
    status, answer = server.call("POST", "/staff/tokens", {"email": email, "password": password})
    if status >= 300:
        raise Differs(f"sign-in: {status} {answer}")
    return str(answer["access_token"])


if __name__ == "__main__":
    _server = Server(sys.argv[1].rstrip("/"))
    _token = sign_in(_server, sys.argv[2], sys.argv[3])
    for _vector in vectors():
        Run(_server, _token, _server.time()).play(_vector)
        sys.stdout.write(f"{_vector['name']}: as agreed\n")
