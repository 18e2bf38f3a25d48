"""Between a phone and the application: answers get lost, requests come twice or out of order."""

from typing import Any

from tests.calls import Caller
from tests.syncing_phones import AnswerLost


class Network:
    """Between one phone and the service; counts what the service says it has created."""

    def __init__(self, call: Caller) -> None:
        self._call = call
        self.created: list[tuple[str, str]] = []
        self.trouble, self.turn = "", 0

    def send(self, body: dict[str, Any]) -> tuple[int, Any]:
        """Send, perhaps twice or in another order; the answer may get lost on its way."""
        done = body["operations"]
        if self.trouble == "reordered":
            self.turn += 1
            body = body | {"operations": [*done[self.turn % 3 :], *done[: self.turn % 3]][::-1]}
        for _ in range(2 if self.trouble == "repeated" else 1):
            answer = self._call("POST", "/me/sync", json=body)
            told = answer.get_json(force=True)
            assert answer.status_code == 200, told
            for each in told["results"]:
                assert each.get("code") != "internal_error", each
                if each["status"] == "created":
                    self.created.append((each["type"], each["id"]))
        if self.trouble == "lost":
            raise AnswerLost
        return 200, told
