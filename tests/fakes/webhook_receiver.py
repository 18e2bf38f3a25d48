"""A receiver of webhooks that believes only what is signed (Standard Webhooks)."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from recovery_service.clock import SystemClock
from tests.fakes.http_server import HttpFake, Received, Reply

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
_TOLERANCE_SECONDS = 300


class WebhookReceiver(HttpFake):
    """Answers 204 to what is signed with `secret` and fresh, and 401 to the rest."""

    def __init__(self, certificate: Path | None = None, *, secret: str = SECRET) -> None:
        super().__init__(certificate)
        self._key = base64.b64decode(secret.removeprefix("whsec_"))

    @property
    def url(self) -> str:
        return f"{self.origin}/reminders"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self.accepted]

    def answer(self, request: Received) -> Reply:
        return Reply(204 if self._believes(request) else 401)

    def _believes(self, request: Received) -> bool:
        stamp = request.headers.get("webhook-timestamp", "")
        now = SystemClock()().timestamp()
        if not stamp.isdigit() or abs(int(stamp) - now) > _TOLERANCE_SECONDS:
            return False
        signed = b".".join([request.headers["webhook-id"].encode(), stamp.encode(), request.body])
        right = base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()
        given = request.headers.get("webhook-signature", "").split(" ")
        return any(hmac.compare_digest(each, f"v1,{right}") for each in given)
